"""From the streams to the disk: never waited for, bounded, and what goes wrong here reaches no stream."""

import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio

from sts_actors.artifacts import layout
from sts_actors.artifacts.store import Quota, Store, now_s
from sts_actors.audio.codecs import sniff
from sts_actors.messages import AudioFormat, Result, StreamConfig
from supervision import open_channel

log = logging.getLogger(__name__)

WAITING_FILES = 256
WAITING_BYTES = 64 * 2**20
"""What may wait for the disk; what comes when so much does is dropped."""
TIDY_EVERY_S = 60.0
LOG_EVERY_S = 60.0
FLUSH_S = 5.0
"""How long the end waits for the disk."""


class Recording:
    """One stream's; this one keeps nothing."""

    def received(self, index: int, data: bytes, label: AudioFormat) -> None:
        """A fragment has come; `index` names it."""

    def answered(
        self,
        index: int,
        result: Result,
        audio: bytes,
        *,
        fragment_id: str,
        sequence_number: int,
        processing_ms: float,
    ) -> None:
        """Its answer has been made; `audio` is the encoded dub, empty for a failure."""


class NoArtifacts:
    """What there is when nothing is to be kept."""

    lost = 0

    def record(self, config: StreamConfig, session_id: str) -> Recording:
        """A recording of nothing."""
        del config, session_id
        return Recording()


@attrs.frozen
class _File:
    folder: str
    name: str
    data: bytes = attrs.field(repr=False)


class Artifacts:
    """What streams have recorded, on its way to the disk.

    Attributes:
        dropped: files that found no room to wait.
        failed: files that the disk did not take.
    """

    def __init__(self, queue: trio.MemorySendChannel[_File]) -> None:
        self.dropped = 0
        self.failed = 0
        self._queue = queue
        self._waiting_bytes = 0
        self._logged = -float("inf")

    @property
    def lost(self) -> int:
        """Files that are not on disk and should be."""
        return self.dropped + self.failed

    def record(self, config: StreamConfig, session_id: str) -> Recording:
        """Begin to record a stream."""
        folder = layout.folder_name(config.stream_id, session_id)
        told = layout.describe_stream(config, session_id, time.time())
        self._put(folder, layout.STREAM_FILE, _as_json(told))
        return _Recording(partial(self._put, folder), config)

    def _put(self, folder: str, name: str, data: bytes) -> None:
        if self._waiting_bytes + len(data) > WAITING_BYTES:
            self._drop()
            return
        try:
            self._queue.send_nowait(_File(folder, name, data))
        except (trio.WouldBlock, trio.ClosedResourceError, trio.BrokenResourceError):
            self._drop()
        else:
            self._waiting_bytes += len(data)

    def _drop(self) -> None:
        self.dropped += 1
        self._complain("artifacts are dropped: the disk does not keep up")

    async def write_all(self, store: Store, queue: trio.MemoryReceiveChannel[_File]) -> None:
        """Write what comes until the queue's end; now and then delete what has grown too old."""
        await self._off_the_loop(store.look_around, now_s())
        while True:
            file = None
            with trio.move_on_after(TIDY_EVERY_S):
                try:
                    file = await queue.receive()
                except trio.EndOfChannel:
                    return
            if file is None:
                await self._off_the_loop(store.tidy, now_s())
                continue
            await self._off_the_loop(store.write, file.folder, file.name, file.data, now_s())
            self._waiting_bytes -= len(file.data)

    async def _off_the_loop(self, work: Callable[..., None], *args: Any) -> None:
        try:
            await trio.to_thread.run_sync(work, *args)
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        self.failed += 1
        self._complain(f"artifacts cannot be written: {error.strerror}")

    def _complain(self, what: str) -> None:
        now = trio.current_time()
        if now - self._logged >= LOG_EVERY_S:
            self._logged = now
            log.warning("%s (%d files lost so far)", what, self.lost)


class _Recording(Recording):
    def __init__(self, put: Any, config: StreamConfig) -> None:
        self._put = put
        self._config = config
        self._began = trio.current_time()
        self._labels: dict[int, tuple[AudioFormat, str]] = {}
        self._unanswered: dict[int, set[str]] = {}

    def received(self, index: int, data: bytes, label: AudioFormat) -> None:
        """See `Recording`."""
        name = f"{layout.stem(index)}.in.{sniff(data) or label.container}"
        self._labels[index] = (label, name)
        self._put(name, data)

    def answered(
        self,
        index: int,
        result: Result,
        audio: bytes,
        *,
        fragment_id: str,
        sequence_number: int,
        processing_ms: float,
    ) -> None:
        """See `Recording`."""
        several = len(self._config.targets) > 1
        language = result.target_language
        label, heard = self._labels.get(index, (self._config.label, ""))
        self._forget(index, language)
        at_s = trio.current_time() - processing_ms / 1000 - self._began
        told = layout.describe_fragment(
            result,
            fragment_id=fragment_id,
            sequence_number=sequence_number,
            at_s=at_s,
            label=label,
            processing_ms=processing_ms,
            several=several,
        )
        stem = layout.answer_stem(index, self._config, language)
        if heard:
            told["in"] = heard
        if audio:
            told["out"] = f"{stem}.out.{sniff(audio) or label.container}"
            self._put(told["out"], audio)
        self._put(f"{stem}.json", _as_json(told))

    def _forget(self, index: int, language: str) -> None:
        """An answer in `language` is here, or in all where it is empty: after the last there is no other."""
        targets = self._config.targets
        waiting = self._unanswered.setdefault(index, set(targets))
        waiting -= {language} if language and len(targets) > 1 else set(targets)
        if not waiting:
            del self._unanswered[index]
            self._labels.pop(index, None)


def _as_json(told: dict[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False, indent=1).encode("utf-8", "replace")


@asynccontextmanager
async def open_artifacts(root: Path, quota: Quota) -> AsyncIterator[Artifacts]:
    """Record streams under `root` for the length of the block; what waits at its end is written still.

    A folder that cannot be used is complained of in the log, and costs nothing but the artifacts.
    """
    ends: tuple[trio.MemorySendChannel[_File], trio.MemoryReceiveChannel[_File]]
    ends = open_channel("artifacts", WAITING_FILES)
    send, receive = ends
    artifacts = Artifacts(send)
    # A service ends by being cancelled: what was recorded until then is still worth its place.
    flushing = trio.CancelScope(shield=True)

    async def write() -> None:
        with flushing, receive:
            await artifacts.write_all(Store(root, quota), receive)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        try:
            yield artifacts
        finally:
            send.close()
            flushing.deadline = trio.current_time() + FLUSH_S
