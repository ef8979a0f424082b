"""`sts-actors serve`: the service. SIGTERM has it finish what it has taken, Ctrl-C stops it."""

import logging
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import trio
import typer
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from sts_actors.app import Service, run_service
from sts_actors.cli.boundary import explain
from sts_actors.cli.browser import page_url, show
from sts_actors.cli.dub import Profile
from sts_actors.cli.errors import ExitCode
from sts_actors.cli.interrupt import stopped_by
from sts_actors.debugging import report
from sts_actors.logs import open_logs
from sts_actors.settings import Settings, load_settings

log = logging.getLogger(__name__)

STANDARD_ERROR = 2


def serve(
    profile: Annotated[Profile, typer.Option(help="Which engines to run on.")] = "embedded",
    host: Annotated[
        str | None, typer.Option(help="The address to listen on.  [default: 127.0.0.1]", show_default=False)
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="The port to listen on; 0 takes a free one.  [default: 8000]", show_default=False),
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="A TOML file with settings.")] = None,
    *,
    open_: Annotated[
        bool, typer.Option("--open", help="Show the page that dubs, in the browser where there is one.")
    ] = False,
) -> None:
    """Serve dubbing streams over Socket.IO, with /health, /ready and /metrics on the same port.

    SIGTERM takes no more streams, finishes what has come, and ends; Ctrl-C ends at once what is open. The
    second of them, whichever, ends the process. SIGUSR1 prints what every task is doing.
    """
    settings = load_settings(profile=profile, config_file=config, overrides={"host": host, "port": port})
    # Left alone, one that comes before the service listens for it ends the process.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    with open_logs(settings), _told():
        trio.run(partial(_serve, settings, Console(), open_=open_))


@contextmanager
def _told() -> Iterator[None]:
    """Log what ends the service with its traceback; the command line's edge says it in one line besides."""
    try:
        yield
    except (Exception, BaseExceptionGroup) as error:
        if explain(error)[1] in {ExitCode.SERVICE, ExitCode.BUG}:
            log.critical("the service failed", exc_info=True)
        raise


async def _serve(settings: Settings, console: Console, *, open_: bool) -> None:
    begun: list[Service] = []

    def gently(number: int) -> bool:
        if number == signal.SIGTERM:
            for service in begun:
                service.drain.begin()
        return number == signal.SIGTERM and bool(begun)

    with trio.open_signal_receiver(signal.SIGUSR1) as questions:
        number = await stopped_by(
            partial(_serve_until_stopped, settings, console, questions, begun, open_=open_),
            signal.SIGTERM,
            signal.SIGINT,
            gently=gently,
        )
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    console.print("stopped")


async def _serve_until_stopped(
    settings: Settings, console: Console, questions: AsyncIterator[int], begun: list[Service], *, open_: bool
) -> None:
    async def run(*, task_status: trio.TaskStatus[Service]) -> None:
        await run_service(settings, task_status=task_status)
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        service = await nursery.start(run)
        begun.append(service)
        console.print(
            f"listening on {service.url} ({settings.profile}); Ctrl-C stops, twice at once", highlight=False
        )
        nursery.start_soon(_announce_ready, service, console)
        nursery.start_soon(_report_when_asked, service, questions)
        if open_:
            await _show_page(service, console)


async def _show_page(service: Service, console: Console) -> None:
    # At once: the page itself tells that the models are being loaded.
    url = page_url(service.url, "/try")
    console.print(Panel(Text(url, "bold", justify="center"), title="Try it", width=60))
    if not await show(url):
        console.print("No browser could be opened here: open this address in one.")


async def _report_when_asked(service: Service, questions: AsyncIterator[int]) -> None:
    async for _ in questions:
        # In a thread: nobody may be reading standard error, and then the write waits.
        await trio.to_thread.run_sync(_tell, report(service.loop), abandon_on_cancel=True)


def _tell(text: str) -> None:
    # Past `sys.stderr`: who waits inside that holds a lock which the interpreter needs for its end.
    rest = text.encode()
    while rest:
        rest = rest[os.write(STANDARD_ERROR, rest) :]


async def _announce_ready(service: Service, console: Console) -> None:
    await service.wait_ready()
    console.print("ready: the engines are loaded")
