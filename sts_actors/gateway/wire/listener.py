"""Accepts connections, counts them, and hands each to HTTP."""

import ipaddress
import logging
from collections import Counter

import trio

from sts_actors.gateway.limits import Limits
from sts_actors.gateway.wire.budget import ReceiveBudget
from sts_actors.gateway.wire.http1 import Application, HttpConnection
from sts_actors.gateway.wire.peer import PeerStream

log = logging.getLogger(__name__)


class ConnectionHouse:
    """The connections of a server: who is in, who may still come in.

    Attributes:
        refused: how many were turned away at the door, ever.
    """

    def __init__(self, application: Application, limits: Limits) -> None:
        self._application = application
        self._limits = limits
        self._budget = ReceiveBudget(limits.receiving)
        self._by_address: Counter[str] = Counter()
        self._handshakes = 0
        self._open: set[HttpConnection] = set()
        self.refused = 0

    @property
    def connections(self) -> int:
        """How many are in."""
        return len(self._open)

    def finish(self) -> None:
        """Let each connection end with its request, the idle ones now."""
        for connection in list(self._open):
            connection.finish()

    @property
    def receiving(self) -> int:
        """Bytes of unfinished messages."""
        return self._budget.used

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one accepted stream to its end; no error of one connection leaves this."""
        peer, local = _endpoints(stream)
        if not self._admits(peer[0]):
            self.refused += 1
            await trio.aclose_forcefully(stream)
            return
        self._by_address[peer[0]] += 1
        self._handshakes += 1
        shaking_hands = True

        def past_handshake() -> None:
            nonlocal shaking_hands
            if shaking_hands:
                shaking_hands = False
                self._handshakes -= 1

        connection = HttpConnection(
            PeerStream(stream, write_timeout=self._limits.write_timeout),
            self._application,
            limits=self._limits,
            budget=self._budget,
            peer=peer,
            local=local,
            past_handshake=past_handshake,
        )
        self._open.add(connection)
        try:
            await connection.run()
        except* Exception:
            log.exception("serving a connection failed")
        finally:
            past_handshake()
            self._open.discard(connection)
            self._by_address[peer[0]] -= 1
            if not self._by_address[peer[0]]:
                del self._by_address[peer[0]]

    def _admits(self, host: str) -> bool:
        if self.connections >= self._limits.connections or self._handshakes >= self._limits.handshakes:
            return False
        if self._limits.exempt_loopback and _is_loopback(host):
            return True
        return self._by_address[host] < self._limits.connections_per_address


def _endpoints(stream: trio.abc.Stream) -> tuple[tuple[str, int], tuple[str, int]]:
    if not isinstance(stream, trio.SocketStream):
        return ("", 0), ("", 0)
    try:
        return stream.socket.getpeername()[:2], stream.socket.getsockname()[:2]
    except OSError:  # It has already left.
        return ("", 0), ("", 0)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
