"""CUDA's linear algebra for CTranslate2, out of NVIDIA's package where that is installed.

CTranslate2 opens `libcublas.so.12` by its name alone, and the loader does not look into Python packages. A
process that has opened it by its path before is given that one.
"""

import ctypes
import importlib.util
from pathlib import Path

_PACKAGE = "nvidia.cublas"
_IN_THEIR_ORDER = ("libcublasLt.so.12", "libcublas.so.12")


def open_cublas() -> tuple[Path, ...]:
    """Open the libraries of the package, if it is there; which were opened.

    One that cannot be opened is left to CTranslate2, whose own message names it when it is needed.
    """
    opened = []
    for name in _IN_THEIR_ORDER:
        for folder in _folders():
            try:
                ctypes.CDLL(str(folder / name))
            except OSError:
                continue
            opened.append(folder / name)
            break
    return tuple(opened)


def _folders() -> list[Path]:
    try:
        found = importlib.util.find_spec(_PACKAGE)
    except ModuleNotFoundError:
        return []
    places = found.submodule_search_locations if found is not None else None
    return [Path(place) / "lib" for place in places or ()]
