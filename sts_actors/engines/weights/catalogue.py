"""Every model that can be had, wherever it comes from: what it is, whether it is here, how to get it."""

import zipfile
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path

import attrs
import numpy as np

from sts_actors.engines import kokoro_voices as voices
from sts_actors.engines.weights.assets import (
    Asset,
    BrokenError,
    MissingError,
    Progress,
    asset_folder,
    check,
    find,
    join,
    known_assets,
    remedy,
)
from sts_actors.engines.weights.hub import HubModel, fetched, hub_models
from sts_actors.engines.weights.hub_fetch import fetch
from sts_actors.errors import ConfigError

Checked = Iterator[tuple[Path, ConfigError | None]]
"""Each file of a model, read in full, and what is wrong with it."""

VOICES = "kokoro-voices"


class State(StrEnum):
    """Whether a model is here, as far as its files' sizes tell."""

    READY = "ready"
    MISSING = "missing"
    BROKEN = "broken"


@attrs.frozen(kw_only=True)
class Model:
    """One model's data, as it is at this moment.

    `version` is that of its package, or its revision at a hub, and `pinned` whether that names one content
    for ever. `size` is in bytes, about how many where a hub's model is not here yet; `sha256` is that of its
    largest file, "" where it is not known before it is here. `find`, `fetch` and `check` do as those of
    `assets`, and `fetch` takes besides whether the operator has accepted the licence.
    """

    name: str
    stage: str
    licence: str
    version: str
    pinned: bool = True
    size: int
    sha256: str
    folder: Path
    find: Callable[[], Path]
    fetch: Callable[[Progress | None, bool], Path]
    check: Callable[[], Checked]

    @property
    def state(self) -> State:
        """Whether it is here; quick."""
        try:
            self.find()
        except MissingError:
            return State.MISSING
        except BrokenError:
            return State.BROKEN
        return State.READY


def known_models() -> Mapping[str, Model]:
    """Every model by name, stage by stage."""
    models = [*map(_packaged, known_assets().values()), *map(_hosted, hub_models().values()), _voices()]
    return {model.name: model for model in sorted(models, key=lambda model: model.stage)}


def _packaged(asset: Asset) -> Model:
    return Model(
        name=asset.name,
        stage=asset.stage,
        licence=asset.licence,
        version=asset.version,
        size=asset.size,
        sha256=_largest(asset),
        folder=asset_folder(asset),
        find=lambda: find(asset),
        fetch=lambda progress, _: join(asset, progress),
        check=lambda: check(asset),
    )


def _hosted(model: HubModel) -> Model:
    try:
        asset = fetched(model)
    except MissingError:
        asset = None
    return Model(
        name=model.name,
        stage=model.stage,
        licence=model.licence,
        version=model.version,
        pinned=model.pinned,
        size=asset.size if asset else model.size,
        sha256=_largest(asset) if asset else next(iter(model.sha256.values()), ""),
        folder=model.folder,
        find=lambda: find(fetched(model)),
        fetch=lambda progress, accepted: fetch(model, progress, accepted=accepted),
        check=lambda: check(fetched(model)),
    )


def _voices() -> Model:
    path = voices.native_voices()
    return Model(
        name=VOICES,
        stage="tts",
        licence="Apache-2.0",
        version=voices.PACKAGE.partition("@")[2],
        size=voices.ARCHIVE_BYTES,
        sha256=voices.ARCHIVE_SHA256,
        folder=path.parent,
        find=partial(_find_voices, path),
        fetch=lambda progress, _: voices.fetch_voices(progress).parent,
        check=partial(_check_voices, path),
    )


def _find_voices(path: Path) -> Path:
    if not path.is_file():
        raise MissingError(f"{path} is missing; {remedy(VOICES)}")
    return path.parent


def _check_voices(path: Path) -> Checked:
    """Kokoro's voices, whose container holds a checksum of each."""
    _find_voices(path)
    fault = None
    try:
        with np.load(path) as styles:
            shapes = {styles[name].shape for name in styles.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        shapes = set()
    if shapes != {voices.STYLE_SHAPE}:
        fault = BrokenError(f"{path} is broken; delete it and {remedy(VOICES)}")
    yield path, fault


def _largest(asset: Asset) -> str:
    return max(asset.files, key=lambda file: file.size).sha256
