"""Models of a hub: fetched once, gone on with where a fetch broke off, believed by their hashes alone."""

import json
import socket
import sys
import threading

import attrs
import pytest
from hub_stand_in import COMMIT, REPO, open_hub, sha256
from huggingface_hub import close_session, constants

from sts_actors.engines.weights.assets import MissingError, find, verify
from sts_actors.engines.weights.hub import HubModel, fetched, hub_models, manifest_path
from sts_actors.engines.weights.hub_fetch import fetch
from sts_actors.errors import ConfigError

FILES = {
    "model.bin": bytes(range(256)) * 4000,
    "config.json": b'{"tiny": true}',
    "vocabulary.txt": b"a\nb\n" * 100,
    "README.md": b"not asked for",
}
WANTED = ["config.json", "model.bin", "vocabulary.txt"]
MODEL = HubModel(
    name="tiny-hub",
    stage="asr",
    repo=REPO,
    revision=COMMIT,
    licence="MIT",
    size=1_000_000,
    files=("model.bin", "config.json", "vocabulary.*"),
)


@pytest.fixture
def hub(monkeypatch, tmp_path):
    monkeypatch.setenv("STS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # What is less than such a block is lost when a connection breaks.
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 100_000)
    for name in ("HF_TOKEN", "COQUI_TOS_AGREED"):
        monkeypatch.delenv(name, raising=False)
    with open_hub(FILES) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub
        close_session()


def here(model=MODEL):
    """The files that anybody would see, and any half ones."""
    names = sorted(path.name for path in model.folder.iterdir())
    return [name for name in names if not name.startswith(".") or name.endswith(".part")]


