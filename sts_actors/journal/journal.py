"""The journal: every open stream and the last ones that ended."""

from collections import deque
from collections.abc import Callable

import trio

from sts_actors.journal.shelf import Shelf
from sts_actors.journal.streams import Shelves, StreamEntry
from sts_actors.messages import StreamConfig
from sts_actors.witness import StreamWitness, Witness

ENDED = 20
"""Streams that are kept after their end."""
TEXT_BYTES = 8 * 2**20
"""Transcripts and translations of all streams together."""


class Journal(Witness):
    """Keeps what streams do, in bounded memory.

    Args:
        audio_bytes: sound of all streams together; 0 keeps none.
        text_bytes: the same for texts.
        now: the clock that fragments' headers are timed by.
    """

    def __init__(
        self,
        *,
        audio_bytes: int,
        text_bytes: int = TEXT_BYTES,
        now: Callable[[], float] = trio.current_time,
    ) -> None:
        self._shelves = Shelves(audio=Shelf(audio_bytes), texts=Shelf(text_bytes))
        self._now = now
        self._opened = 0
        self._open: dict[int, StreamEntry] = {}
        self._ended: deque[StreamEntry] = deque()

    @property
    def audio_bytes(self) -> int:
        """Bytes of sound that are kept now."""
        return self._shelves.audio.size

    @property
    def text_bytes(self) -> int:
        """Bytes of texts that are kept now."""
        return self._shelves.texts.size

    @property
    def open(self) -> tuple[StreamEntry, ...]:
        """In the order in which they were opened."""
        return tuple(self._open.values())

    @property
    def ended(self) -> tuple[StreamEntry, ...]:
        """The one that ended last comes first."""
        return tuple(reversed(self._ended))

    def find(self, session_id: str) -> StreamEntry | None:
        """A stream; the later one, where a session was refused one and has opened another since."""
        streams = (*self.open, *self.ended)
        return next((stream for stream in streams if stream.session_id == session_id), None)

    def opened(self, session_id: str, config: StreamConfig, *, worker_id: str) -> StreamWitness:
        """See `Witness`."""
        self._opened += 1
        stream = StreamEntry(
            session_id,
            config,
            worker_id=worker_id,
            number=self._opened,
            shelves=self._shelves,
            now=self._now,
            on_closed=self._closed,
        )
        self._open[stream.number] = stream
        return stream

    def _closed(self, stream: StreamEntry) -> None:
        del self._open[stream.number]
        self._ended.append(stream)
        while len(self._ended) > ENDED:
            self._ended.popleft().forget()
