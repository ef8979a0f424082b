"""The last defence: whatever is logged, no secret stands in it."""

import json
import os
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus

from sts_actors.settings import Settings, setting_fields
from sts_actors.settings.values import is_secret

HIDDEN = "(hidden)"
SHORT = 6
"""A secret with fewer characters is hidden only where it stands by itself: it may be a part of any word."""

_NAME = re.compile(
    r"(?:^|[^a-z0-9])(?:(?:api|auth|access|private|secret)[^a-z0-9]?key|authorization|token|secret|password"
    r"|passwd|passphrase|cookies?|credentials?)(?:$|[^a-z0-9])"
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_HINT = re.compile(r"(?i)basic|bearer|key|password|secret|token")
"""Cheaper than looking for what it is the sign of."""
_TOLD = re.compile(
    r"(?i)(\b(?:bearer|authorization\W+basic|deepl-auth-key)\s+"
    r"|\b(?:[a-z]+[-_])*(?:(?:api|auth|access)[-_]?key|token|secret|password)\b[\"']?\s*[=:]\s*)"
    r"(?!\(hidden\))[\"']?[^\s,;&\"'<>(){}\[\]]+[\"']?"
)


class Redactor:
    """Hides the secrets it knows, in any spelling that they are likely to be written in.

    It knows none by itself; `secrets_of` finds them. What looks like a secret by the word before it
    (`token=…`, `Bearer …`) is hidden as well, whoever's it is.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings = {spelling for secret in secrets if secret for spelling in _spellings(secret)}
        # The longest first: one may be a part of another.
        whole = "|".join(map(_pattern, sorted(spellings, key=len, reverse=True)))
        self._known = re.compile(whole) if whole else None

    def __repr__(self) -> str:
        return "<Redactor>"

    def text(self, text: str) -> str:
        """`text` without them."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        return _TOLD.sub(lambda found: found[1] + HIDDEN, text) if _HINT.search(text) else text


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Whether what goes by this name is hidden, whatever it is: `auth_token`, `Authorization`, `api-key`."""
    return _NAME.search(_HUMP.sub("_", name).lower()) is not None


def secrets_of(
    settings: Settings | None = None, environment: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """The settings that are shown to nobody, if there are any yet, and what variables of such names hold."""
    own = []
    if settings is not None:
        own = [getattr(settings, name) for name, field in setting_fields().items() if is_secret(field)]
    return tuple(filter(None, [*own, *_variables(os.environ if environment is None else environment)]))


def _variables(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if len(value) < SHORT:
            continue
        if is_secret_name(name):
            yield value
        elif name.startswith("OTEL_EXPORTER_OTLP") and name.endswith("HEADERS"):
            yield from (part.partition("=")[2].strip() for part in value.split(","))


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield repr(secret)[1:-1]
    yield json.dumps(secret)[1:-1]
    yield b64encode(secret.encode("utf-8", "surrogatepass")).decode()


def _pattern(spelling: str) -> str:
    found = re.escape(spelling)
    return found if len(spelling) >= SHORT else rf"(?<![^\W_]){found}(?![^\W_])"