def refused(model=MODEL, **options):
    with pytest.raises(ConfigError) as caught:
        fetch(model, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_all_of_a_model_is_brought_and_written_down_with_its_commit_and_hashes(hub):
    folder = fetch(MODEL)
    assert here() == WANTED
    assert all((folder / name).read_bytes() == FILES[name] for name in WANTED)
    manifest = json.loads(manifest_path(MODEL).read_text())
    assert (manifest["repo"], manifest["commit"]) == (REPO, COMMIT)
    assert {file["name"]: file["sha256"] for file in manifest["files"]} == {
        name: sha256(FILES[name]) for name in WANTED
    }
    assert find(fetched(MODEL)) == verify(fetched(MODEL)) == folder == MODEL.folder


def test_progress_adds_up_to_the_whole(hub):
    told = []
    fetch(MODEL, lambda name, done, total: told.append((name, done, total)))
    total = sum(len(FILES[name]) for name in WANTED)
    assert told[-1] == ("tiny-hub", total, total)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_what_is_all_there_asks_no_network(hub, monkeypatch):
    folder = fetch(MODEL)
    asked = len(hub.asked)

    def no_network(*_, **__):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", no_network)
    assert fetch(MODEL) == folder
    assert len(hub.asked) == asked


def test_a_connection_that_breaks_is_gone_on_with_where_it_broke(hub, caplog):
    hub.cuts = [345_678]
    fetch(MODEL)
    assert caplog.records == []
    first, second = hub.ranges("model.bin")
    assert first == ""
    assert second == "bytes=300000-"
    assert (MODEL.folder / "model.bin").read_bytes() == FILES["model.bin"]


def test_the_next_fetch_goes_on_where_one_gave_up(hub):
    hub.cuts = [345_678]
    hub.statuses = {"/cdn/model.bin": [200, 500]}
    assert "the hub answered 500 for model.bin" in refused()
    assert [name.split(".")[1] for name in here()] == ["model"]
    with pytest.raises(MissingError):
        fetched(MODEL)
    fetch(MODEL)
    assert hub.ranges("model.bin")[-1] == "bytes=300000-"
    assert here() == WANTED
    assert (MODEL.folder / "model.bin").read_bytes() == FILES["model.bin"]


@pytest.mark.parametrize("left", [FILES["model.bin"], FILES["model.bin"] + b"more"])
def test_what_was_left_whole_or_too_long_does_not_stop_the_next_fetch(hub, left):
    MODEL.folder.mkdir(parents=True)
    hash_ = sha256(FILES["model.bin"])
    (MODEL.folder / f".model.bin.{hash_[:16]}.part").write_bytes(left)
    fetch(MODEL)
    assert hub.ranges("model.bin") == ([] if left == FILES["model.bin"] else [""])
    assert here() == WANTED
    assert (MODEL.folder / "model.bin").read_bytes() == FILES["model.bin"]


def test_names_that_lead_out_of_the_folder_are_not_followed(hub):
    hub.files["vocabulary./../../../escaped"] = b"x"
    fetch(MODEL)
    assert here() == WANTED


def test_a_hub_that_knows_no_ranges_sends_all_again(hub):
    hub.cuts, hub.knows_ranges = [300_000], False
    fetch(MODEL)
    assert (MODEL.folder / "model.bin").read_bytes() == FILES["model.bin"]


@pytest.mark.parametrize("name", ["model.bin", "config.json"])
@pytest.mark.parametrize(
    "spoil", [lambda its: b"X" + its[1:], lambda its: its[:-1], lambda its: its + b"X", lambda its: b""]
)
def test_what_does_not_fit_its_hash_is_named_and_not_kept(hub, name, spoil):
    hub.sent[name] = spoil(FILES[name])
    said = refused()
    assert f"{name} of {REPO} came broken" in said
    assert "run again: sts-actors models fetch tiny-hub" in said
    assert name not in " ".join(here())
    hub.sent.clear()
    fetch(MODEL)
    assert here() == WANTED


def test_a_hash_that_is_known_beforehand_wins_over_the_hubs(hub):
    model = attrs.evolve(MODEL, sha256={"model.bin": "0" * 64})
    assert "is not the one that is expected" in refused(model)
    assert hub.ranges("model.bin") == []


def test_only_what_is_broken_is_brought_again(hub):
    path = fetch(MODEL) / "model.bin"
    path.write_bytes(b"X" + FILES["model.bin"][1:])
    hub.asked.clear()
    fetch(MODEL)
    assert path.read_bytes() == FILES["model.bin"]
    assert hub.ranges("config.json") == []


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("path", ["/api", "/cdn/model.bin"])
def test_a_model_that_is_not_given_to_everybody_names_the_token(hub, status, path):
    hub.statuses = {path: [status]}
    said = refused()
    assert f"({status})" in said
    assert "HF_TOKEN" in said


@pytest.mark.parametrize("path", ["/api", "/cdn/model.bin"])
def test_a_model_that_the_hub_does_not_have_is_named(hub, path):
    hub.statuses = {path: [404]}
    assert f"of {REPO} at revision {COMMIT[:12]}" in refused()


def test_a_repository_without_one_of_the_files_is_named(hub):
    del hub.files["vocabulary.txt"]
    assert f"{REPO} at {COMMIT[:12]} has no vocabulary.*" in refused()


def test_no_network_is_one_line_with_the_folder_and_the_remedy(hub, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    said = refused()
    assert str(MODEL.folder) in said
    assert "run again: sts-actors models fetch tiny-hub" in said


def test_an_offline_mode_of_the_library_is_named(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refused()


def test_a_library_that_is_missing_is_named_with_its_extra(hub, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", None)
    assert "run: pip install 'sts_actors[embedded]'" in refused()


def test_a_folder_that_cannot_be_written_is_named_with_the_remedy(hub, monkeypatch, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    monkeypatch.setenv("STS_CACHE_DIR", str(blocked))
    assert "STS_CACHE_DIR" in refused()


def test_a_licence_is_accepted_by_the_operator_and_nobody_else(hub, monkeypatch):
    model = attrs.evolve(MODEL, licence="CPML (non-commercial)", terms="https://licence.invalid")
    said = refused(model)
    assert "CPML (non-commercial)" in said
    assert "https://licence.invalid" in said
    assert "sts-actors models fetch tiny-hub --accept-licence" in said
    assert hub.asked == []
    monkeypatch.setenv("COQUI_TOS_AGREED", "0")
    refused(model)
    monkeypatch.setenv("COQUI_TOS_AGREED", "1")
    fetch(model)
    assert here(model) == WANTED
    monkeypatch.delenv("COQUI_TOS_AGREED")
    # What is here was accepted when it came.
    fetch(model)


def test_a_licence_accepted_on_the_command_line_is_accepted(hub):
    fetch(attrs.evolve(MODEL, terms="https://licence.invalid"), accepted=True)
    assert here() == WANTED


def test_many_may_fetch_at_once_and_it_is_brought_once(hub):
    failures = []

    def one():
        try:
            fetch(MODEL)
        except Exception as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert hub.ranges("model.bin") == [""]
    assert here() == WANTED


@pytest.mark.parametrize("content", ["", "{}", '{"files": [{}]}', "[]"])
def test_a_manifest_that_makes_no_sense_counts_as_none(hub, content):
    fetch(MODEL)
    manifest_path(MODEL).write_text(content)
    with pytest.raises(MissingError, match="run: sts-actors models fetch tiny-hub"):
        fetched(MODEL)
    fetch(MODEL)
    assert find(fetched(MODEL))


def test_the_hub_models_that_ship_name_a_licence_a_commit_and_their_files():
    models = hub_models()
    assert {f"whisper-{size}" for size in ("tiny", "small", "medium", "large-v2", "large-v3")} < set(models)
    for model in models.values():
        assert model.pinned
        assert len(model.revision) == 40
        assert model.licence
        assert model.files
        assert set(model.sha256) <= set(model.files)
    assert models["xtts"].terms
    assert not attrs.evolve(models["xtts"], revision="main").pinned
