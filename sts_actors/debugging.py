"""What every task is doing, for operators: `GET /debug/tasks`."""

import logging

from sts_actors.access import FORWARDED, bearer, is_loopback, is_token
from sts_actors.gateway import HttpRequest, HttpResponse
from supervision import LoopInstrument, describe_loop, task_tree

log = logging.getLogger(__name__)

_TEXT = (("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"))


def report(loop: LoopInstrument) -> str:
    """Tasks and where they wait, channels and queues with their fills, and how the loop fares."""
    return f"{task_tree()}\n{describe_loop(loop.statistics())}"


class DebugTasks:
    """Answers with the report whoever has the token; where none is set, this machine alone.

    A proxy on this machine that passes on somebody else's request is no reason to trust that one.
    """

    def __init__(self, loop: LoopInstrument, token: str) -> None:
        self._loop = loop
        self._token = token

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve the route."""
        if self._token:
            if not is_token(bearer(request.header("authorization")), self._token):
                return HttpResponse(401, (*_TEXT, ("WWW-Authenticate", "Bearer")), b"a token is needed\n")
        elif not is_loopback(request.peer[0]) or any(request.header(name) for name in FORWARDED):
            return HttpResponse(403, _TEXT, b"only from this machine, or with STS_AUTH_TOKEN set\n")
        return HttpResponse(200, _TEXT, report(self._loop).encode())
