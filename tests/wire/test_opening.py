"""`stream:init` in both dialects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.errors import ErrorCode, ServiceError
from sts_actors.messages import Bed, Container, SeamPolicy
from sts_actors.wire.opening import Defaults, Dialect, parse_opening

FLAT = {
    "source_language": "en",
    "target_language": "pt",
    "voice_profile": "anna",
    "chunk_duration_ms": 6000,
    "sample_rate_hz": 16000,
    "channels": 1,
    "format": "pcm_s16le",
}


def parse(data, headers=None, **defaults):
    return parse_opening(data, headers=headers or {}, defaults=Defaults(**defaults), new_id=lambda: "made")


def test_a_flat_opening_is_read_field_by_field():
    opening = parse(FLAT)
    assert opening.dialect is Dialect.FLAT
    assert opening.config.voice == "anna"
    assert opening.config.label.container is Container.PCM_S16LE
    assert opening.config.label.sample_rate_hz == 16000
    assert (opening.config.max_inflight, opening.config.timeout_ms) == (3, 8000)


def test_a_nested_opening_takes_its_ids_from_outside_and_the_rest_from_config():
    opening = parse(
        {
            "stream_id": "match-7",
            "worker_id": "w1",
            "config": FLAT | {"format": "m4a", "sample_rate_hz": 48000, "channels": 2, "max_inflight": 5},
        }
    )
    assert opening.dialect is Dialect.NESTED
    assert (opening.config.stream_id, opening.worker_id) == ("match-7", "w1")
    assert opening.config.label.container is Container.M4A
    assert opening.config.max_inflight == 5


def test_headers_name_the_stream_where_the_payload_does_not():
    assert parse(FLAT, {"X-Stream-ID": "from-header"}).config.stream_id == "from-header"
    assert parse(FLAT | {"stream_id": "own"}, {"X-Stream-ID": "from-header"}).config.stream_id == "own"
    assert parse(FLAT).config.stream_id == "made"


def test_the_service_decides_where_the_worker_says_nothing():
    config = parse(FLAT, max_inflight=7, timeout_ms=5000).config
    assert (config.max_inflight, config.timeout_ms) == (7, 5000)


@pytest.mark.parametrize(
    ("given", "normal"), [("EN", "en"), ("en-US", "en-us"), ("pt_BR", "pt-br"), ("zh-Hans-CN", "zh-hans-cn")]
)
def test_languages_are_normalised(given, normal):
    assert parse(FLAT | {"source_language": given}).config.source_language == normal


@pytest.mark.parametrize("bad", [None, "", "e", "english", "en\n", 7, ["en"], "en--us", "../en"])
def test_what_is_no_language_is_unsupported(bad):
    with pytest.raises(ServiceError, match="source_language") as caught:
        parse(FLAT | {"source_language": bad})
    assert caught.value.code is ErrorCode.UNSUPPORTED_LANGUAGE


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("sample_rate_hz", 7999),
        ("sample_rate_hz", 96001),
        ("sample_rate_hz", True),
        ("sample_rate_hz", 16000.0),
        ("sample_rate_hz", "16000"),
        ("channels", 0),
        ("channels", 3),
        ("format", "mp3"),
        ("format", "adts"),
        ("max_inflight", 0),
        ("max_inflight", 11),
        ("timeout_ms", 999),
        ("timeout_ms", 30001),
        ("chunk_duration_ms", -1),
        ("voice_profile", 5),
        ("voice_profile", "a\nb"),
        ("voice_profile", "x" * 129),
        ("stream_id", {}),
        ("domain_hints", {"a": 1}),
        ("domain_hints", [1]),
        ("target_languages", "pt"),
        ("target_languages", []),
        ("target_languages", [f"a{letter}" for letter in "abcdefghijk"]),
        ("target_languages", ["pt", "PT"]),
        ("target_languages", ["pt-BR", "pt", "pt_br"]),
        ("target_language", "fr"),
        ("voice_profile", {"pt": 5}),
        ("voice_profile", {"pt": "a\nb"}),
        ("voice_profile", {"pt": "x" * 129}),
        ("voice_profile", {"Portuguese!": "anna"}),
        ("voice_profile", {"pt": "anna", "PT": "dora"}),
        ("voice_profile", {"fr": "anna"}),
        ("voice_profile", {"pt-br": "anna"}),
        ("seam", "glue"),
        ("seam", ["carry"]),
        ("seam", True),
        ("bed", "loud"),
        ("bed", True),
        ("bed", {"mode": "loud"}),
        ("bed", {"mode": None}),
        ("level_db", {"bed": {"level_db": 0.1}}),
        ("level_db", {"bed": {"level_db": -60.1}}),
        ("level_db", {"bed": {"level_db": float("nan")}}),
        ("level_db", {"bed": {"level_db": False}}),
        ("level_db", {"bed": {"mode": "none", "level_db": 1}}),
        ("ramp_ms", {"bed": {"ramp_ms": 9}}),
        ("ramp_ms", {"bed": {"ramp_ms": 2001}}),
        ("ramp_ms", {"bed": {"ramp_ms": 10.5}}),
        ("verify", -0.1),
        ("verify", 1.01),
        ("verify", True),
        ("verify", "0.1"),
        ("verify", float("nan")),
        ("verify", float("inf")),
    ],
)
def test_a_field_out_of_range_is_named_in_the_refusal(field, bad):
    several = {"target_languages": ["pt", "es"]} if field in {"target_language", "voice_profile"} else {}
    asked = bad if field in {"level_db", "ramp_ms"} else {field: bad}
    with pytest.raises(ServiceError, match=field.removesuffix("_hz")) as caught:
        parse(FLAT | several | asked)
    assert caught.value.code is ErrorCode.INVALID_CONFIG
    assert "\n" not in caught.value.message


def test_an_opening_of_before_there_were_several_languages_is_read_as_it_was():
    config = parse(FLAT).config
    assert (config.target_language, config.further_targets, config.targets) == ("pt", (), ("pt",))
    assert (config.voice, config.voice_by_language) == ("anna", {})
    assert (config.seam, config.bed, config.verify) == (SeamPolicy.CARRY, None, 0.0)


tags = st.sampled_from(["en", "PT", "pt_BR", "pt-PT", "es", "zh-Hans-CN", "DE", "fr", "it", "uk", "ja"])


def normal(tag):
    return tag.replace("_", "-").lower()


@given(st.lists(tags, min_size=1, max_size=10, unique=True), st.data(), st.booleans())
def test_several_targets_are_normalised_and_the_one_that_is_named_alone_comes_first(named, data, nested):
    first = data.draw(st.none() | st.sampled_from(named))
    asked = {**FLAT, "voice_profile": None, "target_language": first, "target_languages": named}
    config = parse({"config": asked} if nested else asked).config
    expected = [normal(tag) for tag in named]
    if first is not None:
        expected.sort(key=lambda tag: tag != normal(first))
    assert config.targets == tuple(expected)


def test_what_is_no_language_among_several_is_unsupported():
    with pytest.raises(ServiceError, match="target_languages") as caught:
        parse(FLAT | {"target_languages": ["pt", "portuguese!"]})
    assert caught.value.code is ErrorCode.UNSUPPORTED_LANGUAGE


def test_each_target_has_the_voice_for_its_tag_or_else_for_its_language():
    voices = {"PT": "dora", "pt_BR": "rosa", "es": "alex", "de": None, "fr": ""}
    asked = {**FLAT, "voice_profile": voices, "target_languages": ["pt-BR", "pt-PT", "es", "de", "fr"]}
    config = parse(asked | {"target_language": None}).config
    assert config.voice is None
    assert config.voice_by_language == {"pt-br": "rosa", "pt-pt": "dora", "es": "alex"}


def test_a_single_language_may_have_its_voice_by_name():
    config = parse(FLAT | {"voice_profile": {"pt": "dora"}}).config
    assert (config.voice, config.voice_by_language) == (None, {"pt": "dora"})


SERVICE = {"seam": SeamPolicy.FIXED, "bed": Bed(level_db=-12.0, ramp_ms=80), "verify": 0.2}


@pytest.mark.parametrize(
    ("asked", "bed"),
    [
        ({}, Bed(level_db=-12.0, ramp_ms=80)),
        ({"bed": None}, Bed(level_db=-12.0, ramp_ms=80)),
        ({"bed": "duck"}, Bed(level_db=-12.0, ramp_ms=80)),
        ({"bed": {}}, Bed(level_db=-12.0, ramp_ms=80)),
        ({"bed": {"mode": "duck", "level_db": -60}}, Bed(level_db=-60.0, ramp_ms=80)),
        ({"bed": {"level_db": 0, "ramp_ms": 2000}}, Bed(level_db=0.0, ramp_ms=2000)),
        ({"bed": "none"}, None),
        ({"bed": {"mode": "none"}}, None),
    ],
)
def test_a_bed_is_ducked_as_it_is_asked_or_as_the_service_does(asked, bed):
    assert parse(FLAT | asked, **SERVICE).config.bed == bed
    assert parse({"config": FLAT | asked}, **SERVICE).config.bed == bed


def test_a_bed_without_details_has_the_usual_ones():
    assert parse(FLAT | {"bed": "duck"}).config.bed == Bed(level_db=-18.0, ramp_ms=200)


def test_seams_and_verification_are_the_workers_choice_before_the_services():
    mine = parse(FLAT | {"seam": "carry", "verify": 1}, **SERVICE).config
    assert (mine.seam, mine.verify) == (SeamPolicy.CARRY, 1.0)
    assert parse(FLAT | {"seam": "fixed"}).config.seam is SeamPolicy.FIXED
    theirs = parse(FLAT, **SERVICE).config
    assert (theirs.seam, theirs.verify) == (SeamPolicy.FIXED, 0.2)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)

NEWER = ("domain_hints", "target_languages", "seam", "bed", "verify")


@given(
    st.one_of(
        json_values,
        st.dictionaries(st.sampled_from([*FLAT, *NEWER]), json_values).map(lambda asked: FLAT | asked),
        st.fixed_dictionaries(
            {}, optional=dict.fromkeys([*FLAT, *NEWER, "config", "stream_id"], json_values)
        ),
    )
)
def test_any_json_gives_an_opening_or_one_typed_refusal(data):
    codes = set()
    try:
        rate = parse(data).config.label.sample_rate_hz
    except ServiceError as error:
        codes = {error.code}
        rate = 8000
    assert 8000 <= rate <= 96000
    assert codes <= {ErrorCode.INVALID_CONFIG, ErrorCode.UNSUPPORTED_LANGUAGE}
