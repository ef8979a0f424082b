"""Streams in cloned voices, the file of voices changed while they speak; our own fake engines."""

import numpy as np
import pytest
import trio
from running import QUICK, RATE_HZ, dubbing, marked, running, who_speaks
from voice_files import flat, recording, write_voices

from sts_actors.audio.pcm import decode_s16le
from sts_actors.client import Processed, StreamRefused
from sts_actors.engines.fake import FakeSynthesiser, voice_hz
from sts_actors.engines.marks import MARK_S
from sts_actors.engines.ports import EngineInfo
from sts_actors.errors import ConfigError
from sts_actors.voices import book


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(book, "POLL_S", 0.02)
    recording(tmp_path / "ana.wav", hz=220)
    recording(tmp_path / "bea.wav", hz=330)
    return write_voices(tmp_path / "voices.json", flat(ana="pt", bea="pt"))


def speaking(file, **overrides):
    return running(**QUICK, voice_profiles_path=str(file), **overrides)


def heard_hz(audio):
    """The pitch after the mark."""
    samples = decode_s16le(audio, 1)[:, 0]
    after = samples[round(MARK_S * RATE_HZ) :]
    spoken = after[: np.flatnonzero(np.abs(after) > 0.01)[-1]]
    strength = np.abs(np.fft.rfft(spoken * np.hanning(spoken.size), 1 << 16))
    return strength.argmax() * RATE_HZ / (1 << 16)


async def one_dub(stream, number, fragment):
    await stream.send_fragment(fragment, marked(number, fragment, 3.0), 3000)
    async for event in stream.events:
        if isinstance(event, Processed):
            assert event.status == "success"
            assert who_speaks(event.audio) == (number, fragment)
            return heard_hz(event.audio)
    raise AssertionError("no answer")


def pitch(service, name):
    return voice_hz(service.voices.current.profiles[name].clip.reference)


async def test_two_streams_speak_in_their_own_voices_and_keep_them_over_a_reload(file):
    async with (
        speaking(file) as service,
        dubbing(service, voice_profile="ana") as one,
        dubbing(service, voice_profile="bea") as two,
    ):
        ana, bea = pitch(service, "ana"), pitch(service, "bea")
        assert ana != bea
        assert await one_dub(one, 1, 0) == pytest.approx(ana, abs=5)
        assert await one_dub(two, 2, 0) == pytest.approx(bea, abs=5)
        old = service.voices.current
        recording(file.parent / "carla.wav", hz=440)
        recording(file.parent / "ana.wav", hz=550)
        (file.parent / "bea.wav").unlink()
        write_voices(file, flat(ana="pt", carla="pt"))
        with trio.fail_after(30):
            while "carla" not in service.voices.current.profiles:
                await service.voices.wait_changed()
        new_ana = pitch(service, "ana")
        assert new_ana != ana
        assert await one_dub(one, 1, 1) == pytest.approx(ana, abs=5)
        assert await one_dub(two, 2, 1) == pytest.approx(bea, abs=5)
        for profile in old.profiles.values():
            assert profile.clip.reference.path.is_file()
        for name in ("ana", "carla"):
            async with dubbing(service, voice_profile=name) as fresh:
                assert await one_dub(fresh, 3, 0) == pytest.approx(pitch(service, name), abs=5)
        with pytest.raises(StreamRefused, match="there is no voice 'bea'; for pt there is ana, carla, tone"):
            async with dubbing(service, voice_profile="bea"):
                pass


async def test_who_names_no_voice_is_given_the_files_default_for_the_language(file):
    write_voices(file, {**flat(ana="pt", bea="pt"), "default_voice_per_language": {"pt-BR": "bea"}})
    async with speaking(file) as service:
        for named in ({}, {"voice_profile": "default"}):
            async with dubbing(service, target_language="pt-PT", **named) as stream:
                assert await one_dub(stream, 1, 0) == pytest.approx(pitch(service, "bea"), abs=5)


async def test_a_reference_crosses_into_a_worker_process(file):
    async with (
        speaking(file, fake_in_process=True) as service,
        dubbing(service, voice_profile="ana") as stream,
    ):
        assert await one_dub(stream, 1, 0) == pytest.approx(pitch(service, "ana"), abs=5)


async def test_a_file_of_voices_that_is_not_there_stops_the_start(tmp_path):
    with pytest.raises(ExceptionGroup) as caught:
        async with speaking(tmp_path / "nowhere.json"):
            raise AssertionError("served")
    assert caught.group_contains(ConfigError, match=r"nowhere\.json: there is no such file of voices")


@pytest.fixture
def without_cloning(monkeypatch):
    monkeypatch.setattr(FakeSynthesiser, "info", EngineInfo(name="plain", voices={"tone": ""}))


async def test_recordings_for_an_engine_that_does_not_clone_stop_the_start(file, without_cloning):
    with pytest.raises(ExceptionGroup) as caught:
        async with speaking(file):
            await trio.sleep_forever()
    (error,) = [e for e in _leaves(caught.value) if isinstance(e, ConfigError)]
    assert ["'ana'" in error.args[0], "'bea'" in error.args[1]] == [True, True]
    assert all("plain does not speak in recorded voices; take it out" in line for line in error.args)


async def test_a_reload_that_the_engine_cannot_serve_changes_nothing(file, without_cloning, caplog):
    write_voices(file, {"ana": {"language": "pt", "voice": "tone"}})
    async with speaking(file) as service:
        write_voices(file, flat(ana="pt"))
        with trio.fail_after(30):
            while "does not speak in recorded voices" not in caplog.text:
                await trio.sleep(0.01)
        assert service.voices.current.profiles["ana"].voice == "tone"


def _leaves(error):
    if isinstance(error, BaseExceptionGroup):
        return [leaf for part in error.exceptions for leaf in _leaves(part)]
    return [error]
