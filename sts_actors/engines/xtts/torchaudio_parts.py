"""torchaudio where only its Python parts work.

Its wheels carry a library compiled for one build of torch, and importing the package beside another (a CPU
build) fails on loading it. XTTS uses resampling and mel spectrograms alone, which are Python.
"""

import sys
from types import ModuleType

_EXTENSION = "torchaudio._extension"


def import_torchaudio() -> None:
    """Import torchaudio, without its compiled part where that does not load.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import torchaudio  # noqa: PLC0415 - heavy, and only where the engine runs
    except OSError:
        sys.modules[_EXTENSION] = _without_library()
        import torchaudio  # noqa: F401, PLC0415


def _without_library() -> ModuleType:
    """What the package says of its compiled part, said of one that is not there."""
    stand_in = ModuleType(_EXTENSION)
    stand_in.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _check_cuda_version=lambda: None,
        fail_if_no_align=lambda function: function,
    )
    return stand_in
