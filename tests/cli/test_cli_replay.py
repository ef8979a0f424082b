"""`sts-actors replay`: a recorded stream is sent again and compared."""

import json
import threading

import pytest
import trio
from running import QUICK, dub, dubbing, running

from sts_actors.cli.main import run


@pytest.fixture
def folder(tmp_path):
    """A recorded stream of four fragments."""

    async def record():
        its = {**QUICK, "artifacts_enabled": True, "artifacts_path": str(tmp_path)}
        async with running(**its) as service, dubbing(service) as stream:
            await dub(stream, 3, 4)

    trio.run(record)
    (found,) = tmp_path.iterdir()
    return found


@pytest.fixture
def service():
    """A running service's address."""
    ready, found, stop = threading.Event(), [], trio.Event()

    async def serve():
        async with running(**QUICK, auto_disconnect_delay_s=0.0) as its:
            found.extend([its.url, trio.lowlevel.current_trio_token()])
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    assert ready.wait(30)
    yield found[0]
    found[1].run_sync_soon(stop.set)
    thread.join()


@pytest.mark.parametrize("pace", ["fast", "original"])
def test_the_same_service_says_the_same_again(folder, service, capsys, pace) -> None:
    assert run(["replay", str(folder), "--url", service, "--pace", pace]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [f"{number} success → success" for number in range(4)]
    assert lines[4] == "4 fragments: 4 success; 0 changed"


def test_what_has_changed_is_shown(folder, service, capsys) -> None:
    first = folder / "000001.json"
    first.write_text(json.dumps({**json.loads(first.read_text()), "translation": "something else"}))
    assert run(["replay", str(folder), "--url", service]) == 0
    out = capsys.readouterr().out
    assert "1 success → success 'something else' → " in out
    assert "; 1 changed" in out


def test_what_went_well_and_does_not_now_is_told_by_the_exit_code(folder, service, capsys) -> None:
    (folder / "000002.in.pcm_s16le").write_bytes(b"odd")
    assert run(["replay", str(folder), "--url", service]) == 3
    told = capsys.readouterr()
    assert "2 success → failed INVALID_AUDIO_FORMAT" in told.out
    assert "1 fragments went well then and do not now" in told.err


def _not_json(folder):
    (folder / "000001.json").write_text("{")


def _other_version(folder):
    (folder / "stream.json").write_text('{"version": 2}')


def _no_stream(folder):
    (folder / "stream.json").unlink()


def _no_audio(folder):
    (folder / "000001.in.pcm_s16le").unlink()


def _a_path_elsewhere(folder):
    file = folder / "000001.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "in": "../../etc/passwd"}))


def _a_strange_number(folder):
    file = folder / "000001.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "sequence_number": True}))


@pytest.mark.parametrize(
    "damage", [_not_json, _other_version, _no_stream, _no_audio, _a_path_elsewhere, _a_strange_number]
)
def test_a_folder_that_is_broken_is_told_in_one_line_with_the_file(folder, capsys, damage) -> None:
    damage(folder)
    assert run(["replay", str(folder), "--url", "http://127.0.0.1:9"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "stream-" in line


def test_a_refused_stream_is_told_with_its_code(folder, service, capsys) -> None:
    file = folder / "stream.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "max_inflight": 99}))
    assert run(["replay", str(folder), "--url", service]) != 0
    assert "INVALID_CONFIG" in capsys.readouterr().err
