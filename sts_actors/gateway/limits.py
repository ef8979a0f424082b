"""Every bound of the gateway, in one frozen value."""

import attrs

MIB = 1024 * 1024


@attrs.frozen(kw_only=True)
class Limits:
    """How much one peer, and all of them together, may cost.

    Times are seconds, fractions allowed; sizes are bytes. The size of one inbound packet is not here: it is
    `max_http_buffer_size` of the server, because clients are told it (`maxPayload`).

    A time said to be "without progress" restarts with every 64 KiB that the peer takes.
    """

    connections: int = 1000
    """TCP connections at once; those beyond are closed at once."""
    connections_per_address: int = 32
    """TCP connections of one remote address; loopback is exempt, a reverse proxy lives there."""
    exempt_loopback: bool = True
    handshakes: int = 256
    """Connections that have not sent their first whole request head yet."""
    sessions: int = 500
    """Engine.IO sessions at once; a handshake beyond is answered 503."""
    receiving: int = 128 * MIB
    """Bytes of unfinished inbound messages, all peers together; and of attachments that wait for others."""

    header_size: int = 16 * 1024
    """A request's line and headers."""
    header_timeout: float = 10.0
    """From the first byte awaited to the end of a request's head."""
    keep_alive_timeout: float = 75.0
    """Idle time between two requests of a connection; longer than popular clients keep theirs."""
    body_timeout: float = 30.0
    """For a request's body or a WebSocket message, besides one second for each `min_body_rate` bytes."""
    min_body_rate: int = 32 * 1024
    write_timeout: float = 10.0
    """A peer that takes nothing for so long is cut."""
    handshake_timeout: float = 5.0
    """For a WebSocket's opening handshake."""
    close_timeout: float = 1.0
    """For a peer's half of a closing handshake, and for flushing what was queued before it."""

    outbox_bytes: int = 8 * MIB
    """Queued for one session; senders wait for room, and `send_timeout` without progress cuts the session."""
    outbox_packets: int = 4096
    send_timeout: float = 10.0

    packets_per_payload: int = 16
    """Packets in one polling response; popular clients refuse more."""
    packets_per_request: int = 16_384
    """Packets in one polling request; popular clients put all that they have into one."""
    frames_per_message: int = 4096
    """WebSocket frames that one message may be cut into."""
    json_depth: int = 64
    attachments: int = 16
    """Binary attachments of one Socket.IO packet."""
    attachment_bytes: int = 16 * MIB
    """All attachments of one packet together."""
    attachment_timeout: float = 10.0
    """From a binary packet to its last attachment."""

    upgrade_timeout: float = 10.0
    """From a probing WebSocket's opening to its `upgrade` packet."""
    connect_timeout: float = 10.0
    """A session that has joined no namespace for so long is closed."""
    handlers: int = 64
    """Event handlers of one session running at once; its next event waits for one of them to end.

    A handler that awaits `call()` needs the client's answer read: with all of them waiting, none is.
    """
    teardown_timeout: float = 5.0
    """For a disconnect handler, which runs even while the server is cancelled."""
    shutdown_timeout: float = 10.0
    """From the cancellation of `serve` to the last connection's end."""
