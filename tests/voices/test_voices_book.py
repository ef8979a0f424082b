"""The voices as they are now."""

import logging
import os
import shutil
import tempfile
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from voice_files import flat, recording, write_voices

from sts_actors.actors.compute import inline
from sts_actors.errors import ConfigError
from sts_actors.voices import book, open_voice_book


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.fixture
def file(tmp_path):
    recording(tmp_path / "ana.wav")
    return write_voices(tmp_path / "voices.json", flat(ana="es"))


async def test_a_book_without_a_file_has_no_voices_and_watches_nothing(autojump_clock):
    async with open_voice_book(None) as voices:
        await voices.watch()
        await voices.look()
        assert voices.current.profiles == {}


async def test_a_faulty_file_stops_the_start(tmp_path):
    with pytest.raises(ConfigError, match=r"ana\.wav"):
        async with open_voice_book(write_voices(tmp_path / "voices.json", flat(ana="es"))):
            raise AssertionError("started")


async def test_the_copies_of_recordings_go_with_the_book(file):
    async with open_voice_book(file) as voices:
        kept = voices.current.profiles["ana"].clip.reference.path
        assert kept.is_file()
    assert not kept.parent.exists()


async def test_no_place_for_copies_stops_the_start_in_one_line(file, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="set TMPDIR"):
        async with open_voice_book(file):
            raise AssertionError("started")


async def test_a_changed_file_is_taken_up_within_two_seconds(file, autojump_clock):
    async with open_voice_book(file, compute=inline) as voices, trio.open_nursery() as nursery:
        nursery.start_soon(voices.watch)
        await trio.testing.wait_all_tasks_blocked()
        before = voices.current
        write_voices(file, {"ana": {"language": "pt", "voice": "tone"}})
        with trio.fail_after(book.POLL_S + 0.1):
            await voices.wait_changed()
        assert voices.current.profiles["ana"].language == "pt"
        assert before.profiles["ana"].language == "es"
        nursery.cancel_scope.cancel()


async def test_a_recording_that_changes_is_another_voice_and_the_old_one_stays_as_it_was(file):
    async with open_voice_book(file, compute=inline) as voices:
        old = voices.current.profiles["ana"].clip.reference
        sound = old.path.read_bytes()
        recording(file.parent / "ana.wav", hz=300)
        await voices.look()
        new = voices.current.profiles["ana"].clip.reference
        assert new.sha256 != old.sha256
        assert old.path.read_bytes() == sound != new.path.read_bytes()


async def test_a_recording_put_in_anothers_place_is_seen_though_size_and_time_are_the_same(file):
    async with open_voice_book(file, compute=inline) as voices:
        old = voices.current
        there = (file.parent / "ana.wav").stat()
        other = recording(file.parent / "other.wav", hz=300)
        os.utime(other, ns=(there.st_atime_ns, there.st_mtime_ns))
        assert other.stat().st_size == there.st_size
        other.replace(file.parent / "ana.wav")
        await voices.look()
        assert voices.current != old


async def test_a_recording_of_a_new_voice_is_watched_too(file):
    async with open_voice_book(file, compute=inline) as voices:
        recording(file.parent / "bea.wav")
        write_voices(file, flat(ana="es", bea="es"))
        await voices.look()
        old = voices.current.profiles["bea"].clip
        recording(file.parent / "bea.wav", hz=330, seconds=4)
        await voices.look()
        assert voices.current.profiles["bea"].clip != old


