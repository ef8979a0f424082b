"""Engine.IO frames over a WebSocket: send, receive, leave."""

import logging

import trio
from trio_websocket import CloseReason, ConnectionClosed, WebSocketConnection, wrap_client_stream
from wsproto.utilities import LocalProtocolError

from sts_actors.client.address import Address, Headers
from sts_actors.client.errors import Ended
from sts_actors.client.tap import Tap, describe_refusal

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
RECEIVE_BYTES = 64 * 1024
"""With trio-websocket's own 4 KiB a frame of 342 KiB costs three times the CPU."""

_NORMAL, _GOING_AWAY, _NO_STATUS, _ABNORMAL = 1000, 1001, 1005, 1006
_WORDS = {
    1002: "protocol error",
    1003: "unsupported data",
    1007: "invalid text",
    1008: "policy violation",
    1009: "message too large",
    1011: "internal error",
}

_log = logging.getLogger(__name__)


class WebSocketTransport:
    """One WebSocket on a tapped stream, which stays the caller's to close.

    `run` must have been started before anything else is called.
    """

    def __init__(self, tap: Tap) -> None:
        self._tap = tap
        self._handshake = trio.CancelScope()
        self._websocket: WebSocketConnection | None = None

    async def run(
        self,
        address: Address,
        headers: Headers,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Shake hands, report that as started, then be the home of the library's reader until the end.

        Raises:
            Ended: the handshake failed; nothing is raised once it has succeeded.
        """
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._give_up)
                with self._handshake:
                    self._websocket = await wrap_client_stream(
                        nursery,
                        # The annotation asks for sockets; the code uses what any stream has.
                        self._tap,  # type: ignore[arg-type]
                        address.host_header,
                        address.resource,
                        extra_headers=list(headers),
                        max_message_size=MAX_MESSAGE_BYTES,
                        receive_buffer_size=RECEIVE_BYTES,
                    )
                if self._websocket is None:
                    nursery.cancel_scope.cancel()
                else:
                    self._tap.shaken = True
                    task_status.started()
        except* Exception as group:  # noqa: BLE001 - the reader raises refusals and its own slips alike
            _log.debug("the WebSocket reader stopped", exc_info=group)
        finally:
            self._tap.ended.set()
        if self._websocket is None:
            raise Ended(describe_refusal(self._tap.head))

    async def send(self, frame: str | bytes) -> None:
        """Hand one frame to the kernel. To be cancelled only when the connection is given up with it.

        Raises:
            Ended: the connection is closed or closing.
        """
        try:
            await self._open.send_message(frame)
        except ConnectionClosed as closed:
            raise self._ending(closed.reason) from None
        except LocalProtocolError:
            # The server's goodbye came between the library's check and its send.
            raise self._ending(self._open.closed) from None

    async def receive(self) -> str | bytes:
        """The next frame.

        Raises:
            Ended: there is none; orderly when the server closed the WebSocket as it should.
        """
        try:
            return await self._open.get_message()
        except ConnectionClosed as closed:
            raise self._ending(closed.reason) from None

    async def aclose(self) -> None:
        """Exchange close frames, however long that takes: the caller sets the deadline. Idempotent."""
        await self._open.aclose()

    async def _give_up(self) -> None:
        """End a handshake whose peer has gone; without effect once it has succeeded."""
        await self._tap.ended.wait()
        self._handshake.cancel()

    @property
    def _open(self) -> WebSocketConnection:
        if self._websocket is None:
            raise RuntimeError("run() has not reported that it started")
        return self._websocket

    def _ending(self, close: CloseReason | None) -> Ended:
        if close is None:
            return Ended("the server broke the WebSocket protocol")
        if close.code in {_NORMAL, _NO_STATUS}:
            return Ended("the server closed the connection", orderly=True)
        if close.code == _ABNORMAL:
            return Ended("the server went away without a goodbye")
        if close.code == _GOING_AWAY:
            return Ended("the server is shutting down")
        # Either side may have found fault with the other: the library does not tell whose code it is.
        told = f": {close.reason}" if close.reason else ""
        return Ended(
            f"the WebSocket was closed with code {close.code}, {_WORDS.get(close.code, close.name)}{told}"
        )
