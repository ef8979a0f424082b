"""Recording holds nobody up, and what goes wrong with it reaches no stream."""

import json
import logging

import pytest
import trio
from desk import open_desk
from running import QUICK, dub, dubbing, http_get, marked, running, who_speaks

from sts_actors.artifacts import Quota, open_artifacts, recorder
from sts_actors.messages import AudioFormat, Container, StreamConfig

ROOMY = Quota(max_bytes=10**9, max_count=1000, retention_s=1e9)
LABEL = AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=16_000, channels=1)
CONFIG = StreamConfig(stream_id="../../etc", source_language="en", target_language="pt", label=LABEL)


def on(path, **more):
    return {**QUICK, "artifacts_enabled": True, "artifacts_path": str(path), **more}


def recorded(root):
    """The only stream's folder, and its fragments."""
    (folder,) = [path for path in root.iterdir() if path.is_dir()]
    fragments = [json.loads(path.read_text()) for path in sorted(folder.glob("0*.json"))]
    return folder, fragments


async def test_a_stream_leaves_its_input_words_dub_and_times_on_disk(tmp_path) -> None:
    async with running(**on(tmp_path)) as service, dubbing(service, stream_id="../../etc") as stream:
        answers = await dub(stream, 3, 4)
    folder, fragments = recorded(tmp_path)
    told = json.loads((folder / "stream.json").read_text())
    assert (told["stream_id"], told["target_language"]) == ("../../etc", "pt")
    assert [one["sequence_number"] for one in fragments] == [0, 1, 2, 3]
    for number, (one, answer) in enumerate(zip(fragments, answers, strict=True)):
        assert (folder / one["in"]).read_bytes() == marked(3, number)
        assert (folder / one["out"]).read_bytes() == answer.audio
        assert who_speaks(answer.audio) == (3, number)
        assert (one["status"], one["transcript"]) == ("success", answer.transcript)
        assert one["translation"] == answer.translated_text
        assert one["at_s"] >= 0
        assert {"asr_ms", "translation_ms", "tts_ms", "processing_ms"} <= set(one)
    assert fragments == sorted(fragments, key=lambda one: one["at_s"])


async def test_a_failure_is_recorded_with_its_cause(tmp_path) -> None:
    async with running(**on(tmp_path)) as service, dubbing(service) as stream:
        await stream.send_fragment(0, b"odd", 1000)
        await stream.end()
        assert [event async for event in stream.events]
    _, (fragment,) = recorded(tmp_path)
    assert fragment["status"] == "failed"
    assert fragment["error"]["code"] == "INVALID_AUDIO_FORMAT"
    assert "out" not in fragment


async def test_nothing_is_written_unless_it_is_asked_for(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with running(**QUICK) as service, dubbing(service) as stream:
        await dub(stream, 3, 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["a file", "taken away"])
async def test_a_disk_that_takes_nothing_costs_the_artifacts_and_nothing_else(
    tmp_path, place, caplog
) -> None:
    root = tmp_path / "root"
    if place == "a file":
        root.write_text("in the way")
    async with running(**on(root)) as service, dubbing(service) as stream:
        if place == "taken away":
            with trio.fail_after(10):
                # The stream's own file is written: nothing else is until a fragment comes.
                while not list(root.glob("*/stream.json")):
                    await trio.sleep(0.01)
            for path in root.iterdir():
                for file in path.iterdir():
                    file.unlink()
                path.rmdir()
            root.rmdir()
            root.write_text("in the way")
        answers = await dub(stream, 3, 3)
        with trio.fail_after(10):
            while b"\nsts_artifacts_lost 0.0" in (await http_get(service, "/metrics"))[1]:
                await trio.sleep(0.01)
    assert [answer.status for answer in answers] == ["success"] * 3
    complaints = [r for r in caplog.records if "artifacts cannot be written" in r.getMessage()]
    assert len(complaints) == 1


async def test_what_the_disk_cannot_keep_up_with_is_dropped_and_counted(
    tmp_path, monkeypatch, caplog
) -> None:
    monkeypatch.setattr(recorder, "WAITING_BYTES", 100_000)
    with caplog.at_level(logging.WARNING):
        async with open_artifacts(tmp_path, ROOMY) as artifacts:
            recording = artifacts.record(CONFIG, "1")
            for index in range(5):  # nothing is written before this task waits
                recording.received(index, b"x" * 40_000, LABEL)
            assert artifacts.dropped == 3
            await trio.sleep(0.2)
            recording.received(5, b"x" * 40_000, LABEL)
            assert artifacts.dropped == 3
    assert artifacts.lost == 3
    assert len(list(tmp_path.rglob("*.in.pcm_s16le"))) == 3
    assert len([r for r in caplog.records if "dropped" in r.getMessage()]) == 1


async def test_the_number_of_files_that_wait_is_bounded_too(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(recorder, "WAITING_FILES", 4)
    async with open_artifacts(tmp_path, ROOMY) as artifacts:
        recording = artifacts.record(CONFIG, "1")
        for index in range(9):
            recording.received(index, b"x", LABEL)
        assert artifacts.dropped == 6  # the stream's own file waits as well


async def test_what_was_recorded_is_written_even_when_the_service_is_cancelled(tmp_path) -> None:
    with trio.CancelScope() as scope:
        async with open_artifacts(tmp_path, ROOMY) as artifacts:
            artifacts.record(CONFIG, "1").received(0, b"x", LABEL)
            scope.cancel()
            await trio.sleep_forever()
    assert len(list(tmp_path.rglob("000000.in.pcm_s16le"))) == 1


async def test_old_artifacts_go_though_no_stream_comes(tmp_path, autojump_clock, monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr(recorder, "now_s", lambda: now[0])
    tidied = []
    async with open_artifacts(tmp_path, Quota(max_bytes=10**9, max_count=9, retention_s=3600)) as artifacts:
        artifacts.record(CONFIG, "1").received(0, b"x", LABEL)
        await trio.sleep(1)
        now[0] = 4000.0
        with trio.move_on_after(600):
            while True:
                await trio.sleep(30)
                tidied.append(not list(tmp_path.rglob("000000.*")))
                if tidied[-1]:
                    break
    assert tidied[-1]


async def test_a_repeat_is_recorded_as_it_came(autojump_clock) -> None:
    class Spy:
        """Counts what it is told."""

        lost = 0

        def __init__(self):
            self.told = []

        def record(self, config, session_id):
            return self

        def received(self, index, data, label):
            self.told.append(("received", index))

        def answered(self, index, result, audio, **told):
            self.told.append(("answered", index, told["fragment_id"]))

    async with open_desk() as desk:
        spy = desk.dubbing.artifacts = Spy()
        socket = await desk.connect()
        socket.send("stream:init", {"source_language": "en", "target_language": "pt"})
        await socket.next_named("stream:ready")
        audio = marked(1, 1)
        for name in ("first", "again"):
            socket.send("fragment:data", {"fragment_id": name, "sequence_number": 0, "audio": audio})
        for _ in range(2):
            await socket.next_named("fragment:processed")
    assert spy.told == [
        ("received", 0),
        ("received", 1),
        ("answered", 0, "first"),
        ("answered", 1, "again"),
    ]
