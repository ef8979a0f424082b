"""A server in a process of its own, to be attacked; it tells its port, and what it costs at `/cost`."""

import json
import sys
from pathlib import Path

import trio

from sts_actors.gateway import HttpRequest, HttpResponse, Limits, Server, serve


def kibibytes(name: str) -> int:
    """A line of the process's status, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def forget_peak() -> None:
    """From now on the peak is what it is now."""
    Path("/proc/self/clear_refs").write_text("5")


async def cost(request: HttpRequest) -> HttpResponse:
    """Resident KiB, now and at most since the last question."""
    told = {"now": kibibytes("VmRSS"), "peak": kibibytes("VmHWM")}
    forget_peak()
    return HttpResponse(200, {}, json.dumps(told).encode())


async def main(limits: dict) -> None:
    """Serve until the standard input ends."""
    server = Server(limits=Limits(**limits), ping_interval=5)
    server.on("message", lambda sid, *args: args)
    server.route("GET", "/cost", cost)

    async def upload(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, {}, str(len(await request.body(2**24))).encode())

    server.route("POST", "/upload", upload)
    async with trio.open_nursery() as nursery:
        [(_, port)] = await nursery.start(serve, server, "127.0.0.1", 0)
        print(port, flush=True)  # noqa: T201 - this is how it tells
        await trio.to_thread.run_sync(sys.stdin.read)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main, json.loads(sys.argv[1]))
