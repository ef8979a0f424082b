"""A checkpoint folder, found whole and loaded through coqui-tts."""

import json
import warnings
from pathlib import Path
from typing import Any

from sts_actors.engines.faults import is_out_of_memory
from sts_actors.engines.xtts.torchaudio_parts import import_torchaudio
from sts_actors.errors import ConfigError

FILES = ("config.json", "vocab.json", "model.pth")
SPEAKERS = "speakers_xtts.pth"
REMEDY = "fetch it again: sts-actors models fetch xtts"


def check_folder(folder: Path) -> None:
    """See that a folder looks like a checkpoint, without loading it.

    Raises:
        ConfigError: naming the file and the remedy.
    """
    for name in FILES:
        if not (folder / name).is_file():
            raise ConfigError(f"{folder / name} is missing; {REMEDY}, or set TTS_MODEL to another folder")
    try:
        described = json.loads((folder / "config.json").read_bytes())
    except ValueError as error:
        raise ConfigError(f"{folder / 'config.json'} is broken ({error}); {REMEDY}") from None
    model = described.get("model") if isinstance(described, dict) else None
    if model != "xtts":
        raise ConfigError(
            f"{folder / 'config.json'} describes {model!r}, not XTTS; set TTS_MODEL to another folder"
        )


def speaker_names(folder: Path) -> tuple[str, ...]:
    """The built-in voices of a checkpoint, read without loading its model.

    Raises:
        ConfigError: the file of speakers is broken.
    """
    import torch  # noqa: PLC0415 - heavy, and only where it is asked for

    path = folder / SPEAKERS
    if not path.is_file():
        return ()
    try:
        return tuple(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # noqa: BLE001 - a broken file fails in more ways than can be named
        raise ConfigError(f"{path} is broken ({_first_line(error)}); {REMEDY}") from None


def load_model(folder: Path, device: str) -> Any:
    """Upstream's model, ready to speak on `device`, in float32.

    Raises:
        ConfigError: the checkpoint is broken, or the device cannot hold it: the file and the remedy.
    """
    check_folder(folder)
    # By itself: what upstream says of a broken one does not name it.
    speaker_names(folder)
    import_torchaudio()
    with warnings.catch_warnings():
        # Upstream's own business: what it deprecates in itself and in others.
        warnings.simplefilter("ignore")
        from transformers.utils import logging  # noqa: PLC0415
        from TTS.tts.configs.xtts_config import XttsConfig  # noqa: PLC0415 - heavy, and only where the engine runs
        from TTS.tts.models.xtts import Xtts  # noqa: PLC0415

        # Of ids that text models have, and this one has not.
        logging.set_verbosity_error()  # type: ignore[no-untyped-call] # upstream's

        config = XttsConfig()
        try:
            config.load_json(str(folder / "config.json"))
            model = Xtts(config)
            model.load_checkpoint(config, checkpoint_dir=str(folder), eval=True)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise ConfigError(
                f"{folder / 'model.pth'} cannot be loaded ({_first_line(error)}); {REMEDY}"
            ) from None
    try:
        return model.to(device)
    except (RuntimeError, AssertionError) as error:
        # An AssertionError is how torch says that it was built without CUDA.
        if is_out_of_memory(error):
            raise ConfigError(
                f"{folder / 'model.pth'} does not fit into {device}; free some memory, or set TTS_DEVICE=cpu"
            ) from None
        raise ConfigError(f"TTS_DEVICE={device} cannot be used: {_first_line(error)}") from None


def lower_precision(gpt: Any, dtype: Any) -> None:
    """Have upstream's decoder reckon in `dtype`, from its inputs to its outputs."""
    import torch  # noqa: PLC0415 - heavy, and only where the engine runs

    gpt.to(dtype)
    channels = gpt.mel_embedding.weight.shape[1]

    def no_positions(ids: Any) -> Any:
        # Upstream's are zeros too, in float32, and what they are added to becomes float32 again.
        return torch.zeros((*ids.shape, channels), dtype=dtype, device=ids.device)

    gpt.gpt.wpe = no_positions


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
