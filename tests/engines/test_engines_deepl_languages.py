"""DeepL's codes and ours, and which glossary goes with which pair."""

import pytest
from deepl_stand_in import SOURCES as OFFERED_SOURCES
from deepl_stand_in import TARGETS as OFFERED_TARGETS

from sts_actors.engines.deepl.glossaries import choose_glossary, parse_glossaries
from sts_actors.engines.deepl.languages import (
    SOURCES,
    TARGETS,
    language_pairs,
    our_language,
    source_code,
    target_code,
)
from sts_actors.errors import ConfigError


@pytest.mark.parametrize(
    ("tag", "code"),
    [("en", "EN"), ("en-GB", "EN"), ("PT_br", "PT"), ("no", "NB"), ("nn", "NB"), ("iw", "HE"), ("zh", "ZH")],
)
def test_a_source_has_no_region(tag, code):
    assert source_code(tag) == code


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("de", "DE"),
        ("de-AT", "DE"),
        ("en", "EN-US"),
        ("en-US", "EN-US"),
        ("en-GB", "EN-GB"),
        ("EN_gb", "EN-GB"),
        ("en-AU", "EN-GB"),
        ("pt", "PT-BR"),
        ("pt-PT", "PT-PT"),
        ("pt-br", "PT-BR"),
        ("zh", "ZH-HANS"),
        ("zh-CN", "ZH-HANS"),
        ("zh-Hant-HK", "ZH-HANT"),
        ("zh-TW", "ZH-HANT"),
        ("es", "ES"),
        ("es-419", "ES-419"),
        ("no", "NB"),
    ],
)
def test_a_target_has_the_region_that_the_service_insists_on(tag, code):
    assert target_code(tag) == code
    assert target_code(tag, OFFERED_TARGETS) == code


def test_every_language_that_can_be_heard_is_mapped_to_one_that_is_offered():
    for code in SOURCES:
        assert target_code(our_language(code)) in TARGETS
        assert source_code(our_language(code)) == code


def test_never_the_two_targets_that_the_library_refuses():
    for tag in ("en", "pt", "en-ZZ", "pt-ZZ"):
        for offered in ((), TARGETS, ("EN", "PT"), ("EN", "PT", "EN-GB", "PT-BR")):
            assert target_code(tag, offered) not in {"EN", "PT"}


@pytest.mark.parametrize(
    ("tag", "offered", "code"),
    [
        ("pt", ("PT-BR",), "PT-BR"),
        ("pt-BR", ("PT-PT",), "PT-PT"),
        ("zh-Hant", ("ZH",), "ZH"),
        ("es-419", ("ES",), "ES"),
        ("en", ("en-gb",), "EN-GB"),
        ("fr", ("DE",), "FR"),
    ],
)
def test_where_the_service_lacks_the_best_code_another_region_stands_in(tag, offered, code):
    assert target_code(tag, offered) == code


def test_pairs_are_in_our_codes_without_a_language_and_itself():
    pairs = language_pairs(["EN", "NB"], ["EN-GB", "EN-US", "PT-BR"])
    assert pairs == (
        ("en", "pt"),
        ("nb", "en"),
        ("nb", "pt"),
        ("nn", "en"),
        ("nn", "pt"),
        ("no", "en"),
        ("no", "pt"),
    )
    assert ("en", "pt") in language_pairs(OFFERED_SOURCES, OFFERED_TARGETS)


def test_one_glossary_is_for_every_pair():
    assert choose_glossary(parse_glossaries(" abc-1 "), "en", "pt") == "abc-1"


def test_glossaries_of_pairs_are_kept_to_them():
    glossaries = parse_glossaries("en-pt=abc, EN-de = def,")
    assert choose_glossary(glossaries, "en", "pt") == "abc"
    assert choose_glossary(glossaries, "en", "de") == "def"
    assert choose_glossary(glossaries, "pt", "en") is None
    assert parse_glossaries("") == {}


@pytest.mark.parametrize("text", ["a,b", "en=abc", "en-pt=", "en-pt=a,b"])
def test_what_is_neither_stops_the_start(text):
    with pytest.raises(ConfigError, match="DEEPL_GLOSSARY_ID"):
        parse_glossaries(text)
