"""`stream:resume_session`: a worker that has come back, and what it already has."""

import attrs

from sts_actors.errors import ErrorCode
from sts_actors.wire.fields import Payload, as_payload, integer, text
from sts_actors.wire.fragments import MAX_SEQUENCE_NUMBER
from sts_actors.wire.opening import MAX_ID_CHARACTERS

_BAD = ErrorCode.INVALID_CONFIG


@attrs.frozen(kw_only=True)
class Return:
    """A parsed `stream:resume_session`.

    Attributes:
        token: from `stream:ready`; a secret.
        last_result_number: of the last result that came; None where the worker counts none.
        last_sequence_number: of the fragment that was answered last; None where nothing has come.
    """

    token: str = attrs.field(repr=False)
    last_result_number: int | None
    last_sequence_number: int | None


def parse_return(data: object) -> Return:
    """Read a `stream:resume_session`.

    Raises:
        ServiceError: `INVALID_CONFIG`, naming the field.
    """
    payload = as_payload(data, "stream:resume_session", _BAD)
    return Return(
        token=text(payload, "resume_token", limit=MAX_ID_CHARACTERS, code=_BAD) or "",
        last_result_number=_number(payload, "last_result_number"),
        last_sequence_number=_number(payload, "last_sequence_number"),
    )


def _number(payload: Payload, name: str) -> int | None:
    return None if payload.get(name) is None else integer(payload, name, 0, MAX_SEQUENCE_NUMBER, code=_BAD)


def read_acknowledged(data: object) -> int:
    """Up to which result a worker's `fragment:ack` says it has all; 0 where it says nothing of the kind."""
    number = data.get("result_number") if isinstance(data, dict) else None
    return number if type(number) is int and number > 0 else 0
