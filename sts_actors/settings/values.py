"""One setting: how it is declared, read from text, and checked."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import attrs

_BOOLEANS: Mapping[str, bool] = MappingProxyType(
    {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
)


class SettingError(ValueError):
    """One value that is not allowed, in one line; a secret is not shown."""


def setting(
    path: str,
    *env: str,
    means: str,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    **field: Any,
) -> Any:
    """Declare a setting.

    Args:
        path: in the TOML files: `section.name`.
        *env: environment variables, the first that is set counts.
        means: one line for the documentation.
        low: the least that is allowed.
        high: the most.
        choices: all that is allowed.
        **field: for `attrs.field`; `repr=False` makes it a secret.
    """
    metadata = {"path": path, "env": env, "means": means, "low": low, "high": high, "choices": choices}
    return attrs.field(metadata=metadata, **field)


def from_text(field: "attrs.Attribute[Any]", raw: str, source: str) -> Any:
    """The value that `raw` spells, or a `SettingError` that names `source`."""
    parsers: dict[Any, Callable[[str], Any]] = {
        int: int,
        float: float,
        bool: lambda text: _BOOLEANS[text.lower()],
    }
    try:
        value = parsers.get(field.type, str)(raw)
    except (KeyError, ValueError):
        return SettingError(f"{source}={_shown(field, raw)}: must be {allowed(field)}")
    return check(field, value, source)


def check(field: "attrs.Attribute[Any]", value: Any, source: str) -> Any:
    """The value, or a `SettingError` that names `source`."""
    if field.type is float and type(value) is int:
        value = float(value)
    limits = field.metadata
    good = type(value) is field.type
    if good and field.type is float:
        # Neither is a length of time, and JSON has no word for them.
        good = math.isfinite(value)
    if good and limits["choices"]:
        good = value in limits["choices"]
    if good and limits["low"] is not None:
        good = limits["low"] <= value
    if good and limits["high"] is not None:
        good = value <= limits["high"]
    return value if good else SettingError(f"{source}={_shown(field, value)}: must be {allowed(field)}")


def allowed(field: "attrs.Attribute[Any]") -> str:
    """What a setting may be, in words."""
    limits = field.metadata
    if limits["choices"]:
        return f"one of {', '.join(limits['choices'])}"
    kinds = {int: "an integer", float: "a number", bool: "true or false", str: "a text"}
    kind = kinds[field.type] if field.type in kinds else str(field.type)
    if limits["low"] is not None and limits["high"] is not None:
        return f"{kind} from {limits['low']} to {limits['high']}"
    return f"{kind} of at least {limits['low']}" if limits["low"] is not None else kind


def is_secret(field: "attrs.Attribute[Any]") -> bool:
    """Whether its value is shown to nobody."""
    return not field.repr


def _shown(field: "attrs.Attribute[Any]", value: object) -> str:
    return "(hidden)" if is_secret(field) else repr(value)
