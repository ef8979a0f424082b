"""What every task is doing, for operators: `GET /debug/tasks`."""

import logging

from sts_actors.access import FORWARDED, bearer, host_name, is_loopback, is_token
from sts_actors.gateway import HttpRequest, HttpResponse
from supervision import LoopInstrument, describe_loop, task_tree

log = logging.getLogger(__name__)

_TEXT = (("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"))


def report(loop: LoopInstrument) -> str:
    """Tasks and where they wait, channels and queues with their fills, and how the loop fares."""
    return f"{task_tree()}\n{describe_loop(loop.statistics())}"


class DebugTasks:
    """Answers with the report whoever has the token; where none is set, this machine alone.

    That means: for itself. A proxy here may pass on somebody else's request, and a page in a browser here
    may have been led to us under a name of its own.
    """

    def __init__(self, loop: LoopInstrument, token: str) -> None:
        self._loop = loop
        self._token = token

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve the route."""
        if self._token:
            if not is_token(bearer(request.header("authorization")), self._token):
                return HttpResponse(401, (*_TEXT, ("WWW-Authenticate", "Bearer")), b"a token is needed\n")
        elif not _is_local(request):
            return HttpResponse(403, _TEXT, b"only from this machine, or with STS_AUTH_TOKEN set\n")
        return HttpResponse(200, _TEXT, report(self._loop).encode())


def _is_local(request: HttpRequest) -> bool:
    if any(request.header(name) for name in FORWARDED):
        return False
    return is_loopback(request.peer[0]) and is_loopback(host_name(request.header("host")))