async def test_a_faulty_file_changes_nothing_and_each_fault_is_warned_of_once(file, caplog):
    async with open_voice_book(file, compute=inline) as voices:
        before = voices.current
        write_voices(file, flat(ana="?", bea="es"))
        for _ in range(3):
            await voices.look()
        assert voices.current is before
        of_ana, of_bea = warnings(caplog)
        assert "voice 'ana'" in of_ana
        assert "bea.wav" in of_bea
        # Touched without being mended: the faults that stand are no news.
        write_voices(file, flat(ana="?", bea="es", carla="!"))
        await voices.look()
        assert len(warnings(caplog)) == 3
        assert "carla" in warnings(caplog)[-1]
        recording(file.parent / "bea.wav")
        write_voices(file, flat(ana="pt", bea="es"))
        await voices.look()
        assert sorted(voices.current.profiles) == ["ana", "bea"]
        write_voices(file, flat(ana="?", bea="es"))
        await voices.look()
        assert len(warnings(caplog)) == 4


async def test_a_missing_recording_is_found_when_it_comes(file, caplog):
    async with open_voice_book(file, compute=inline) as voices:
        write_voices(file, flat(ana="es", bea="es"))
        await voices.look()
        assert len(warnings(caplog)) == 1
        recording(file.parent / "bea.wav")
        await voices.look()
        assert sorted(voices.current.profiles) == ["ana", "bea"]


async def test_a_file_that_is_taken_away_leaves_its_voices(file, caplog):
    async with open_voice_book(file, compute=inline) as voices:
        file.unlink()
        await voices.look()
        await voices.look()
        assert list(voices.current.profiles) == ["ana"]
        assert len(warnings(caplog)) == 1


async def test_what_the_engine_cannot_do_is_a_fault_of_the_new_file(file, caplog):
    def check(voices):
        return ["no bea here"] if "bea" in voices.profiles else []

    async with open_voice_book(file, compute=inline) as voices:
        write_voices(file, {"bea": {"language": "es", "voice": "tone"}})
        await voices.look(check)
        assert list(voices.current.profiles) == ["ana"]
        assert "no bea here" in warnings(caplog)[0]


async def test_a_file_touched_without_a_change_tells_nobody(file, caplog):
    caplog.set_level(logging.INFO)
    async with open_voice_book(file, compute=inline) as voices:
        before = voices.current
        os.utime(file, ns=(1, 1))
        await voices.look()
        assert voices.current is before
    assert "read anew" not in caplog.text


async def test_nothing_is_read_while_nothing_changes(file, monkeypatch):
    async with open_voice_book(file, compute=inline) as voices:
        monkeypatch.setattr(book, "read_voices", lambda *_: pytest.fail("read"))
        await voices.look()


async def test_it_is_read_off_the_loop(file):
    seen = []

    async def elsewhere(work, *args):
        seen.append(work.__name__)
        return await inline(work, *args)

    async with open_voice_book(file, compute=elsewhere) as voices:
        write_voices(file, {})
        await voices.look()
    assert seen.count("read_voices") == 2


CONTENT = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["es", "pt", "?"]))


@settings(max_examples=40, deadline=None)
@given(st.lists(CONTENT, max_size=6), st.random_module())
def test_whatever_is_written_the_voices_are_the_last_fit_ones_and_holders_keep_theirs(contents, _):
    async def main(folder):
        path = write_voices(folder / "voices.json", {})
        held, fit = [], {}
        async with open_voice_book(path, compute=inline) as voices:

            async def stream():
                mine = voices.current
                held.append((mine, dict(mine.profiles)))
                await voices.wait_changed()

            async with trio.open_nursery() as nursery:
                for number, content in enumerate(contents):
                    nursery.start_soon(stream)
                    nursery.start_soon(voices.look)
                    entries = {name: {"language": code, "voice": "tone"} for name, code in content.items()}
                    write_voices(path, entries)
                    os.utime(path, ns=(number, number))
                    await trio.testing.wait_all_tasks_blocked()
                    if "?" not in content.values():
                        fit = content
                    await voices.look()
                    assert {name: its.language for name, its in voices.current.profiles.items()} == fit
                nursery.cancel_scope.cancel()
        assert all(dict(mine.profiles) == profiles for mine, profiles in held)

    folder = Path(tempfile.mkdtemp())
    try:
        trio.run(main, folder)
    finally:
        shutil.rmtree(folder)
