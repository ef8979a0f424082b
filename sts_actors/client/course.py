"""A stream's course over one connection and the next: what an event means for it, what is to be said. No I/O.

Times are seconds of any one clock, given by the caller.
"""

import enum
import math
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import attrs

from sts_actors.client.errors import BadAnswer, one_line
from sts_actors.client.fields import told_languages
from sts_actors.client.incoming import Disconnected, Event, Reconnected
from sts_actors.client.resumed import read_resumed
from sts_actors.client.resumption import Ledger, Sent

ANSWER_S = 10.0
"""How long a server may take to answer `stream:resume_session`, though the window ends meanwhile."""


class Phase(enum.Enum):
    """Where a stream stands; it can be spoken to while it is `UP`."""

    OPENING = enum.auto()
    UP = enum.auto()
    DOWN = enum.auto()
    ASKING = enum.auto()
    CATCHING_UP = enum.auto()
    COMPLETE = enum.auto()
    LOST = enum.auto()


@attrs.frozen
class Ticket:
    """What lets a worker come back: a secret, and for how long it is good."""

    token: str = attrs.field(repr=False)
    window_s: float


@attrs.frozen(eq=False)
class Message:
    """Something to say over one connection, and what to do with the time once it is said."""

    name: str
    payload: Mapping[str, Any] = attrs.field(repr=False)
    connection: int
    said: Callable[[float], None] = attrs.field(repr=False)


