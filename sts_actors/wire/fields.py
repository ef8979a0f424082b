"""Reading fields out of a payload: exact types, named ranges, one clear line for each fault."""

from collections.abc import Mapping
from typing import Any

from sts_actors.errors import ErrorCode, ServiceError

Payload = Mapping[str, Any]


def as_payload(data: object, event: str, code: ErrorCode) -> Payload:
    """`data` as a dictionary.

    Raises:
        ServiceError: `code`, where it is anything else.
    """
    if not isinstance(data, Mapping):
        raise ServiceError(code, f"{event} takes an object, not {type(data).__name__}")
    return data


def integer(
    payload: Payload, name: str, low: int, high: int, *, default: int | None = None, code: ErrorCode
) -> int:
    """An integer field from `low` to `high`; absent or null gives `default`, if there is one.

    A bool is no integer here, and neither is a float, whole or not.

    Raises:
        ServiceError: `code`, naming the field and what is allowed.
    """
    value = payload.get(name)
    if value is None and default is not None:
        return default
    if type(value) is not int or not low <= value <= high:
        raise ServiceError(code, f"{name} must be an integer from {low} to {high}")
    return value


def text(payload: Payload, name: str, *, limit: int, code: ErrorCode) -> str | None:
    """A text field of at most `limit` characters without control characters; absent or null gives None.

    Raises:
        ServiceError: `code`, naming the field.
    """
    value = payload.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > limit or not value.isprintable():
        raise ServiceError(code, f"{name} must be a text of at most {limit} printable characters")
    return value


def number(payload: Payload, name: str, low: float, high: float, *, default: float, code: ErrorCode) -> float:
    """A number from `low` to `high`, whole or not; absent or null gives `default`.

    Raises:
        ServiceError: `code`, naming the field and what is allowed.
    """
    value = payload.get(name)
    if value is None:
        return default
    # Neither NaN nor a bool is one.
    if type(value) not in {int, float} or not low <= value <= high:
        raise ServiceError(code, f"{name} must be a number from {low:g} to {high:g}")
    return float(value)
