"""A Whisper model's files: found by name or folder, and looked through before a worker loads them."""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO

from sts_actors.engines.weights.assets import MissingError, known_assets, verify
from sts_actors.engines.weights.hub import fetched, hub_models
from sts_actors.errors import ConfigError

FETCH = "run: sts-actors models fetch"
_SPECIFICATION = b"WhisperSpec\0"
_VERSIONS = range(6, 7)
"""Of the binary format: what the pinned library writes."""


def find_model(name: str) -> Path:
    """The folder of a model that is there.

    Args:
        name: a size that a package brings (`base`) or that was fetched, any other that faster-whisper knows
            and that lies in the local Hugging Face cache, or a folder with a converted model.

    Raises:
        ConfigError: there is none, or a file of it is missing or broken: one line with the remedy.
    """
    asset = known_assets().get(f"whisper-{name}")
    if asset is not None:
        return verify(asset)
    if Path(name).is_dir():
        return check_model(Path(name), f"convert the model anew, or set ASR_MODEL_SIZE to a size and {FETCH}")
    hosted = hub_models().get(f"whisper-{name}")
    if hosted is None:
        return check_model(_cached(name), FETCH)
    try:
        return verify(fetched(hosted))
    except MissingError as missing:
        # Fetched by faster-whisper itself, perhaps.
        try:
            folder = _cached(name)
        except ConfigError:
            raise missing from None
    return check_model(folder, f"{FETCH} {hosted.name}")


def _cached(name: str) -> Path:
    """Where the local Hugging Face cache has a model; nothing is fetched."""
    from faster_whisper.utils import available_models, download_model  # noqa: PLC0415 - heavy

    if name not in available_models():
        raise ConfigError(
            f"there is no Whisper model {name!r}: set ASR_MODEL_SIZE to a folder that holds a converted "
            f"model, or to one of {', '.join(available_models())}"
        )
    try:
        return Path(download_model(name, local_files_only=True))
    except (OSError, ValueError):
        raise ConfigError(f"the Whisper model {name} is not on this machine; {FETCH}") from None


def check_model(folder: Path, remedy: str) -> Path:
    """The folder, if it holds what a converted Whisper consists of; quick, for the weights are not read.

    Raises:
        ConfigError: a file is missing, or is no Whisper, or is not there in full, naming it and `remedy`.
    """
    for name in ("model.bin", "config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            raise ConfigError(f"{folder / name} is missing; {remedy}")
    if not any(folder.glob("vocabulary.*")):
        raise ConfigError(f"{folder / 'vocabulary.json'} is missing; {remedy}")
    weights = folder / "model.bin"
    try:
        with weights.open("rb") as stream:
            _walk(stream, weights.stat().st_size)
    except (_BrokenError, struct.error) as error:
        reason = error if isinstance(error, _BrokenError) else "it ends too early"
        raise ConfigError(f"{weights} is broken: {reason}; {remedy}") from None
    except OSError as error:
        raise ConfigError(f"cannot read {weights}: {error.strerror or error}") from None
    return folder


class _BrokenError(Exception):
    """What is wrong with a file."""


def _walk(stream: IO[bytes], size: int) -> None:
    """From one variable to the next: CTranslate2's own reading of a cut file ends in a bare exception."""
    number = _reader(stream, "I")
    version = number()
    if version not in _VERSIONS or stream.read(2 + len(_SPECIFICATION))[2:] != _SPECIFICATION:
        raise _BrokenError("it is no Whisper model of CTranslate2's")
    number()
    for _ in range(number()):
        _skip_text(stream)
        dimensions = _reader(stream, "B")()
        stream.seek(4 * dimensions + 1, os.SEEK_CUR)
        stream.seek(number(), os.SEEK_CUR)
        if stream.tell() > size:
            raise _BrokenError(f"it ends after {size} bytes, in the midst of the weights")
    for _ in range(number()):
        _skip_text(stream)
        _skip_text(stream)
    if stream.tell() != size:
        raise _BrokenError(f"it has {size} bytes where {stream.tell()} are right")


def _reader(stream: IO[bytes], form: str) -> Callable[[], int]:
    layout = struct.Struct(f"<{form}")
    return lambda: int(layout.unpack(stream.read(layout.size))[0])


def _skip_text(stream: IO[bytes]) -> None:
    stream.seek(_reader(stream, "H")(), os.SEEK_CUR)
