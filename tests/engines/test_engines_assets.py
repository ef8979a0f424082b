"""Model data out of packages: joined once, verified, a broken file found by its hash and named."""

import hashlib
import os
import sys
import threading

import pytest

from sts_actors.engines.weights import assets
from sts_actors.engines.weights.assets import (
    Asset,
    AssetFile,
    asset_folder,
    check,
    find,
    join,
    known_assets,
    verify,
)
from sts_actors.errors import ConfigError

HEAD, TAIL = b"first part, " * 1000, b"second part" * 1000
WHOLE = HEAD + TAIL


@pytest.fixture
def asset(tmp_path, monkeypatch):
    """An asset in two packages of its own, and an empty cache."""
    for name, content in (("part_one", HEAD), ("part_two", TAIL)):
        package = tmp_path / "packages" / name
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "part.bin").write_bytes(content)
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    monkeypatch.setenv("STS_CACHE_DIR", str(tmp_path / "cache"))
    file = AssetFile(
        name="model.bin",
        size=len(WHOLE),
        sha256=hashlib.sha256(WHOLE).hexdigest(),
        parts=(("part_one", "part.bin"), ("part_two", "part.bin")),
    )
    yield Asset(name="tiny", version="1.0", licence="MIT", files=(file,))
    for name in ("part_one", "part_two"):
        sys.modules.pop(name, None)


def only_model(folder):
    """No half file lies about."""
    return sorted(path.name for path in folder.iterdir()) == [".model.bin.verified", "model.bin"]


def test_parts_are_joined_into_the_cache_in_their_order(asset):
    folder = join(asset)
    assert folder == asset_folder(asset)
    assert (folder / "model.bin").read_bytes() == WHOLE
    assert only_model(folder)


def test_progress_adds_up_to_the_whole(asset):
    told = []
    join(asset, lambda name, done, total: told.append((name, done, total)))
    assert told[-1] == ("tiny", len(WHOLE), len(WHOLE))
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_what_is_there_and_right_is_not_read_again(asset, monkeypatch):
    join(asset)
    monkeypatch.setattr(assets, "hash_file", lambda path: pytest.fail(f"read {path}"))
    join(asset)
    verify(asset)


def test_models_that_lie_where_nothing_can_be_written_are_read_in_full_each_time(asset):
    folder = join(asset)
    for file in asset.files:
        stamp = folder / f".{file.name}.verified"
        stamp.unlink()
        # As good as read-only, to root as well.
        stamp.mkdir()
    assert verify(asset) == folder


@pytest.mark.parametrize("damage", ["flipped", "truncated", "gone"])
def test_a_damaged_file_in_the_cache_is_named_and_joined_anew(asset, damage):
    path = join(asset) / "model.bin"
    if damage == "flipped":
        path.write_bytes(b"X" + WHOLE[1:])
    elif damage == "truncated":
        path.write_bytes(WHOLE[:-1])
    else:
        path.unlink()
    with pytest.raises(
        ConfigError, match=r"model\.bin is (broken|missing).*run: sts-actors models fetch"
    ) as error:
        verify(asset)
    assert "\n" not in str(error.value)
    join(asset)
    assert path.read_bytes() == WHOLE


def test_a_quick_look_finds_a_file_of_the_wrong_size(asset):
    path = join(asset) / "model.bin"
    assert find(asset) == path.parent
    path.write_bytes(WHOLE + b"more")
    with pytest.raises(ConfigError, match="bytes where"):
        find(asset)


@pytest.mark.parametrize("content", [HEAD[:-1], b"X" + HEAD[1:], b""])
def test_a_broken_package_is_named_and_leaves_nothing_behind(asset, tmp_path, content):
    (tmp_path / "packages/part_one/part.bin").write_bytes(content)
    with pytest.raises(ConfigError, match=r"model\.bin out of part_one, part_two is broken.*reinstall"):
        join(asset)
    assert list(asset_folder(asset).iterdir()) == []


def test_a_missing_package_is_named_with_the_remedy(asset):
    lost = AssetFile(name="model.bin", size=1, sha256="0", parts=(("no_such_package", "part.bin"),))
    with pytest.raises(ConfigError, match=r"no_such_package is missing; run: pip install"):
        join(Asset(name="lost", version="1", licence="", files=(lost,)))


def test_a_file_missing_from_its_package_is_named(asset, tmp_path):
    (tmp_path / "packages/part_two/part.bin").unlink()
    with pytest.raises(ConfigError, match=r"part\.bin is missing from the package part_two"):
        join(asset)


def test_a_cache_that_cannot_be_written_is_named_with_the_remedy(asset, tmp_path, monkeypatch):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    monkeypatch.setenv("STS_CACHE_DIR", str(blocked))
    with pytest.raises(ConfigError, match=r"cannot write model data.*STS_CACHE_DIR"):
        join(asset)


def test_many_may_join_at_once(asset):
    failures = []

    def one():
        try:
            join(asset)
        except Exception as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert (asset_folder(asset) / "model.bin").read_bytes() == WHOLE


def test_a_check_reads_every_byte_whatever_the_stamp_says(asset):
    path = join(asset) / "model.bin"
    assert [fault for _, fault in check(asset)] == [None]
    before = path.stat()
    path.write_bytes(b"X" + WHOLE[1:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    verify(asset)
    ((checked, fault),) = check(asset)
    assert checked == path
    assert "is broken: its SHA-256" in str(fault)
    # And the stamp that was wrong is gone.
    with pytest.raises(ConfigError, match="is broken"):
        verify(asset)


def test_the_assets_that_ship_name_a_licence_and_a_hash_for_every_file():
    known = known_assets()
    assert set(known) == {"whisper-base", "kokoro"}
    for asset in known.values():
        assert asset.licence
        assert all(len(file.sha256) == 64 and file.size > 0 and file.parts for file in asset.files)
