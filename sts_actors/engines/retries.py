"""Asking a service that may fail: again, while there is time, and not at all while its breaker is open."""

import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import attrs
import trio

from sts_actors.engines.breaker import Breaker
from sts_actors.errors import EngineError, ErrorCode

T = TypeVar("T")

ANSWER_MARGIN_S = 0.1
"""A call ends this long before the deadline, so that its own error is told and not a bare `TIMEOUT`."""


class CallFailed(Exception):  # noqa: N818 - says what happened
    """One call of a service failed.

    Attributes:
        code: what the worker is told.
        message: idem; without secrets.
        passing: it may well go away by itself: worth another call.
        sick: the service did not do what it is for; the breaker counts these alone.
        after_s: how long the service asks to be left alone, if it does.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        passing: bool = False,
        sick: bool = False,
        after_s: float | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.passing = passing
        self.sick = sick
        self.after_s = after_s


@attrs.frozen(kw_only=True)
class Patience:
    """How long one call may take, how often one is made, and the pauses between.

    A call cut off by the deadline after less than `fair_s` says nothing of the service.
    """

    attempts: int = 3
    attempt_timeout_s: float = 3.0
    first_pause_s: float = 0.2
    factor: float = 2.0
    fair_s: float = 1.0

    def pause_s(self, attempt: int, rng: random.Random) -> float:
        """The pause after an attempt (the first is 1): longer each time, times 0.5 to 1.5."""
        return self.first_pause_s * self.factor ** (attempt - 1) * rng.uniform(0.5, 1.5)


async def persist(
    call: Callable[[float], Awaitable[T]],
    *,
    deadline: float,
    breaker: Breaker,
    patience: Patience,
    rng: random.Random,
) -> T:
    """The value of `call(timeout_s)`, called again where it fails and there is time before `deadline`.

    A pause is only begun where a call of the usual shortest length (`fair_s`) still fits behind it.

    Raises:
        EngineError: the last failure, or `TRANSLATION_API_UNAVAILABLE` where the breaker is open.
    """
    for attempt in range(1, patience.attempts + 1):
        left_s = deadline - trio.current_time() - ANSWER_MARGIN_S
        if left_s <= 0:
            break
        try:
            return await _attempt(call, min(left_s, patience.attempt_timeout_s), breaker, patience)
        except CallFailed as error:
            failure = error
        pause_s = max(patience.pause_s(attempt, rng), failure.after_s or 0.0)
        left_s = deadline - trio.current_time() - ANSWER_MARGIN_S
        if not failure.passing or attempt == patience.attempts or pause_s + patience.fair_s > left_s:
            raise EngineError(failure.code, failure.message) from None
        await trio.sleep(pause_s)
    raise EngineError(ErrorCode.TIMEOUT, "there was no time left to ask for a translation")


async def _attempt(
    call: Callable[[float], Awaitable[T]], timeout_s: float, breaker: Breaker, patience: Patience
) -> T:
    now = trio.current_time()
    if not breaker.admits(now):
        raise CallFailed(
            ErrorCode.TRANSLATION_API_UNAVAILABLE,
            f"the translation service failed {breaker.failures} times in a row; "
            f"it is asked again in {breaker.rest_left_s(now):.0f} s",
        )
    tell: Callable[[], None] = breaker.withdrew
    try:
        value = await call(timeout_s)
        tell = breaker.succeeded
    except CallFailed as error:
        if not error.sick:
            tell = breaker.succeeded
        elif timeout_s >= patience.fair_s:
            tell = partial(breaker.failed, trio.current_time())
        raise
    finally:
        tell()
    return value
