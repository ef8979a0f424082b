"""Translation by DeepL, through its own library, with retries, a breaker and a watched quota."""

from sts_actors.engines.deepl.engine import DeepLConfig, open_deepl

__all__ = ["DeepLConfig", "open_deepl"]
