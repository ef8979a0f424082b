"""What is wrong with a checkpoint is one line with the file and the remedy, and ends the start at once."""

import json
import shutil

import pytest
import trio

from sts_actors.engines.process import in_process
from sts_actors.engines.xtts import XttsOptions, load
from sts_actors.engines.xtts.checkpoint import check_folder
from sts_actors.errors import ConfigError, Stage
from sts_actors.models import ModelSpec, open_models
from sts_actors.profiles import builtin_voices, model_specs
from sts_actors.settings import load_settings


@pytest.fixture
def copy(tiny_checkpoint, tmp_path):
    return shutil.copytree(tiny_checkpoint, tmp_path / "copy")


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without_weights(folder):
    """A checkpoint that was saved of something else."""
    import torch

    torch.save({"model": {"no": torch.zeros(1)}}, folder / "model.pth")


BROKEN = {
    "no weights": ("model.pth", lambda folder: (folder / "model.pth").unlink()),
    "no vocabulary": ("vocab.json", lambda folder: (folder / "vocab.json").unlink()),
    "no configuration": ("config.json", lambda folder: (folder / "config.json").unlink()),
    "cut weights": ("model.pth", lambda folder: cut(folder / "model.pth")),
    "cut configuration": ("config.json", lambda folder: cut(folder / "config.json")),
    "other weights": ("model.pth", without_weights),
    "empty weights": ("model.pth", lambda folder: (folder / "model.pth").write_bytes(b"")),
    "cut speakers": ("speakers_xtts.pth", lambda folder: cut(folder / "speakers_xtts.pth")),
    "another model": ("config.json", lambda folder: (folder / "config.json").write_text('{"model": "vits"}')),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_checkpoint_is_one_line_with_its_file_and_the_remedy(copy, tmp_path, fault):
    file, spoil = BROKEN[fault]
    spoil(copy)
    with pytest.raises(ConfigError) as caught:
        load(copy, tmp_path / "cache", XttsOptions(threads=1))
    (line,) = caught.value.args
    assert str(copy / file) in line
    assert "\n" not in line
    assert "sts-actors models fetch xtts" in line or "TTS_MODEL" in line


def test_a_folder_that_is_whole_passes_without_being_loaded(tiny_checkpoint):
    check_folder(tiny_checkpoint)


def test_a_device_that_is_not_there_is_named(tiny_checkpoint, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match="TTS_DEVICE=cuda cannot be used"):
        load(tiny_checkpoint, tmp_path, XttsOptions(device="cuda"))


async def test_a_model_that_cannot_be_loaded_as_configured_ends_the_start_without_another_try(copy, tmp_path):
    cut(copy / "model.pth")
    starts = []
    fake = model_specs(load_settings(profile="fake", environment={}))

    def opened():
        starts.append(1)
        return in_process("tts", load, copy, tmp_path / "cache", XttsOptions(threads=1))()

    specs = {**fake, Stage.TTS: ModelSpec(open_runner=opened, tokens=1)}
    with trio.fail_after(60), pytest.raises(ConfigError, match=r"model\.pth cannot be loaded"):
        async with open_models(specs, device_tokens=8):
            await trio.sleep_forever()
    assert len(starts) == 1


def test_the_built_in_voices_are_listed_without_loading_the_model(copy):
    its = load_settings(profile="production", environment={"TTS_MODEL": str(copy)})
    assert builtin_voices(its) == {"Ana": ""}
    cut(copy / "speakers_xtts.pth")
    with pytest.raises(ConfigError, match=r"speakers_xtts\.pth is broken"):
        builtin_voices(its)
    (copy / "speakers_xtts.pth").unlink()
    assert builtin_voices(its) == {}


def test_a_checkpoint_without_built_in_voices_offers_none(copy, tmp_path):
    (copy / "speakers_xtts.pth").unlink()
    engine = load(copy, tmp_path / "cache", XttsOptions(threads=1))
    assert engine.info.voices == {}
    assert engine.info.default_voices == {}


def test_a_language_without_its_mark_in_the_vocabulary_is_not_offered(copy, tmp_path):
    vocabulary = json.loads((copy / "vocab.json").read_text())
    number = vocabulary["model"]["vocab"].pop("[fr]")
    vocabulary["model"]["vocab"]["[xx]"] = number
    vocabulary["added_tokens"] = [one for one in vocabulary["added_tokens"] if one["content"] != "[fr]"]
    (copy / "vocab.json").write_text(json.dumps(vocabulary))
    engine = load(copy, tmp_path / "cache", XttsOptions(threads=1))
    assert "fr" not in engine.info.languages
    assert "en" in engine.info.languages
