"""What every task is doing, for operators: `GET /debug/tasks`."""

from sts_actors.gateway import HttpRequest, HttpResponse
from sts_actors.operators import refusal
from supervision import LoopInstrument, describe_loop, task_tree

_TEXT = (("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"))


def report(loop: LoopInstrument) -> str:
    """Tasks and where they wait, channels and queues with their fills, and how the loop fares."""
    return f"{task_tree()}\n{describe_loop(loop.statistics())}"


class DebugTasks:
    """Answers those who may look with the report."""

    def __init__(self, loop: LoopInstrument, token: str) -> None:
        self._loop = loop
        self._token = token

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve the route."""
        refused = refusal(request, self._token)
        return refused or HttpResponse(200, _TEXT, report(self._loop).encode())
