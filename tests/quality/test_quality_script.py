"""The bench's corpus: what its texts say of who speaks when, and what is done to the sound."""

import numpy as np
import pytest
from quality_script import LEAD_S, PAUSE_S, parse, scripts
from quality_sounds import CONDITIONS, level

RATE = 24_000
TEXT = """
# A remark.
voices: A=af_heart B=am_puck
gap_s: 0.3
turn_s: 0.2
overlap_s: 0.4

A: One.
A: Two: three.
B: Four.
A> Five.

B: Six.
"""


@pytest.fixture(scope="module")
def speech():
    """Syllables and pauses, three seconds of them."""
    times = np.arange(3 * RATE) / RATE
    voiced = np.sin(2 * np.pi * 150 * times) + 0.5 * np.sin(2 * np.pi * 900 * times)
    return (0.3 * voiced * (np.sin(2 * np.pi * 2 * times) > 0)).astype(np.float32)


def test_a_script_says_who_speaks_and_when():
    lines = parse("talk", TEXT).lines
    assert [(line.speaker, line.voice, line.text) for line in lines] == [
        ("A", "af_heart", "One."),
        ("A", "af_heart", "Two: three."),
        ("B", "am_puck", "Four."),
        ("A", "af_heart", "Five."),
        ("B", "am_puck", "Six."),
    ]
    assert [line.after_s for line in lines] == [LEAD_S, 0.3, 0.2, -0.4, PAUSE_S]


def test_another_word_or_voice_is_another_recording():
    digests = {
        parse("talk", text).digest
        for text in (TEXT, TEXT.replace("One", "Once"), TEXT.replace("am_puck", "am_echo"))
    }
    assert len(digests) == 3


def test_a_line_of_nobody_is_refused():
    with pytest.raises(ValueError, match="line 11"):
        parse("talk", TEXT.replace("A> Five.", "C> Five."))


def test_the_corpus_is_half_an_hour_of_texts_that_can_be_read():
    found = scripts()
    # At 2.8 words a second, which is what the voices need with their pauses.
    assert sum(len(line.text.split()) for script in found for line in script.lines) >= 30 * 60 * 2.8
    assert all(line.text.isascii() for script in found for line in script.lines)
    assert any(line.after_s < 0 for script in found for line in script.lines)
    names = [script.name for script in found]
    assert [name[-1] for name in names] == sorted(name[-1] for name in names)


@pytest.mark.parametrize("name", sorted(CONDITIONS))
def test_what_is_done_to_speech_is_always_alike_and_keeps_its_length(speech, name):
    made = CONDITIONS[name](speech, RATE)
    assert made.shape == speech.shape
    assert np.abs(made).max() <= 1
    assert np.array_equal(made, CONDITIONS[name](speech, RATE))
    assert not np.allclose(made, speech, atol=0.01)


@pytest.mark.parametrize(("name", "distance_db"), [("noise15", 15), ("noise10", 10)])
def test_noise_lies_as_far_under_the_speech_as_it_says(speech, name, distance_db):
    noise = CONDITIONS[name](speech, RATE) - speech
    found_db = 20 * np.log10(level(speech) / np.sqrt(np.mean(noise**2)))
    assert found_db == pytest.approx(distance_db, abs=0.1)


def test_a_telephone_has_no_lows_and_no_highs():
    noise = np.random.default_rng(0).normal(0, 0.1, 2 * RATE).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(CONDITIONS["telephone"](noise, RATE))) ** 2
    hz = np.fft.rfftfreq(noise.size, 1 / RATE)
    within = spectrum[(hz > 500) & (hz < 3000)].mean()
    assert spectrum[hz < 100].mean() < within / 300
    assert spectrum[hz > 6000].mean() < within / 100
