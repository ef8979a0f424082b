"""Synthesis with XTTS v2 through coqui-tts: cloned and built-in voices, decoded in batches.

`load` builds the engine in its worker process; nothing here imports torch before that.
"""

from sts_actors.engines.xtts.engine import XttsOptions, load

__all__ = ["XttsOptions", "load"]
