"""A session's life as a table: what may happen when, and the code that answers what may not.

Pure. The table is drawn in docs/protocol.md.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import attrs

from sts_actors.errors import ErrorCode


class State(StrEnum):
    """Where a session is between its connection and its close."""

    CONNECTED = "connected"
    OPENING = "opening"
    READY = "ready"
    PAUSED = "paused"
    DRAINING = "draining"
    COMPLETE = "complete"
    FAILED = "failed"
    CLOSED = "closed"


class Event(StrEnum):
    """What can happen to a session: five things the worker sends, five that befall it."""

    INIT = "init"
    FRAGMENT = "fragment"
    PAUSE = "pause"
    RESUME = "resume"
    END = "end"
    OPENED = "opened"
    """The stream runs; `stream:ready` goes out."""
    REFUSED = "refused"
    """The init was refused; the worker may send another."""
    RESULTS_OVER = "results_over"
    """All that was admitted before the end is answered, or the drain deadline has passed."""
    FAILED = "failed"
    """The stream broke down."""
    DISCONNECT = "disconnect"
    """The connection is gone, whoever closed it."""


@attrs.frozen
class Refusal:
    """An event that is out of place: it changes nothing, and is answered with `code`."""

    code: ErrorCode


_INIT = Event.INIT
_WHILE_OPEN: Mapping[Event, State] = {
    Event.END: State.DRAINING,
    Event.FAILED: State.FAILED,
    Event.DISCONNECT: State.CLOSED,
}

TRANSITIONS: Mapping[State, Mapping[Event, State]] = MappingProxyType(
    {
        State.CONNECTED: {_INIT: State.OPENING, Event.DISCONNECT: State.CLOSED},
        State.OPENING: {
            Event.OPENED: State.READY,
            Event.REFUSED: State.CONNECTED,
            Event.FAILED: State.FAILED,
            Event.DISCONNECT: State.CLOSED,
        },
        State.READY: {
            Event.FRAGMENT: State.READY,
            Event.PAUSE: State.PAUSED,
            Event.RESUME: State.READY,
            **_WHILE_OPEN,
        },
        State.PAUSED: {Event.PAUSE: State.PAUSED, Event.RESUME: State.READY, **_WHILE_OPEN},
        State.DRAINING: {
            Event.RESULTS_OVER: State.COMPLETE,
            Event.FAILED: State.FAILED,
            Event.DISCONNECT: State.CLOSED,
        },
        State.COMPLETE: {Event.DISCONNECT: State.CLOSED},
        State.FAILED: {Event.DISCONNECT: State.CLOSED},
        # Both sides may close at once.
        State.CLOSED: {Event.DISCONNECT: State.CLOSED},
    }
)
"""Every event that is in place, and where it leads. What is not listed is refused."""

_REFUSED_WITH: Mapping[Event, ErrorCode] = MappingProxyType(
    {
        _INIT: ErrorCode.INVALID_CONFIG,
        Event.FRAGMENT: ErrorCode.STREAM_NOT_FOUND,
        Event.PAUSE: ErrorCode.STREAM_NOT_FOUND,
        Event.RESUME: ErrorCode.STREAM_NOT_FOUND,
        Event.END: ErrorCode.STREAM_NOT_FOUND,
    }
)
"""The code for what the worker sends out of place; anything else out of place is a bug of ours."""

_EXCEPTIONS: Mapping[tuple[State, Event], ErrorCode] = MappingProxyType(
    {(State.PAUSED, Event.FRAGMENT): ErrorCode.STREAM_PAUSED}
)


def next_state(state: State, event: Event) -> State | Refusal:
    """Where `event` leads from `state`; a `Refusal` leaves the session where it is."""
    target = TRANSITIONS[state].get(event)
    if target is not None:
        return target
    if state is State.CLOSED:
        # What was under way when the connection went has no one left to hear of it.
        return Refusal(ErrorCode.STREAM_NOT_FOUND)
    code = _EXCEPTIONS.get((state, event)) or _REFUSED_WITH.get(event, ErrorCode.UNKNOWN_ERROR)
    return Refusal(code)


def draw() -> str:
    """The table as a Mermaid state diagram; several events that lead the same way share an arrow."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.CONNECTED}"]
    for state, row in TRANSITIONS.items():
        if state is State.CLOSED:
            continue
        for target in dict.fromkeys(row.values()):
            events = ", ".join(event for event, leads_to in row.items() if leads_to is target)
            lines.append(f"    {state} --> {target}: {events}")
    lines.append(f"    {State.CLOSED} --> [*]")
    return "\n".join(lines) + "\n"
