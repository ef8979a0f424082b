"""What the page at `/try` asks for: what can be dubbed here, and the sample."""

from pathlib import Path
from typing import Any

import attrs
import trio

from sts_actors.console.fresh import fresh, fresh_json
from sts_actors.dubbing import Dubbing
from sts_actors.errors import Stage
from sts_actors.gateway import HttpRequest, HttpResponse
from sts_actors.messages import primary_language
from sts_actors.models import Models
from sts_actors.sample import LANGUAGE, find_sample
from sts_actors.voices import fitting

COMMON_LANGUAGES = ("de", "en", "es", "fr", "it", "pt")
"""What is offered where no engine sets a limit."""


@attrs.define(eq=False)
class Trying:
    """What the page is told; `sample` is the recording's path, None where it is not installed."""

    dubbing: Dubbing
    sample: Path | None = attrs.field(factory=find_sample)

    async def options(self, _: HttpRequest) -> HttpResponse:
        """`GET /try/options`: languages, voices and engines, once they are known."""
        models = self.dubbing.models
        missing = [stage.value for stage in models.missing]
        told: dict[str, Any] = {"ready": not missing, "missing": missing}
        if not missing:
            languages = offered_languages(models)
            targets = sorted({target for each in languages.values() for target in each})
            told |= {
                "engines": models.engine_names(),
                "languages": languages,
                **self._voices(targets),
                "sample": {"language": LANGUAGE} if self.sample and LANGUAGE in languages else None,
            }
        return fresh_json(200, told)

    async def recording(self, _: HttpRequest) -> HttpResponse:
        """`GET /try/sample.wav`."""
        if self.sample is None:
            return fresh(404, "text/plain", b"the sample is not installed\n")
        body = await trio.to_thread.run_sync(self.sample.read_bytes)
        return fresh(200, "audio/wav", body)

    def _voices(self, targets: list[str]) -> dict[str, Any]:
        info, voices = self.dubbing.models.info(Stage.TTS), self.dubbing.voices.current
        if info is None:
            return {"voices": {}, "default_voices": {}}
        primary = {target: primary_language(target) for target in targets}
        defaults = {**info.default_voices, **voices.defaults}
        return {
            "voices": {target: fitting(primary[target], voices, info) for target in targets},
            "default_voices": {
                target: defaults[primary[target]] for target in targets if primary[target] in defaults
            },
        }


def offered_languages(models: Models) -> dict[str, list[str]]:
    """For each language that can be recognised those into which it can be dubbed, where there are any."""
    asr, translation, tts = (models.info(stage) for stage in Stage)
    pairs = translation.pairs if translation else ()
    known = {source for source, _ in pairs} | {target for _, target in pairs}
    spoken = set(asr.languages if asr else ()) or known or set(COMMON_LANGUAGES)
    voiced = set(tts.languages if tts else ()) or known or set(COMMON_LANGUAGES)
    offered = {
        source: sorted(
            target for target in voiced if source != target and (not pairs or (source, target) in pairs)
        )
        for source in sorted(spoken)
    }
    return {source: targets for source, targets in offered.items() if targets}
