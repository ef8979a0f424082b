"""One file's way through a service: a task that sends fragments, one that takes the dubs."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count
from typing import Any

import attrs
import trio

from sts_actors.cli.errors import CommandError, ExitCode
from sts_actors.cli.media import AudioFile, Pcm, cut
from sts_actors.cli.output import DubWriter
from sts_actors.cli.progress import Display
from sts_actors.cli.report import FragmentReport
from sts_actors.cli.track import Track
from sts_actors.cli.unfinished.going_on import HEARD_AGAIN, Beginning, digest
from sts_actors.cli.unfinished.journal import Journal
from sts_actors.cli.wav_file import BYTES_PER_SAMPLE
from sts_actors.client import (
    Complete,
    ConnectionLost,
    DubbingStream,
    Processed,
    Reconnect,
    ServerErrorEvent,
    ServerWarning,
    StreamInit,
    Tail,
    open_client,
    open_dubbing_stream,
)

SHORTEST_S = 0.5
"""A rest below this stays with the last fragment: half a word gives the recogniser nothing to go by."""

TIMEOUT_MS = 30_000
"""The longest the wire allows: in a file, a late dub is better than none."""

RECONNECT = Reconnect(attempts=4)
"""Some twelve seconds: whoever waits at a terminal wants to know."""

FAST_IN_FLIGHT = 2
"""Keeps recognition and synthesis busy at once; more would only queue, against the timeout."""

LATE_AFTER_S = 8.0
"""In a live run: deployed workers wait no longer for an answer."""

MAX_FRAGMENT_BYTES = 3_000_000
"""As base64 this makes 4.0 MB, the largest message that popular Socket.IO clients take."""

MAX_FRAGMENT_S = 30.0


@attrs.frozen(kw_only=True)
class DubRequest:
    """What to make of the audio; `live` sends each fragment when it would have been spoken.

    `seam`, `bed` and `verify` are those of `StreamInit`.
    """

    source_language: str
    target_language: str
    further_targets: tuple[str, ...] = ()
    voice: str | Mapping[str, str] | None = None
    seam: str | None = None
    bed: str | None = None
    verify: float | None = None
    fragment_s: float = 6.0
    live: bool = False
    token: str = attrs.field(default="", repr=False)

    @property
    def targets(self) -> tuple[str, ...]:
        """All the languages to dub into."""
        return (self.target_language, *self.further_targets)

    def opening(self, sample_rate_hz: int, channels: int) -> StreamInit:
        """What to ask of the service."""
        return StreamInit(
            source_language=self.source_language,
            target_language=self.target_language,
            target_languages=self.targets if self.further_targets else None,
            sample_rate_hz=sample_rate_hz,
            channels=channels,
            chunk_duration_ms=round(self.fragment_s * 1000),
            voice_profile=self.voice,
            seam=self.seam,
            bed=self.bed,
            verify=self.verify,
            max_inflight=None if self.live else FAST_IN_FLIGHT,
            timeout_ms=TIMEOUT_MS,
        )

    @property
    def late_after_s(self) -> float:
        """What takes longer is late. A fast run keeps a service busy, and waits for its turn: no measure."""
        return LATE_AFTER_S if self.live else TIMEOUT_MS / 1000

    def fragment_frames(self, sample_rate_hz: int, channels: int) -> int:
        """The length of a fragment in samples.

        Raises:
            CommandError: it would not pass the wire in one message.
        """
        frames = round(self.fragment_s * sample_rate_hz)
        # The last fragment may be longer by almost `SHORTEST_S`.
        longest_s = MAX_FRAGMENT_BYTES / (sample_rate_hz * channels * BYTES_PER_SAMPLE) - SHORTEST_S
        if self.fragment_s > longest_s:
            raise CommandError(
                f"fragments of {self.fragment_s:g} s are too large to send at {sample_rate_hz} Hz with "
                f"{channels} channels: use --fragment-seconds {int(longest_s)} or less"
            )
        return frames

    def makes_different(self, audio: AudioFile) -> dict[str, Any]:
        """What makes another dub of the same sound, by name, as plain JSON."""
        return {
            "from": self.source_language,
            "to": list(self.targets),
            "voice": self.voice if self.voice is None or isinstance(self.voice, str) else dict(self.voice),
            "seam": self.seam,
            "bed": self.bed,
            "verify": self.verify,
            "fragment seconds": self.fragment_s,
            "sample rate": audio.sample_rate_hz,
            "channels": audio.channels,
        }

    @property
    def heard_again(self) -> int:
        """How many fragments a service hears again that goes on with a dub."""
        return 0 if self.seam == "fixed" else HEARD_AGAIN

    def fragments(self, audio: AudioFile) -> Iterator[Pcm]:
        """The audio in fragments.

        Raises:
            CommandError: as `fragment_frames`.
        """
        frames = self.fragment_frames(audio.sample_rate_hz, audio.channels)
        return cut(audio.blocks, frames, round(SHORTEST_S * audio.sample_rate_hz))


@attrs.define(eq=False)
class DubRun:
    """Dubs `audio` into `writers`, one for each of the request's languages in their order.

    What a `journal` knows of it is not dubbed again: `beginning` comes behind it.
    """

    request: DubRequest
    audio: AudioFile
    writers: Sequence[DubWriter]
    display: Display
    beginning: Beginning | None = None
    journal: Journal | None = None
    _tracks: tuple[Track, ...] = attrs.field(init=False)
    _all_sent: bool = attrs.field(default=False, init=False)
    _trouble: str = attrs.field(default="", init=False)
    _started: float = attrs.field(default=0.0, init=False)
    _took_s: float = attrs.field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._tracks = tuple(
            Track(
                language=language,
                writer=writer,
                display=self.display,
                channels=self.audio.channels,
                late_after_s=self.request.late_after_s,
                journal=self.journal,
            )
            for language, writer in zip(self.request.targets, self.writers, strict=True)
        )
        if self.journal is not None and self.beginning is not None:
            self._go_on(self.journal, self.beginning.dubbed)

    def _go_on(self, journal: Journal, dubbed: int) -> None:
        for track in self._tracks:
            before = [entry.report for entry in journal.entries.get(track.language, ())[:dubbed]]
            track.go_on_from(before, journal.tails[track.language][0] if journal.tails else 0.0)
            self._took_s = max((self._took_s, *(report.answered_s or 0.0 for report in before)))
            self.display.resumed(before)

    @property
    def fragments(self) -> tuple[FragmentReport, ...]:
        """What came of each so far, in order, in all languages."""
        return tuple(chain.from_iterable(zip(*(track.fragments for track in self._tracks), strict=True)))

    @property
    def tail_s(self) -> float:
        """By how much the longest dub outlasts the input."""
        return max(track.tail_s for track in self._tracks)

    async def through(self, url: str) -> None:
        """Send the whole file to the service at `url` and take all its dubs.

        Raises:
            sts_actors.client.ClientError: there is no connection, it was lost, or the stream was refused.
            CommandError: the service ended the stream early, does not dub into several languages, or the dub
                cannot be written.
        """
        request, audio = self.request, self.audio
        beginning = self.beginning or Beginning(fragments=request.fragments(audio))
        init = request.opening(audio.sample_rate_hz, audio.channels)
        auth = {"token": request.token} if request.token else None
        async with open_client(url, auth=auth, reconnect=RECONNECT) as client:
            stream = await open_dubbing_stream(client, init)
            if request.further_targets and set(request.targets) - set(stream.ready.target_languages):
                raise CommandError(f"the service at {url} dubs into one language at a time: give it one --to")
            # Of several runs the times go on where those of the one before ended.
            self._started = trio.current_time() - self._took_s
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send_all, stream, beginning)
                await self._take_all(stream, beginning.first)

    async def _send_all(self, stream: DubbingStream, beginning: Beginning) -> None:
        rate = self.audio.sample_rate_hz
        position = beginning.position
        spoken_s = trio.current_time() - beginning.resumed_at / rate
        for number in count(beginning.first):
            pcm = await trio.to_thread.run_sync(next, beginning.fragments, None)
            if pcm is None:
                break
            start_s, duration_s = position / rate, len(pcm) / rate
            position += len(pcm)
            due = trio.current_time()
            if self.request.live:
                due = spoken_s + start_s + duration_s
                await trio.sleep_until(due)
            try:
                await stream.wait_for_room()
            except ConnectionLost:
                if stream.draining:
                    return  # who takes the dubs says how far they went
                raise
            now = trio.current_time()
            for track in self._tracks if number >= beginning.dubbed else ():
                asked = FragmentReport(
                    sequence_number=number,
                    start_s=start_s,
                    duration_s=duration_s,
                    target_language=track.language if len(self._tracks) > 1 else "",
                    sent_s=now - self._started,
                    held_back_s=now - due if self.request.live else 0.0,
                )
                track.ask(asked, len(pcm), digest(pcm))
            # A stream's own numbers begin at 0.
            await stream.send_fragment(
                number - beginning.first, pcm.astype("<i2", copy=False).tobytes(), round(duration_s * 1000)
            )
        self._all_sent = True
        await stream.end()

    async def _take_all(self, stream: DubbingStream, first: int) -> None:
        tails: tuple[Tail, ...] = ()
        async for event in stream.events:
            match event:
                case Processed():
                    answer = attrs.evolve(event, sequence_number=event.sequence_number + first)
                    for track in self._of(event.target_language):
                        await track.take(answer, trio.current_time() - self._started)
                case Complete():
                    tails = event.tail
                case ServerErrorEvent(fragment_id=None) | ServerWarning(code="SERVER_DRAINING"):
                    self._trouble = f": {event.code}: {event.message}"
                case ServerWarning():
                    self.display.note(f"{event.code}: {event.message}")
        self._check()
        for tail in tails:
            for track in self._of(tail.target_language):
                await track.finish(tail)
        if self.journal is not None:
            self.journal.end({track.language: (track.tail_s, track.writer.written) for track in self._tracks})

    def _check(self) -> None:
        if not self._all_sent or not all(track.complete for track in self._tracks):
            written = min(track.written for track in self._tracks)
            raise CommandError(
                f"the service ended the stream after {written} fragments{self._trouble}; see its log",
                code=ExitCode.SERVICE,
            )

    def _of(self, language: str | None) -> tuple[Track, ...]:
        """Whom an answer concerns: one that names no language, all."""
        if language is None or len(self._tracks) == 1:
            return self._tracks
        return tuple(track for track in self._tracks if track.language == language)
