"""A byte stream to an address: TCP, and TLS over it, with each failure told in plain words."""

import socket
import ssl

import trio

from sts_actors.client.address import Address
from sts_actors.client.errors import Ended


async def dial(address: Address, tls: ssl.SSLContext | None = None) -> trio.abc.Stream:
    """Connect, and shake hands over TLS where the address asks for it.

    Args:
        address: where to.
        tls: which certificates to trust; the system's authorities when None.

    Raises:
        Ended: nobody there, or no trust.
    """
    try:
        tcp = await trio.open_tcp_stream(address.host, address.port)
    except OSError as error:
        raise Ended(_why_unreachable(error)) from None
    if not address.tls:
        return tcp
    stream = trio.SSLStream(
        tcp,
        ssl.create_default_context() if tls is None else tls,
        server_hostname=address.host,
        # Few servers answer a TLS goodbye; WebSocket has its own, which cannot be forged.
        https_compatible=True,
    )
    trusted = False
    try:
        await stream.do_handshake()
        trusted = True
    except trio.BrokenResourceError as error:
        raise Ended(_why_untrusted(error.__cause__)) from None
    finally:
        if not trusted:
            await trio.aclose_forcefully(tcp)
    return stream


def _why_unreachable(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"the host is unknown ({error.strerror})"
    # Trio tries every address of the host and groups the errors.
    tried = error.__cause__
    causes = tried.exceptions if isinstance(tried, ExceptionGroup) else (error,)
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "connection refused; is the server running there?"
    cause = causes[0]
    return (cause.strerror if isinstance(cause, OSError) else None) or str(cause)


def _why_untrusted(cause: BaseException | None) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its TLS certificate is not trusted: {cause.verify_message}"
    # Unlike most, a hang-up in the middle is an SSLError too.
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
        return f"TLS handshake failed ({cause.reason or 'no reason given'}); does the server speak https?"
    return "it closed the connection during the TLS handshake"
