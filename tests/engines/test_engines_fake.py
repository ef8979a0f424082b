"""Engines that only pretend, and say what they were given."""

from pathlib import Path

import numpy as np

from sts_actors.audio.pcm import resample
from sts_actors.engines.fake import FakeRecogniser, FakeSynthesiser, FakeTranslator, hear, voice_hz
from sts_actors.engines.marks import MARK_S, mark, read_mark
from sts_actors.engines.ports import RecogniseRequest, SynthesiseRequest, TranslateRequest, VoiceReference


def tone(hz, seconds, loudness=0.3, rate_hz=16000):
    return (loudness * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(
        np.float32
    )


def recognise(pcm, **fields):
    (recognition,) = FakeRecogniser().run([RecogniseRequest(pcm=pcm, language="en", **fields)])
    return recognition


def synthesise(text, speed=1.0):
    (audio,) = FakeSynthesiser().run([SynthesiseRequest(text=text, language="pt", voice="tone", speed=speed)])
    return audio


def test_marked_audio_is_recognised_by_its_mark():
    assert recognise(mark(3, 17, sample_rate_hz=16000)).text == "stream 3 fragment 17"


def test_other_audio_gives_words_that_depend_on_it_and_its_length():
    assert hear(tone(440, 4.0)) == hear(tone(440, 4.0))
    assert hear(tone(440, 4.0, 0.3)) != hear(tone(440, 4.0, 0.05))
    assert len(hear(tone(440, 4.0))) == 10


def test_the_words_survive_another_rate():
    assert hear(resample(tone(440, 4.0, rate_hz=48000), 48000, 16000)) == hear(tone(440, 4.0))


def test_silence_has_no_words():
    assert recognise(np.zeros(16000, np.float32)).text == ""
    assert recognise(np.zeros(0, np.float32)).text == ""


def test_word_times_are_given_when_asked_for_and_cover_the_fragment():
    words = recognise(tone(440, 4.0), words=True).words
    assert [word.text for word in words] == hear(tone(440, 4.0))
    assert (words[0].start_s, words[-1].end_s) == (0.0, 4.0)
    assert recognise(tone(440, 4.0)).words == ()


def test_a_translation_names_its_language_and_keeps_its_text():
    request = TranslateRequest(text="river stone", source_language="en", target_language="pt")
    (translated,) = FakeTranslator().run([request])
    assert (translated.text, translated.billed_characters) == ("pt: river stone", 11)


def test_speech_carries_the_mark_that_its_text_names():
    audio = synthesise("pt: stream 3 fragment 17")
    assert read_mark(audio.pcm, audio.sample_rate_hz) == (3, 17)


def test_speech_takes_time_by_its_text_and_less_when_faster():
    text = "a text of some length that takes a few seconds to say"
    assert synthesise(text, 1.3).pcm.size < synthesise(text).pcm.size < synthesise(text * 2).pcm.size


def test_a_cloned_voice_has_the_pitch_of_its_recording_and_speaks_marks():
    def pitches(text, sha256):
        reference = VoiceReference(Path("any.wav"), sha256)
        request = SynthesiseRequest(text=text, language="pt", voice="ana", reference=reference)
        (audio,) = FakeSynthesiser().run([request])
        after = audio.pcm[round(MARK_S * audio.sample_rate_hz) :]
        hz = np.abs(np.fft.rfft(after, 1 << 16)).argmax() * audio.sample_rate_hz / (1 << 16)
        return hz, voice_hz(reference), read_mark(audio.pcm, audio.sample_rate_hz)

    for text in ("a text of some length, with no mark", "pt: stream 3 fragment 17"):
        heard = [pitches(text, sha256 * 8) for sha256 in ("00000001", "00000002")]
        assert heard[0][0] != heard[1][0]
        for hz, expected, _ in heard:
            assert abs(hz - expected) < 3
    assert {found for _, _, found in heard} == {(3, 17)}
