"""What a worker is told when its stream goes on over another connection. No I/O."""

from typing import Any

import attrs

from sts_actors.client.errors import BadAnswer
from sts_actors.client.fields import Fields


@attrs.frozen(kw_only=True)
class Resumed:
    """`stream:resumed`: the connection was lost, and the stream goes on over the next.

    Attributes:
        unanswered: the ids of the fragments that the server has and whose results are still to come; one
            that was sent twice stands here twice. Each with a language where it is only the result in that
            one, else None.
        lost_results: as in `ResultsLost`; normally 0.
        complete: whether the server has completed the stream already; `Complete` follows all the same.
    """

    stream_id: str
    session_id: str
    max_inflight: int
    unanswered: tuple[tuple[str, str | None], ...]
    lost_results: int
    complete: bool


@attrs.frozen(kw_only=True)
class ResultsLost:
    """The outage was too long for the server's buffer: so many results were given up, unread.

    Their fragments are sent again, so each may still have its result: later than its neighbours, and
    perhaps made, and billed, a second time.
    """

    count: int


def read_resumed(args: tuple[Any, ...]) -> Resumed:
    """The value of `stream:resumed`.

    Raises:
        BadAnswer: the payload breaks the contract.
    """
    return resumed(Fields("stream:resumed", args))


def resumed(fields: Fields) -> Resumed:
    """As `read_resumed`, from its fields."""
    told = fields.raw("unanswered")
    if not isinstance(told, list):
        raise BadAnswer("stream:resumed: unanswered must be a list of objects")
    inflight = fields.integer("max_inflight")
    if inflight < 1:
        raise BadAnswer("stream:resumed: max_inflight must be 1 at least")
    return Resumed(
        stream_id=fields.text("stream_id"),
        session_id=fields.text("session_id"),
        max_inflight=inflight,
        unanswered=tuple(map(_unanswered, told)),
        lost_results=fields.integer("lost_results") if fields.has("lost_results") else 0,
        complete=fields.boolean("complete"),
    )


def _unanswered(item: Any) -> tuple[str, str | None]:
    fields = Fields("stream:resumed: unanswered", (item,))
    return fields.text("fragment_id"), fields.maybe_text("target_language")
