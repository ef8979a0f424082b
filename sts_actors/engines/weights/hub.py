"""Models of a hub: what `config/models.toml` says of them, and which files a fetch has brought here.

A fetch ends by writing a manifest beside the files: the commit they are of, their sizes and hashes. From then
on such a model is an asset like those out of packages, found and verified without a network.
"""

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import attrs

from sts_actors.config_files import read_config
from sts_actors.engines.weights.assets import Asset, AssetFile, MissingError, cache_folder

NEWEST = "main"


@attrs.frozen(kw_only=True)
class HubModel:
    """A repository's files; `size` is about how many bytes, `sha256` the hashes that are known beforehand.

    `revision` is a commit, or `main` for whatever is newest. `terms` is where a licence stands that the
    operator must accept, and "" where none has to.
    """

    name: str
    stage: str
    repo: str
    revision: str = NEWEST
    licence: str
    terms: str = ""
    size: int
    files: tuple[str, ...]
    sha256: Mapping[str, str] = attrs.field(factory=dict, hash=False)

    @property
    def version(self) -> str:
        """A short name of the revision."""
        return self.revision[:12]

    @property
    def pinned(self) -> bool:
        """Whether the revision is a commit, which never changes."""
        return self.revision != NEWEST

    @property
    def folder(self) -> Path:
        """Where its files are, or will be."""
        return cache_folder() / "models" / f"{self.name}-{self.version}"


@cache
def hub_models() -> Mapping[str, HubModel]:
    """The hub's models of `config/models.toml`, by name."""
    table = tomllib.loads(read_config("models.toml").decode())["hub"]
    return {
        name: HubModel(name=name, **{**entry, "files": tuple(entry["files"])})
        for name, entry in table.items()
    }


def manifest_path(model: HubModel) -> Path:
    """Where a fetch writes down what it has brought."""
    return model.folder / ".manifest.json"


def write_manifest(model: HubModel, commit: str, files: tuple[AssetFile, ...]) -> None:
    """Say that all of a model is here."""
    content = {
        "repo": model.repo,
        "commit": commit,
        "files": [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in files],
    }
    path = manifest_path(model)
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(content, indent=2), encoding="utf-8")
    draft.replace(path)


def fetched(model: HubModel) -> Asset:
    """What was fetched of a model, as an asset, to be found and verified like any other.

    Raises:
        MissingError: it was not fetched, or not to its end; with the remedy.
    """
    try:
        manifest = json.loads(manifest_path(model).read_text(encoding="utf-8"))
        files = tuple(
            AssetFile(name=file["name"], size=file["size"], sha256=file["sha256"], parts=())
            for file in manifest["files"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise MissingError(
            f"the model {model.name} is missing from {model.folder}; "
            f"run: sts-actors models fetch {model.name}" + (" --accept-licence" if model.terms else "")
        ) from None
    return Asset(name=model.name, version=model.version, licence=model.licence, files=files)
