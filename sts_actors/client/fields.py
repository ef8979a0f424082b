"""Reading a payload field by field: the exact type, or a `BadAnswer` that names event and field."""

import math
from collections.abc import Mapping
from typing import Any

from sts_actors.client.errors import BadAnswer


class Fields:
    """The payload of one `event`; absent and null are the same."""

    def __init__(self, event: str, args: tuple[Any, ...]) -> None:
        self.event = event
        if not args or not isinstance(args[0], dict):
            raise BadAnswer(f"{event}: the payload must be an object")
        self._payload: dict[str, Any] = args[0]

    def raw(self, name: str) -> Any:
        """The field as it came, or None."""
        return self._payload.get(name)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.raw(name) is not None

    def text(self, name: str) -> str:
        """A text."""
        value = self.raw(name)
        if not isinstance(value, str):
            raise self._bad(name, "a text")
        return value

    def maybe_text(self, name: str) -> str | None:
        """A text, or None."""
        return self.text(name) if self.has(name) else None

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; absent is empty."""
        value = self.raw(name) if self.has(name) else []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._bad(name, "a list of texts")
        return tuple(value)

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """One of `allowed`."""
        value = self.raw(name)
        if value not in allowed:
            raise self._bad(name, f"one of {', '.join(allowed)}")
        return str(value)

    def integer(self, name: str) -> int:
        """An integer from 0 up; a whole float counts, as JavaScript knows no other."""
        value = self.number(name)
        if not value.is_integer():
            raise self._bad(name, "an integer")
        return int(self.raw(name))

    def number(self, name: str) -> float:
        """A finite number from 0 up."""
        value = self.raw(name)
        if not _is_number(value):
            raise self._bad(name, "a number, 0 at least")
        return float(value)

    def figure(self, name: str) -> float | None:
        """A number of either sign; None for anything else."""
        value = self.raw(name)
        return float(value) if type(value) in {int, float} and math.isfinite(value) else None

    def boolean(self, name: str) -> bool:
        """True or false; absent is false."""
        value = self.raw(name) if self.has(name) else False
        if not isinstance(value, bool):
            raise self._bad(name, "true or false")
        return value

    def mapping(self, name: str) -> Mapping[str, Any]:
        """An object; absent is empty."""
        value = self.raw(name) if self.has(name) else {}
        if not isinstance(value, dict):
            raise self._bad(name, "an object")
        return value

    def numbers(self, name: str) -> Mapping[str, float]:
        """An object of numbers; nulls in it are left out."""
        value = {key: item for key, item in self.mapping(name).items() if item is not None}
        if not all(_is_number(item) for item in value.values()):
            raise self._bad(name, "an object of numbers")
        return value

    def inner(self, name: str) -> "Fields":
        """The fields of an object inside the payload."""
        if not isinstance(self.raw(name), dict):
            raise self._bad(name, "an object")
        return Fields(f"{self.event}: {name}", (self.raw(name),))

    def objects(self, name: str) -> tuple["Fields", ...]:
        """The fields of each object of a list; absent is empty."""
        value = self.raw(name) if self.has(name) else []
        if not isinstance(value, list):
            raise self._bad(name, "a list of objects")
        return tuple(Fields(f"{self.event}: {name}", (item,)) for item in value)

    def _bad(self, name: str, wanted: str) -> BadAnswer:
        return BadAnswer(f"{self.event}: {name} must be {wanted}")


def told_languages(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """The target languages that a `stream:ready` names; none where it does not, or nothing of use."""
    named = payload.get("target_languages")
    if not isinstance(named, list) or not all(isinstance(each, str) and each for each in named):
        return ()
    return tuple(named)


def _is_number(value: Any) -> bool:
    return type(value) in {int, float} and value >= 0 and math.isfinite(value)
