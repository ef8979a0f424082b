"""What is kept on disk: within its quota, nothing foreign touched, nowhere else written."""

import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.artifacts.layout import FOLDER, folder_name
from sts_actors.artifacts.store import Quota, Store

ROOMY = Quota(max_bytes=10**9, max_count=1000, retention_s=1e9)
A, B = folder_name("a", "1"), folder_name("b", "1")


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_a_worker_calls_itself_its_folder_has_a_plain_name(stream_id, session_id) -> None:
    assert FOLDER.fullmatch(folder_name(stream_id, session_id))


def test_names_that_run_together_alike_have_folders_of_their_own() -> None:
    assert folder_name("a", "b c") != folder_name("a b", "c")


def test_files_are_for_their_owner_alone(tmp_path) -> None:
    store = Store(tmp_path / "deep" / "down", ROOMY)
    store.write(A, "000000.json", b"{}", 1.0)
    (file,) = (tmp_path / "deep" / "down").rglob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_file_that_is_there_already_is_left_as_it_is(tmp_path) -> None:
    store = Store(tmp_path, ROOMY)
    store.write(A, "000000.json", b"first", 1.0)
    with pytest.raises(FileExistsError):
        store.write(A, "000000.json", b"second", 1.0)
    assert (tmp_path / A / "000000.json").read_bytes() == b"first"
    assert store.size == 5


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_link_that_was_planted_is_not_followed(tmp_path, what) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = tmp_path / "root"
    root.mkdir()
    if what == "folder":
        (root / A).symlink_to(outside)
    else:
        (root / A).mkdir()
        (root / A / "000000.json").symlink_to(outside / "000000.json")
    with pytest.raises(OSError, match=r"."):
        Store(root, ROOMY).write(A, "000000.json", b"secret", 1.0)
    assert files(outside) == []


def test_what_does_not_fit_on_the_disk_leaves_no_half_file(tmp_path) -> None:
    # A real limit of the kernel's: no file above 100 bytes.
    pid = os.fork()
    if pid == 0:
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        try:
            Store(tmp_path, ROOMY).write(A, "000000.in.wav", b"x" * 1000, 1.0)
        except OSError:
            os._exit(7)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 7
    assert files(tmp_path) == []


def test_the_oldest_go_by_count_and_an_empty_folder_with_them(tmp_path) -> None:
    store = Store(tmp_path, Quota(max_bytes=10**9, max_count=2, retention_s=1e9))
    store.write(A, "stream.json", b"{}", 0.0)
    store.write(A, "000000.json", b"1", 1.0)
    store.write(A, "000000.in.wav", b"1", 1.0)
    store.write(B, "000000.json", b"1", 2.0)
    store.write(B, "000001.json", b"1", 3.0)
    assert files(tmp_path) == [f"{B}/000000.json", f"{B}/000001.json"]
    assert not (tmp_path / A).exists()


def test_what_has_grown_too_old_goes_by_time_alone(tmp_path) -> None:
    store = Store(tmp_path, Quota(max_bytes=10**9, max_count=9, retention_s=3600))
    store.write(A, "000000.json", b"1", 0.0)
    store.write(A, "000001.json", b"1", 3000.0)
    store.tidy(3601.0)
    assert files(tmp_path) == [f"{A}/000001.json"]


def test_what_others_have_put_there_is_neither_counted_nor_deleted(tmp_path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x" * 500)
    (tmp_path / A).mkdir()
    (tmp_path / A / "notes.txt").write_text("mine")
    (tmp_path / f"not-{A}").mkdir()
    (tmp_path / f"not-{A}" / "000000.json").write_text("mine")
    store = Store(tmp_path, Quota(max_bytes=1, max_count=1, retention_s=0))
    store.look_around(1e12)
    assert store.size == 0
    store.write(A, "000000.json", b"12", 1.0)
    store.tidy(1e12)
    assert files(tmp_path) == sorted([f"{A}/notes.txt", "holiday.jpg", f"not-{A}/000000.json"])


def test_a_new_service_counts_what_its_predecessor_left(tmp_path) -> None:
    before = Store(tmp_path, ROOMY)
    for number in range(5):
        before.write(A, f"{number:06}.json", b"12345", 1.0)
        os.utime(tmp_path / A / f"{number:06}.json", (number, number))
    store = Store(tmp_path, Quota(max_bytes=10**9, max_count=3, retention_s=1e12))
    store.look_around(10.0)
    assert files(tmp_path) == [f"{A}/{number:06}.json" for number in (2, 3, 4)]
    assert (len(store), store.size) == (3, 15)


writes = st.lists(st.tuples(st.sampled_from([A, B]), st.integers(0, 300), st.floats(0, 50)), max_size=40)


@given(writes, st.integers(1, 6), st.integers(1, 900), st.floats(1, 200))
def test_after_any_writes_the_quota_holds_and_the_newest_are_kept(writes, max_count, max_bytes, retention_s):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        store = Store(root, Quota(max_bytes=max_bytes, max_count=max_count, retention_s=retention_s))
        now, written = 0.0, []
        for number, (where, size, later) in enumerate(writes):
            now += later
            store.write(where, f"{number:06}.in.wav", b"x" * size, now)
            written.append((f"{where}/{number:06}.in.wav", size, now))
        kept = files(root)
        expected, total = [], 0
        for name, size, at in reversed(written):
            total += size
            if len(expected) == max_count or total > max_bytes or now - at > retention_s:
                break
            expected.append(name)
        assert kept == sorted(expected)
        assert store.size == sum(path.stat().st_size for path in root.rglob("*.wav"))
