"""Fetching a hub's model: listed by the hub, each file to a name of its own until its hash is right.

`huggingface_hub` asks the hub and reads the bytes, with its retries and its token; but it throws half a file
away when it gives up. So the half files are ours: they stay, and the next fetch goes on where they end.
"""

import fcntl
import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any, Self, cast

import attrs

from sts_actors.engines.weights.assets import (
    Asset,
    AssetFile,
    Progress,
    cannot_write,
    hash_file,
    verify,
)
from sts_actors.engines.weights.hub import HubModel, fetched, write_manifest
from sts_actors.errors import ConfigError

ENDPOINT_VARIABLE = "HF_ENDPOINT"
AGREED_VARIABLE = "COQUI_TOS_AGREED"
"""Coqui's own: set to 1 by those who have accepted the licence of its models."""
LIST_TIMEOUT_S = 20.0


@attrs.frozen(kw_only=True)
class _Listed:
    """A file as the hub knows it: large ones by their SHA-256, small ones by git's hash of a blob."""

    name: str
    size: int
    sha256: str
    blob: str


def fetch(model: HubModel, progress: Progress | None = None, *, accepted: bool = False) -> Path:
    """The folder of a hub's model, all of it here and right; without a network where it already is.

    Args:
        model: which.
        progress: told of bytes done.
        accepted: the operator has accepted the model's licence.

    Raises:
        ConfigError: its licence is not accepted; the hub cannot be reached, does not have it, or sends what
            does not fit its hash; the folder cannot be written.
    """
    try:
        return verify(fetched(model), progress)
    except ConfigError:
        pass
    if model.terms and not accepted and os.environ.get(AGREED_VARIABLE) != "1":
        raise ConfigError(
            f"{model.name} is licensed under {model.licence}: read {model.terms}, and if you accept it "
            f"run: sts-actors models fetch {model.name} --accept-licence"
        )
    try:
        model.folder.mkdir(parents=True, exist_ok=True)
        with _alone(model.folder):
            return verify(_download(model, progress))
    except OSError as error:
        raise cannot_write(model.folder, error) from None


def _download(model: HubModel, progress: Progress | None) -> Asset:
    """Bring what is not here yet, and write the manifest."""
    # Each attempt that fails would be told between the bars; the one that counts is raised.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    with _hub_errors(model, ""):
        commit, listed = _list(model)
    total = sum(file.size for file in listed)
    done = 0
    files = []
    for file in listed:
        path = model.folder / file.name
        if not _is_right(path, file):
            told = progress and partial(_tell, progress, model.name, done, total)
            _download_file(model, commit, file, partial(_Bar, told))
        done += file.size
        if progress is not None:
            progress(model.name, done, total)
        files.append(
            AssetFile(name=file.name, size=file.size, sha256=file.sha256 or hash_file(path), parts=())
        )
    write_manifest(model, commit, tuple(files))
    return fetched(model)


def _list(model: HubModel) -> tuple[str, list[_Listed]]:
    from huggingface_hub import HfApi  # noqa: PLC0415 - heavy, and only where something is fetched

    api = HfApi(endpoint=os.environ.get(ENDPOINT_VARIABLE))
    info = api.model_info(model.repo, revision=model.revision, files_metadata=True, timeout=LIST_TIMEOUT_S)
    listed = []
    for pattern in model.files:
        found = [
            file
            for file in info.siblings or ()
            # A folder's files are none of the model's, wherever their names point.
            if fnmatch(file.rfilename, pattern) and "/" not in file.rfilename
        ]
        if not found:
            raise ConfigError(f"{model.repo} at {model.version} has no {pattern}: is the revision right?")
        for file in found:
            said = file.lfs.sha256 if file.lfs else ""
            known = model.sha256.get(file.rfilename, said)
            if said and said != known:
                raise ConfigError(
                    f"{file.rfilename} of {model.repo} is not the one that is expected: "
                    f"the hub has SHA-256 {said}, right is {known}"
                )
            listed.append(
                _Listed(name=file.rfilename, size=file.size or 0, sha256=known, blob=file.blob_id or "")
            )
    return str(info.sha), listed


def _download_file(model: HubModel, commit: str, file: _Listed, bar: Callable[..., Any]) -> None:
    from huggingface_hub import hf_hub_url  # noqa: PLC0415 - as above
    from huggingface_hub.file_download import http_get  # noqa: PLC0415 - idem
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # noqa: PLC0415 - idem

    # Named by its hash: half of another file is not gone on with.
    part = model.folder / f".{file.name}.{(file.sha256 or file.blob)[:16]}.part"
    url = hf_hub_url(model.repo, file.name, revision=commit, endpoint=os.environ.get(ENDPOINT_VARIABLE))
    # Compressed on the way, a rest would begin elsewhere.
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    with part.open("ab") as stream, _hub_errors(model, file.name):
        if stream.tell() > file.size:
            stream.truncate(0)
            stream.seek(0)
        if stream.tell() < file.size:
            http_get(url, stream, resume_size=stream.tell(), headers=headers, tqdm_class=cast("Any", bar))
    if not _is_right(part, file):
        part.unlink()
        raise ConfigError(
            f"{file.name} of {model.repo} came broken: its hash is not {file.sha256 or file.blob}; "
            f"run again: sts-actors models fetch {model.name}"
        )
    part.replace(model.folder / file.name)


def _is_right(path: Path, file: _Listed) -> bool:
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    if file.sha256:
        return hash_file(path) == file.sha256
    # Git's own hash, for the small files that a hub keeps in git itself.
    blob = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
    blob.update(path.read_bytes())
    return blob.hexdigest() == file.blob


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait for whoever fetches into `folder` already: two would write into one half file."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _hub_errors(model: HubModel, file: str) -> Iterator[None]:
    """Whatever keeps the hub from giving, in one line with its remedy."""
    try:
        from huggingface_hub.errors import (  # type: ignore[attr-defined]  # noqa: PLC0415 - as above
            GatedRepoError,
            HfHubHTTPError,
            HTTPError,
            OfflineModeIsEnabled,
        )
    except ImportError:
        raise ConfigError(
            "huggingface_hub is not installed; run: pip install 'sts_actors[embedded]'"
        ) from None
    what = f"{file or 'the list of files'} of {model.repo}"
    again = f"run again: sts-actors models fetch {model.name}"
    try:
        yield
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in {401, 403} or isinstance(error, GatedRepoError):
            raise ConfigError(
                f"the hub does not give {what} to everybody ({status}): set HF_TOKEN to a token that may "
                f"read it; {again}"
            ) from None
        if status == 404:  # noqa: PLR2004 - HTTP's own
            raise ConfigError(f"the hub has no {what} at revision {model.version}") from None
        raise ConfigError(f"the hub answered {status} for {what}; {again}") from None
    except OfflineModeIsEnabled:
        raise ConfigError(f"cannot fetch {what}: HF_HUB_OFFLINE is set; unset it and {again}") from None
    except HTTPError as error:
        raise ConfigError(
            f"cannot fetch {what} into {model.folder}: no connection to the hub ({type(error).__name__}); "
            f"what is here already stays; {again}"
        ) from None


def _tell(progress: Progress, name: str, before: int, total: int, done: int) -> None:
    progress(name, before + done, total)


class _Bar:
    """Stands where the library would draw a bar of its own."""

    def __init__(self, tell: Callable[[int], None] | None, *, initial: int = 0, **_: Any) -> None:
        self._tell, self._done = tell, initial

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def update(self, more: int) -> None:
        """Count `more` bytes; less than none where the library begins anew."""
        self._done += more
        if self._tell is not None:
            self._tell(self._done)