class Course:
    """Where one stream stands, by what has come in, read or not.

    Attributes:
        phase: see `Phase`.
        connection: the number of the one that the stream talks over, or is about to.
        lived: the number of the last one over which it was up.
        reason: why it is lost, or down.
        ending: whether `stream:end` was said, or is being said.
        ledger: what was sent and what came.
    """

    def __init__(self, connection: int, *, resume: bool) -> None:
        self.phase = Phase.OPENING
        self.connection = connection
        self.lived = connection
        self.reason = ""
        self.ending = False
        self.ledger = Ledger()
        self._resume = resume
        self._ticket: Ticket | None = None
        self._stream_id = ""
        self._window_ends = math.inf
        self._asked_at: float | None = None
        self._owed: deque[Sent] = deque()
        self._end_owed = False

    @property
    def resumable(self) -> bool:
        """Whether the stream survives its connection; known once `stream:ready` has come."""
        return self._ticket is not None

    @property
    def over(self) -> bool:
        """Whether the stream is complete or lost."""
        return self.phase in {Phase.COMPLETE, Phase.LOST}

    @property
    def deadline(self) -> float:
        """When the stream is lost, unless it is resumed before."""
        if self.phase is Phase.DOWN:
            return self._window_ends
        if self.phase is Phase.ASKING:
            # The server has until then to be asked; its answer may take a little longer.
            return max(self._window_ends, -math.inf if self._asked_at is None else self._asked_at + ANSWER_S)
        return math.inf

    def hear(self, event: Event, now: float) -> bool:
        """Take notice of an event that has come; whether it is news to who reads the stream."""
        if self.phase is Phase.LOST:
            return True
        if isinstance(event, Disconnected):
            self._cut(event.reason, now)
            return True
        if isinstance(event, Reconnected):
            if self.phase is Phase.DOWN:
                self.connection, self._asked_at, self.phase = event.connection, None, Phase.ASKING
            return True
        return event.connection != self.connection or self._hear_server(event)

    def _hear_server(self, event: Event) -> bool:
        payload = event.args[0] if event.args and isinstance(event.args[0], dict) else {}
        match event.name:
            case "stream:ready" if self.phase is Phase.OPENING:
                self._ready(payload)
            case "stream:resumed":
                return self._resumed(event.args)
            case "error" if self.phase is Phase.ASKING:
                told = f"{payload.get('code')}: {payload.get('message')}"
                self.lose(f"the stream was not resumed: {one_line(told)}")
                return False
            case "fragment:processed" if self.resumable:
                fragment_id, number = payload.get("fragment_id"), payload.get("result_number")
                language = payload.get("target_language")
                return self.ledger.take(
                    fragment_id if isinstance(fragment_id, str) else "",
                    number if type(number) is int else None,
                    language if isinstance(language, str) else None,
                )
            case "stream:complete":
                self.phase = Phase.COMPLETE
        return True

    def _ready(self, payload: Mapping[str, Any]) -> None:
        token, window_s = payload.get("resume_token"), payload.get("resume_window_s")
        if self._resume and token and isinstance(token, str) and isinstance(window_s, int | float):
            self._ticket = Ticket(token, float(window_s)) if 0 < window_s < math.inf else None
        self._stream_id = str(payload.get("stream_id"))
        self.ledger.languages = told_languages(payload)
        self.phase = Phase.UP

    def _cut(self, reason: str, now: float) -> None:
        if self.phase is Phase.COMPLETE:
            return
        if self._ticket is None:
            self.lose(reason)
            return
        if self.phase not in {Phase.ASKING, Phase.DOWN}:
            # A try that came to nothing may be unknown to the server, whose window then goes on.
            self._window_ends = now + self._ticket.window_s
        self.phase, self.reason = Phase.DOWN, reason
        self._owed.clear()

    def _resumed(self, args: tuple[Any, ...]) -> bool:
        if self.phase is not Phase.ASKING:
            return False
        try:
            told = read_resumed(args)
        except BadAnswer as bad:
            self.lose(str(bad))
            return False
        self.lived, self.reason = self.connection, ""
        missing = self.ledger.reconcile(told.unanswered)
        self._owed.extend(() if told.complete else missing)
        self._end_owed = self.ending and not told.complete
        self.phase = Phase.CATCHING_UP
        self._catch_up()
        return True

    def lose(self, reason: str) -> None:
        """The stream is lost, unless it is over already; its secret and its audio are let go."""
        if self.over:
            return
        self.phase, self.reason = Phase.LOST, reason
        self._ticket = self._ticket and Ticket("", 0.0)
        self.ledger = Ledger()
        self._owed.clear()

    def withdraw(self, sent: Sent) -> None:
        """A fragment shall not be sent again, whatever became of it."""
        self.ledger.forget(sent)
        if sent in self._owed:
            self._owed.remove(sent)
            self._catch_up()

    # -- what goes out --------------------------------------------------------------------------------------

    def next_message(self) -> Message | None:
        """What to say now, over `connection`; the same again until it was said."""
        if self._ticket is None:
            return None
        if self.phase is Phase.ASKING:
            return self._next_question(self._ticket)
        if self.phase is Phase.CATCHING_UP:
            return self._next_owed()
        return self._next_acknowledgement() if self.phase is Phase.UP else None

    def end_message(self) -> dict[str, Any]:
        """The payload of `stream:end`."""
        return {"stream_id": self._stream_id}

    def _next_question(self, ticket: Ticket) -> Message | None:
        if self._asked_at is not None:
            return None
        payload = {"resume_token": ticket.token, "last_result_number": self.ledger.last_result_number}
        return self._message("stream:resume_session", payload, self._asked)

    def _next_owed(self) -> Message:
        if self._owed:
            sent = self._owed[0]
            return self._message("fragment:data", sent.payload, partial(self._sent_again, sent))
        return self._message("stream:end", self.end_message(), self._ended_again)

    def _next_acknowledgement(self) -> Message | None:
        due = self.ledger.acknowledgement()
        if due is None:
            return None
        fragment_id, number = due
        payload = {"stream_id": self._stream_id, "fragment_id": fragment_id, "result_number": number}
        return self._message("fragment:ack", payload, partial(self._acknowledged, number))

    def _message(self, name: str, payload: Mapping[str, Any], said: Callable[[float], None]) -> Message:
        return Message(name, payload, self.connection, said)

    def said(self, message: Message, now: float) -> None:
        """A message has gone out; where its connection is not the present one, it went with that."""
        if message.connection == self.connection and self.phase is not Phase.DOWN:
            message.said(now)

    def _asked(self, now: float) -> None:
        self._asked_at = now

    def _sent_again(self, sent: Sent, _: float) -> None:
        sent.delivered = True
        if self._owed and self._owed[0] is sent:
            self._owed.popleft()
        self._catch_up()

    def _ended_again(self, _: float) -> None:
        self._end_owed = False
        self._catch_up()

    def _acknowledged(self, number: int, _: float) -> None:
        self.ledger.acknowledged(number)

    def _catch_up(self) -> None:
        if self.phase is Phase.CATCHING_UP and not self._owed and not self._end_owed:
            self.phase = Phase.UP
