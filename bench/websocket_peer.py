"""A Socket.IO peer on a bare socket: it costs next to nothing, so that only the server is timed."""

import json
import socket
import struct
import time

MASK = b"\x12\x34\x56\x78"
TEXT, SHORT, LONG = 0x81, 126, 127
LONG_FROM = 65_536
CONNECT_ATTEMPTS = 100


def masked_frame(payload):
    """One text frame as a client sends it."""
    size = len(payload)
    if size < SHORT:
        head = bytes([TEXT, 0x80 | size])
    elif size < LONG_FROM:
        head = bytes([TEXT, 0x80 | SHORT]) + struct.pack("!H", size)
    else:
        head = bytes([TEXT, 0x80 | LONG]) + struct.pack("!Q", size)
    key = int.from_bytes((MASK * (size // 4 + 1))[:size], "little")
    return head + MASK + (int.from_bytes(payload, "little") ^ key).to_bytes(size, "little")


class Peer:
    """Connected to the default namespace of a server on loopback."""

    def __init__(self, port):
        self.socket = self._dial(port)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        self._incoming = self.socket.makefile("rb", buffering=1 << 16)
        while self._incoming.readline() != b"\r\n":
            pass
        self.receive()
        self.send(b"40")
        self.receive()

    @staticmethod
    def _dial(port):
        for _ in range(CONNECT_ATTEMPTS):
            try:
                return socket.create_connection(("127.0.0.1", port))
            except OSError:  # The server is still starting.
                time.sleep(0.1)
        raise TimeoutError(f"nothing listens on port {port}")

    def send(self, packet):
        """Send one packet."""
        self.socket.sendall(masked_frame(packet))

    def receive(self):
        """The next packet's text, pings answered on the way."""
        while True:
            size = self._incoming.read(2)[1] & 0x7F
            if size == SHORT:
                size = struct.unpack("!H", self._incoming.read(2))[0]
            elif size == LONG:
                size = struct.unpack("!Q", self._incoming.read(8))[0]
            packet = self._incoming.read(size)
            if packet != b"2":
                return packet
            self.send(b"3")

    def processor_s(self):
        """The server's processor time so far, as it tells itself."""
        self.send(b'429["processor_s"]')
        return json.loads(self.receive()[3:])[0]

    def close(self):
        """Cut the connection, without a goodbye."""
        self._incoming.close()
        self.socket.close()
