"""A stream that remembers what trio-websocket does not tell.

trio-websocket's opening handshake waits for ever when the peer hangs up or speaks another protocol, it
shows no time of the last byte, and a failed send drops what was still to be read. The tap sees the bytes
go by and answers those questions without touching the library's private parts.
"""

import re

import orjson
import trio

MAX_HANDSHAKE_BYTES = 256 * 1024
HEAD_BYTES = 4096
LAST_WORDS_S = 0.5


class Tap(trio.abc.Stream):
    """Passes bytes through.

    Attributes:
        last_heard: when bytes last came, in seconds of `trio.current_time()`.
        head: the first bytes that came, at most `HEAD_BYTES`.
        ended: set once nothing more can come.
        shaken: to be set True by the owner when the opening handshake is over; until then more than
            `MAX_HANDSHAKE_BYTES` from the server end the stream.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._received = 0
        self.last_heard = trio.current_time()
        self.head = b""
        self.ended = trio.Event()
        self.shaken = False

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive, as the stream below does."""
        data: bytes | bytearray = b""
        try:
            data = await self._stream.receive_some(max_bytes)
        except trio.BrokenResourceError:
            self.ended.set()
            raise
        if not data:
            self.ended.set()
            return data
        self.last_heard = trio.current_time()
        if len(self.head) < HEAD_BYTES:
            self.head += bytes(data[: HEAD_BYTES - len(self.head)])
        self._received += len(data)
        if not self.shaken and self._received > MAX_HANDSHAKE_BYTES:
            self.ended.set()
            raise trio.BrokenResourceError("too many bytes before the handshake was over")
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, as the stream below does.

        When the peer has gone, what it said before it left may still wait to be read: the failure is held
        back until the reader has reached the end, or for `LAST_WORDS_S`.
        """
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError as error:
            failure = error
        else:
            return
        if not self.shaken:
            # The library reads nothing before its request is out, and would wait for the answer for ever.
            self.ended.set()
        with trio.move_on_after(LAST_WORDS_S):
            await self.ended.wait()
        raise failure

    async def wait_send_all_might_not_block(self) -> None:
        """As the stream below."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the stream below."""
        self.ended.set()
        await self._stream.aclose()


def describe_refusal(head: bytes) -> str:
    """Why the opening handshake failed, from the first bytes of the server's answer."""
    if not head:
        return "it closed the connection during the WebSocket handshake"
    status = re.match(rb"HTTP/1\.[01] (\d{3})[ ]?([^\r\n]*)", head)
    if status is None:
        return "what answers there does not speak HTTP"
    code, phrase = (group.decode("latin-1") for group in status.groups())
    if code == "101":
        return "its WebSocket handshake is not valid"
    said = _message(head.partition(b"\r\n\r\n")[2])
    return f"it answered HTTP {code} {phrase}".rstrip() + (f": {said}" if said else "")


def _message(body: bytes) -> str:
    """Engine.IO servers say what is wrong in a JSON body: a string, or an object with a message."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    if isinstance(told, dict):
        told = told.get("message")
    return told if isinstance(told, str) else ""
