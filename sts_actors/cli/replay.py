"""`sts-actors replay`: send a recorded stream again, and see what has changed."""

import base64
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import attrs
import trio
import typer

from sts_actors.artifacts.recorded import RecordedFragment, RecordedStream, read_recorded
from sts_actors.cli.errors import CommandError, ExitCode
from sts_actors.cli.interrupt import interruptible
from sts_actors.cli.plain import one_line
from sts_actors.client import Client, Complete, Processed, ServerErrorEvent, open_client
from sts_actors.client.answers import read_event

PATIENCE_S = 60.0
"""Without a word from the service for so long, it is given up."""
AT_ONCE = 2
"""Fragments in flight when they are sent as fast as can be."""

Pace = Literal["original", "fast"]


def replay(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of one recorded stream.")],
    url: Annotated[str, typer.Option(help="Where the service is.")] = "http://127.0.0.1:8000",
    token: Annotated[
        str,
        typer.Option(envvar="STS_AUTH_TOKEN", show_envvar=True, show_default=False, help="Its token."),
    ] = "",
    pace: Annotated[Pace, typer.Option(help="As they came then, or as fast as they are answered.")] = "fast",
) -> None:
    """Send a stream that a service has recorded (ENABLE_ARTIFACT_LOGGING) once more, and compare."""
    stream = read_recorded(directory)
    answers = trio.run(interruptible, partial(_send, stream, url, token, pace))
    changed = worse = 0
    for fragment in stream.fragments:
        answer = answers.get(fragment.fragment_id)
        typer.echo(compare(fragment, answer))
        status = "unanswered" if answer is None else answer.status
        changed += status != fragment.status or not _same_words(fragment, answer)
        worse += status in {"failed", "unanswered"} and fragment.status != "failed"
    counts = Counter(answer.status for answer in answers.values())
    told = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    typer.echo(f"{len(stream.fragments)} fragments: {told or 'no answer'}; {changed} changed")
    if worse:
        raise CommandError(f"{worse} fragments went well then and do not now", code=ExitCode.SERVICE)


def compare(fragment: RecordedFragment, answer: Processed | None) -> str:
    """One line on what became of a fragment then and now."""
    now = "unanswered" if answer is None else answer.status
    line = f"{fragment.sequence_number} {fragment.status} → {now}"
    if answer is not None and answer.error is not None:
        line += f" {answer.error.code}: {answer.error.message}"
    elif not _same_words(fragment, answer) and answer is not None:
        line += f" {fragment.translation!r} → {answer.translated_text!r}"
    return one_line(line)


def _same_words(fragment: RecordedFragment, answer: Processed | None) -> bool:
    if answer is None or answer.status == "failed":
        return answer is not None and fragment.status == "failed"
    heard, said = answer.transcript or "", answer.translated_text or ""
    return (heard, said) == (fragment.transcript, fragment.translation)


@attrs.define(eq=False)
class _Progress:
    answers: dict[str, Processed] = attrs.field(factory=dict)
    count: int = 0
    changed: trio.Event = attrs.field(factory=trio.Event)

    def take(self, answer: Processed) -> None:
        self.answers[answer.fragment_id] = answer
        self.count += 1
        self.changed.set()
        self.changed = trio.Event()


async def _send(stream: RecordedStream, url: str, token: str, pace: Pace) -> dict[str, Processed]:
    progress = _Progress()
    async with open_client(url, auth={"token": token} if token else None) as client:
        await client.emit("stream:init", stream.init)
        await _ready(client)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_send_all, client, stream, pace, progress)
            while (event := await _next(client)) is not None:
                if isinstance(event, Processed):
                    progress.take(event)
                elif isinstance(event, Complete):
                    break
            nursery.cancel_scope.cancel()
    return progress.answers


async def _ready(client: Client) -> None:
    with trio.fail_after(PATIENCE_S):
        async for event in client.events:
            if event.name == "stream:ready":
                return
            told = read_event(event.name, event.args)
            if isinstance(told, ServerErrorEvent):
                raise CommandError(f"{told.code}: {told.message}")
    raise CommandError("the service closed the connection", code=ExitCode.SERVICE)


async def _next(client: Client) -> Any:
    with trio.move_on_after(PATIENCE_S):
        async for event in client.events:
            told = read_event(event.name, event.args)
            if told is not None:
                return told
        return None
    raise CommandError(f"nothing came for {PATIENCE_S:.0f} s", code=ExitCode.SERVICE)


async def _send_all(client: Client, stream: RecordedStream, pace: Pace, progress: _Progress) -> None:
    began = trio.current_time()
    first = stream.fragments[0].at_s
    for sent, fragment in enumerate(stream.fragments):
        if pace == "original":
            await trio.sleep_until(began + fragment.at_s - first)
        else:
            while sent - progress.count >= AT_ONCE:
                await progress.changed.wait()
        await client.emit("fragment:data", payload(fragment))
    await client.emit("stream:end")


def payload(fragment: RecordedFragment) -> dict[str, Any]:
    """`fragment:data`, flat."""
    return {
        "fragment_id": fragment.fragment_id,
        "sequence_number": fragment.sequence_number,
        "audio": base64.b64encode(fragment.audio).decode("ascii"),
        **fragment.label,
    }
