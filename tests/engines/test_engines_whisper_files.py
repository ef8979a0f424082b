"""Whisper models by size and by folder: found where they are, and a broken one named with its remedy."""

from importlib.util import find_spec

import pytest
from hollow_whisper import hollow_whisper
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.cli.main import run
from sts_actors.engines.whisper.files import check_model, find_model
from sts_actors.errors import ConfigError

needs_the_library = pytest.mark.skipif(find_spec("faster_whisper") is None, reason="needs the extra")


def fault(folder):
    with pytest.raises(ConfigError) as caught:
        check_model(folder, "do this")
    said = str(caught.value)
    assert "\n" not in said
    return said


@pytest.mark.parametrize("variables", [0, 3])
def test_a_folder_with_all_there_should_be_is_taken(tmp_path, variables):
    assert find_model(str(hollow_whisper(tmp_path, variables=variables))) == tmp_path


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
def test_a_file_that_is_missing_is_named(tmp_path, name):
    (hollow_whisper(tmp_path) / name).unlink()
    assert fault(tmp_path) == f"{tmp_path / name} is missing; do this"


def test_another_kind_of_vocabulary_will_do(tmp_path):
    (hollow_whisper(tmp_path) / "vocabulary.json").rename(tmp_path / "vocabulary.txt")
    assert check_model(tmp_path, "") == tmp_path


@pytest.mark.parametrize(
    "content", [b"", b"not", b"not a model at all, rather a text", b"\6\0\0\0\x0c\0OtherSpecs\0\0"]
)
def test_what_is_no_whisper_is_named(tmp_path, content):
    (hollow_whisper(tmp_path) / "model.bin").write_bytes(content)
    assert fault(tmp_path).startswith(f"{tmp_path / 'model.bin'} is broken: ")


def test_a_file_of_another_format_is_told_so(tmp_path):
    weights = hollow_whisper(tmp_path) / "model.bin"
    weights.write_bytes(b"\7" + weights.read_bytes()[1:])
    assert "it is no Whisper model of CTranslate2's" in fault(tmp_path)


@given(data=st.data())
def test_wherever_the_weights_are_cut_they_are_found_broken(tmp_path_factory, data):
    folder = hollow_whisper(tmp_path_factory.mktemp("model"), variables=4)
    weights = folder / "model.bin"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert "model.bin is broken" in fault(folder)
    weights.write_bytes(whole + b"x")
    assert f"it has {len(whole) + 1} bytes where {len(whole)} are right" in fault(folder)


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    hollow_whisper(tmp_path)

    def refuse(self, *args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    assert fault(tmp_path) == f"cannot read {tmp_path / 'model.bin'}: Permission denied"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hugging Face cache of its own, and a network that nobody may use."""
    from huggingface_hub import constants

    def refuse(*args, **kwargs):
        raise AssertionError("asked the network")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    return tmp_path


def cached(hub, repository):
    """The folder of a repository's only revision, as the hub's own cache lays it out."""
    home = hub / f"models--{repository.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "refs/main").write_text("a" * 40)
    return hollow_whisper(home / "snapshots" / ("a" * 40))


@needs_the_library
@pytest.mark.parametrize(
    ("size", "repository"),
    [
        ("tiny", "Systran/faster-whisper-tiny"),
        ("small", "Systran/faster-whisper-small"),
        ("medium", "Systran/faster-whisper-medium"),
        ("large-v2", "Systran/faster-whisper-large-v2"),
        ("large-v3", "Systran/faster-whisper-large-v3"),
        ("distil-large-v3", "Systran/faster-distil-whisper-large-v3"),
    ],
)
def test_a_size_is_found_in_the_local_cache_of_the_hub_and_nowhere_else(hub, size, repository):
    with pytest.raises(ConfigError, match=rf"{size} is .*; run: sts-actors models fetch"):
        find_model(size)
    folder = cached(hub, repository)
    assert find_model(size) == folder


@needs_the_library
def test_a_download_that_was_cut_is_named_with_what_fetches_the_rest(hub):
    (cached(hub, "Systran/faster-whisper-small") / "tokenizer.json").unlink()
    with pytest.raises(ConfigError, match=r"tokenizer\.json is missing; run: sts-actors models fetch"):
        find_model("small")


@needs_the_library
@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("gigantic", "there is no Whisper model 'gigantic'"),
        ("small", "run: sts-actors models fetch whisper-small"),
        ("{broken}", "model.bin is broken: it ends too early; convert the model anew"),
        ("{empty}", "model.bin is missing; convert the model anew"),
    ],
    ids=["unknown", "not fetched", "corrupt", "empty folder"],
)
def test_a_start_without_a_whole_model_is_one_line(hub, tmp_path, monkeypatch, capsys, model, words):
    (hollow_whisper(tmp_path / "broken") / "model.bin").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("ASR_ENGINE", "whisper")
    monkeypatch.setenv("ASR_MODEL_SIZE", model.format(broken=tmp_path / "broken", empty=tmp_path / "empty"))
    assert run(["serve", "--profile", "fake", "--port", "0"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
