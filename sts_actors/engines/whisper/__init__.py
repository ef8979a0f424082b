"""Recognition with Whisper through faster-whisper; `load` builds the engine in its worker process."""

from sts_actors.engines.whisper.engine import Whisper, load

__all__ = ["Whisper", "load"]
