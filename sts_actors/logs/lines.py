"""A line as it is written: JSON for programs, or text for people."""

import json
from collections.abc import Mapping
from typing import Any

import attrs

HEAD = ("time", "level", "logger", "event")
_COLOURS = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}


def json_line(_logger: Any, _method: str, line: Mapping[str, Any]) -> str:
    """One JSON object in ASCII: nothing that any reader could take for the end of a line."""
    first = {name: line[name] for name in HEAD if name in line}
    return json.dumps({**first, **line}, allow_nan=False)


@attrs.frozen
class ConsoleLine:
    """Text for people: what came from elsewhere cannot end a line, colour it or turn it round."""

    colours: bool = False

    def __call__(self, _logger: Any, _method: str, line: Mapping[str, Any]) -> str:
        """The line; a traceback stands below it, set in."""
        rest = dict(line)
        clock = visible(str(rest.pop("time", "")))[11:23]
        level, event = str(rest.pop("level", "")), visible(str(rest.pop("event", "")))
        logger = visible(str(rest.pop("logger", "")))
        traces = [rest.pop(name) for name in ("exception", "stack") if name in rest]
        words = [f"{visible(str(name))}={_value(value)}" for name, value in rest.items()]
        colour = _COLOURS.get(level, "")
        shown = self._coloured(f"{level:<8}", colour)
        text = "  ".join(filter(None, [f"{clock} {shown} {event}", " ".join(words)]))
        below = [f"    | {visible(each)}" for trace in traces for each in str(trace).split("\n") if each]
        return "\n".join([f"{text}  {self._coloured(f'[{logger}]', '2')}", *below])

    def _coloured(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self.colours and colour else text


def visible(text: str) -> str:
    r"""`text` with an escape (`\n`, `\x1b`, `\u2028`) for each character that is not seen as itself."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and (not text or any(c in text for c in ' "=')):
        text = json.dumps(text, ensure_ascii=False)
    return visible(text)
