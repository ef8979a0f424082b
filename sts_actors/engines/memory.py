"""Memory given back after an allocation has failed, so that the next one has more of it."""

import gc
import sys


def release() -> None:
    """Collect what is dead; where torch is in use on a CUDA device, return what it keeps for later, too."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
