"""What a line holds, made plain: JSON's own kinds, of bounded size, without secrets."""

import math
import re
from collections.abc import Mapping, MutableMapping
from collections.abc import Set as AbstractSet
from typing import Any

import attrs

from sts_actors.logs.redaction import HIDDEN, Redactor, is_secret_name

MAX_CHARACTERS = 1000
MAX_TRACE_CHARACTERS = 16_000
MAX_ITEMS = 50
MAX_DEPTH = 4
MAX_INTEGER_BITS = 64

_SURROGATES = re.compile("[\ud800-\udfff]")


@attrs.frozen
class Fields:
    """Makes the content of a line plain; one of structlog's processors."""

    _redactor: Redactor

    def __call__(self, _logger: Any, _method: str, line: MutableMapping[str, Any]) -> dict[str, Any]:
        """The line, plain."""
        limits = {"exception": MAX_TRACE_CHARACTERS, "stack": MAX_TRACE_CHARACTERS}
        return {
            self._text(name, MAX_CHARACTERS): HIDDEN
            if is_secret_name(name)
            else self._plain(value, limits.get(name, MAX_CHARACTERS), 0)
            for name, value in list(line.items())[:MAX_ITEMS]
        }

    def _plain(self, value: Any, limit: int, depth: int) -> Any:
        plain: Any
        match value:
            case None | bool():
                plain = value
            case int():
                plain = value if value.bit_length() <= MAX_INTEGER_BITS else "(a large number)"
            case float():
                plain = value if math.isfinite(value) else str(value)
            case bytes() | bytearray() | memoryview():
                plain = f"<{memoryview(value).nbytes} bytes>"
            case str():
                plain = self._text(value, limit)
            case _:
                plain = self._nested(value, limit, depth)
        return plain

    def _nested(self, value: Any, limit: int, depth: int) -> Any:
        if depth < MAX_DEPTH and isinstance(value, Mapping):
            shown = list(value.items())[:MAX_ITEMS]
            return {
                self._text(_said(name), limit): HIDDEN
                if is_secret_name(_said(name))
                else self._plain(each, limit, depth + 1)
                for name, each in shown
            }
        if depth < MAX_DEPTH and isinstance(value, list | tuple | AbstractSet):
            return [self._plain(each, limit, depth + 1) for each in list(value)[:MAX_ITEMS]]
        return self._text(_said(value), limit)

    def _text(self, text: str, limit: int) -> str:
        # Before it is cut: half a secret would not be known again.
        text = self._redactor.text(str(text))
        if not text.isascii():
            text = _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)
        if len(text) <= limit:
            return text
        head = limit // 4
        return f"{text[:head]} … {len(text) - limit} characters … {text[head - limit :]}"


def _said(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - whatever it is, the line is written
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"
