"""`sts-actors replay`: send a recorded stream again, and see what has changed."""

import base64
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import attrs
import trio
import typer

from sts_actors.artifacts.recorded import RecordedAnswer, RecordedFragment, RecordedStream, read_recorded
from sts_actors.cli.errors import CommandError, ExitCode
from sts_actors.cli.interrupt import interruptible
from sts_actors.cli.plain import one_line
from sts_actors.client import Client, Complete, Processed, Ready, ServerErrorEvent, open_client
from sts_actors.client.answers import read_event, read_ready
from sts_actors.client.outstanding import Outstanding

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
        for before in fragment.answers:
            answer = find(answers, fragment.fragment_id, before.target_language)
            typer.echo(compare(fragment, before, answer))
            status = "unanswered" if answer is None else answer.status
            changed += status != before.status or not _same_words(before, answer)
            worse += status in {"failed", "unanswered"} and before.status != "failed"
    counts = Counter(answer.status for answer in answers.values())
    told = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    typer.echo(f"{len(stream.fragments)} fragments: {told or 'no answer'}; {changed} changed")
    if worse:
        raise CommandError(f"{worse} fragments went well then and do not now", code=ExitCode.SERVICE)


Answers = Mapping[tuple[str, str], Processed]
"""By fragment and language, the language empty where an answer is that of all."""


def find(answers: Answers, fragment_id: str, language: str) -> Processed | None:
    """The answer to a fragment in a language, or in all of them; any, where `language` is empty."""
    mine = {tag: answer for (name, tag), answer in answers.items() if name == fragment_id}
    return next(iter(mine.values()), None) if not language else mine.get(language) or mine.get("")


def compare(fragment: RecordedFragment, before: RecordedAnswer, answer: Processed | None) -> str:
    """One line on what became of a fragment, in one language, then and now."""
    now = "unanswered" if answer is None else answer.status
    name = f"{fragment.sequence_number} {before.target_language}".rstrip()
    line = f"{name} {before.status} → {now}"
    if answer is not None and answer.error is not None:
        line += f" {answer.error.code}: {answer.error.message}"
    elif not _same_words(before, answer) and answer is not None:
        line += f" {before.translation!r} → {answer.translated_text!r}"
    return one_line(line)


def _same_words(before: RecordedAnswer, answer: Processed | None) -> bool:
    if answer is None or answer.status == "failed":
        return answer is not None and before.status == "failed"
    heard, said = answer.transcript or "", answer.translated_text or ""
    return (heard, said) == (before.transcript, before.translation)


@attrs.define(eq=False)
class _Progress:
    outstanding: Outstanding
    answers: dict[tuple[str, str], Processed] = attrs.field(factory=dict)
    changed: trio.Event = attrs.field(factory=trio.Event)

    def take(self, answer: Processed) -> None:
        self.answers[answer.fragment_id, answer.target_language or ""] = answer
        self.outstanding.settle(answer.fragment_id, answer.target_language)
        self.changed.set()
        self.changed = trio.Event()


async def _send(stream: RecordedStream, url: str, token: str, pace: Pace) -> Answers:
    async with open_client(url, auth={"token": token} if token else None) as client:
        await client.emit("stream:init", stream.init)
        progress = _Progress(Outstanding((await _ready(client)).target_languages))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_send_all, client, stream, pace, progress)
            while (event := await _next(client)) is not None:
                if isinstance(event, Processed):
                    progress.take(event)
                elif isinstance(event, Complete):
                    break
            nursery.cancel_scope.cancel()
    return progress.answers


async def _ready(client: Client) -> Ready:
    with trio.fail_after(PATIENCE_S):
        async for event in client.events:
            if event.name == "stream:ready":
                return read_ready(event.args)
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
    for fragment in stream.fragments:
        if pace == "original":
            await trio.sleep_until(began + fragment.at_s - first)
        else:
            while len(progress.outstanding) >= AT_ONCE:
                await progress.changed.wait()
        progress.outstanding.add(fragment.fragment_id)
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
