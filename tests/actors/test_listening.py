"""Listening to a dub again: what is a defect, what is none, and that it never stands in a fragment's way."""

import attrs
import numpy as np
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.actors.compute import inline
from sts_actors.actors.listening import ADDED, MISSING, OTHER, Listener, ListeningLimits, Sample, defects
from sts_actors.engines.ports import Recognition
from sts_actors.errors import EngineError, ErrorCode
from sts_actors.quality import compare, words_of

TEXT = "O porto estava calmo naquela manhã, e a velha balsa partiu tarde."
WORDS = words_of(TEXT)


@attrs.define
class Ears:
    """Hears what it is told to, after a while."""

    text: str = TEXT
    wait_s: float = 0.0
    error: Exception | None = None
    asked: list = attrs.field(factory=list)

    async def __call__(self, request, /, *, stream, deadline):
        await trio.sleep(self.wait_s)
        self.asked.append((request, stream, deadline))
        if self.error is not None:
            raise self.error
        return Recognition(text=self.text, language=request.language)


async def listen(ears, text=TEXT, *, deadline=10.0, rate=24_000):
    listener = Listener(recogniser=ears, compute=inline, stream="s")
    dub = np.zeros(2 * rate, np.float32)
    return await listener.listen(text, dub, rate, language="pt-br", deadline=trio.current_time() + deadline)


async def test_a_dub_that_is_heard_as_it_is_written_has_no_defect():
    heard = await listen(Ears("o porto estava calmo naquela manha e a velha balsa partiu tarde"))
    assert heard.defects == ()
    assert heard.errors.rate == pytest.approx(1 / len(WORDS))


async def test_the_recogniser_gets_the_dub_at_its_rate_the_primary_language_the_stream_and_the_deadline(
    autojump_clock,
):
    ears = Ears()
    until = trio.current_time() + 10
    await listen(ears)
    ((request, stream, deadline),) = ears.asked
    assert request.pcm.shape == (2 * 16_000,)
    assert (request.language, stream, deadline) == ("pt", "s", until)


@pytest.mark.parametrize(
    ("heard", "found"),
    [
        (WORDS[:10], (MISSING,)),
        (WORDS[3:], (MISSING,)),
        ([], (MISSING,)),
        ([*WORDS, *WORDS[-3:]], (ADDED,)),
        ([*WORDS, *WORDS], (ADDED,)),
        (["outra"] * 7 + WORDS[7:], (OTHER,)),
        (["outra"] * 6 + WORDS[6:], ()),
        (WORDS[:-1], ()),
        ([*WORDS, *WORDS[-2:]], ()),
    ],
)
async def test_what_is_wrong_with_a_dub_is_said_in_words(heard, found):
    assert len(WORDS) == 12
    assert (await listen(Ears(" ".join(heard)))).defects == found


@pytest.mark.parametrize("text", ["", "Ninguém sabe isso.", "?!"])
async def test_a_text_of_less_than_four_words_is_not_checked(text):
    ears = Ears("")
    assert await listen(ears, text) is None
    assert ears.asked == []
    assert await listen(ears, "Ninguém sabe por quê.") is not None


@pytest.mark.parametrize("code", [ErrorCode.TIMEOUT, ErrorCode.ASR_FAILED, ErrorCode.MODEL_UNAVAILABLE])
async def test_a_recogniser_that_fails_means_not_checked(code):
    assert await listen(Ears(error=EngineError(code, "no"))) is None


async def test_a_recogniser_that_takes_too_long_means_not_checked_at_the_deadline(autojump_clock):
    began = trio.current_time()
    assert await listen(Ears(wait_s=20), deadline=3) is None
    assert trio.current_time() - began == pytest.approx(3)


async def test_after_the_deadline_nobody_is_asked():
    ears = Ears()
    assert await listen(ears, deadline=-1) is None
    assert ears.asked == []


async def test_who_gives_up_on_the_fragment_gives_up_on_the_check(autojump_clock):
    with trio.move_on_after(1) as scope:
        await listen(Ears(wait_s=20), deadline=3)
    assert scope.cancelled_caught


async def test_a_bug_is_not_taken_for_a_recogniser_that_fails():
    with pytest.raises(KeyError):
        await listen(Ears(error=KeyError("bug")))


@pytest.mark.parametrize("heard", ["ninguem sabe por", "nao ninguem sabe por que"])
async def test_one_word_missing_or_added_is_no_defect_however_short_the_text(heard):
    assert (await listen(Ears(heard), "Ninguem sabe por que.")).defects == ()


def test_missing_and_added_words_are_both_told():
    errors = compare(list("abcdefgh"), list("xyzabcd"))
    assert defects(errors, ListeningLimits()) == (MISSING, ADDED)


@given(st.floats(0, 1), st.integers(0, 5000), st.integers(1, 300))
def test_a_sample_is_the_share_of_any_number_in_a_row_give_or_take_one(share, start, count):
    taken = sum(Sample(share).takes(number) for number in range(start, start + count))
    assert abs(taken - share * count) < 1 + 1e-6


def test_a_sample_of_nothing_takes_none_and_one_of_everything_all():
    assert not any(Sample(0).takes(number) for number in range(100))
    assert all(Sample(1).takes(number) for number in range(100))
    assert [number for number in range(12) if Sample(0.25).takes(number)] == [3, 7, 11]


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_from_0_to_1(share):
    with pytest.raises(ValueError, match="share"):
        Sample(share)
