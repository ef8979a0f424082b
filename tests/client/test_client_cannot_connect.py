"""Everything that stops a connection before it is one: one line, one type, soon, and nothing left behind."""

import shutil
import socket
import ssl
import subprocess
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio
from client_peer import OPEN, Peer, script_in_memory, serve_script

from sts_actors.client import ClientError, ConnectFailed, open_client
from sts_actors.client.address import parse_address


async def refusal(url: str, **options) -> str:
    """The error's text, less the part that every one has."""
    with trio.fail_after(5), pytest.raises(ConnectFailed) as caught:
        async with open_client(url, **options):
            pytest.fail("it connected")
    text = str(caught.value)
    assert text.isprintable()
    return text.removeprefix(f"cannot connect to {url}: ")


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:8000", "localhost", "ftp://host", "http://", "http:///path", "//host:80", "http://:80"],
)
async def test_what_is_no_url_is_answered_with_an_example_of_one(url):
    assert await refusal(url) == "bad URL: write it like http://127.0.0.1:8000 or https://example.org"


@pytest.mark.parametrize("url", ["http://[::1", "http://host:99999", "http://host:port", "http://a..b"])
async def test_a_url_with_a_fault_is_a_bad_url(url):
    assert (await refusal(url)).startswith("bad URL: ")


async def test_a_password_in_the_url_is_turned_down_and_not_repeated():
    said = await refusal("http://user:hunter2@127.0.0.1:8000")
    assert "hunter2" not in said
    assert "send them as auth or as a header" in said


async def test_no_secret_of_the_query_is_in_the_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refused for sure
        port = taken.getsockname()[1]
        said = await refusal(f"http://127.0.0.1:{port}/?token=hunter2")
    assert said == (
        f"cannot connect to http://127.0.0.1:{port}: connection refused; is the server running there?"
    )


@pytest.mark.parametrize("headers", [{"bad name": "x"}, {"": "x"}, {"X-A": "a\r\nX-B: b"}, {"X-A": "é"}])
async def test_headers_that_http_forbids_are_named_but_not_their_values(headers):
    said = await refusal("http://127.0.0.1:1", headers=headers)
    assert "header" in said
    assert "X-B" not in said


@pytest.mark.parametrize("name", ["Host", "sec-websocket-key", "Upgrade"])
async def test_headers_of_the_handshake_itself_cannot_be_set(name):
    said = await refusal("http://127.0.0.1:1", headers={name: "x"})
    assert said == f"the header {name} belongs to the WebSocket handshake and cannot be set"


async def test_a_host_that_does_not_exist_is_called_unknown():
    class Nowhere(trio.abc.HostnameResolver):
        async def getaddrinfo(self, *_args):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        async def getnameinfo(self, *_args):
            raise NotImplementedError

    trio.socket.set_custom_hostname_resolver(Nowhere())
    assert await refusal("http://nowhere.invalid:8000") == "the host is unknown (Name or service not known)"


async def test_an_address_that_cannot_be_dialled_is_answered_with_the_systems_own_words():
    said = await refusal("http://255.255.255.255")
    assert said in {"Network is unreachable", "Permission denied", "No route to host"}


@pytest.mark.parametrize(
    ("url", "where", "host_header", "resource"),
    [
        ("http://h", ("h", 80), "h", "/socket.io/?EIO=4&transport=websocket"),
        ("ws://h:8000/", ("h", 8000), "h:8000", "/socket.io/?EIO=4&transport=websocket"),
        ("https://h/dub", ("h", 443), "h", "/dub/socket.io/?EIO=4&transport=websocket"),
        ("wss://h:444/a b/socket.io/", ("h", 444), "h:444", "/a%20b/socket.io/?EIO=4&transport=websocket"),
        ("http://[::1]:9", ("::1", 9), "[::1]:9", "/socket.io/?EIO=4&transport=websocket"),
        (
            "http://MÜLLER.de",
            ("xn--mller-kva.de", 80),
            "xn--mller-kva.de",
            "/socket.io/?EIO=4&transport=websocket",
        ),
        ("http://h?k=v%20w&EIO=3&e=", ("h", 80), "h", "/socket.io/?k=v+w&e=&EIO=4&transport=websocket"),
    ],
)
def test_a_url_says_where_to_connect_and_what_to_ask_for(url, where, host_header, resource):
    address = parse_address(url)
    assert (address.host, address.port) == where
    assert address.tls == url.startswith(("https", "wss"))
    assert address.host_header == host_header
    assert address.resource == resource
    assert "k=" not in f"{address} {address!r}"


async def test_every_address_of_a_host_is_tried_and_one_refusal_is_enough_to_say_so():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        said = await refusal(f"http://localhost:{taken.getsockname()[1]}")
    assert said == "connection refused; is the server running there?"


HTTP = {
    "a plain 404": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "it answered HTTP 404 Not Found"),
    "a 400 cut short": (
        b'HTTP/1.1 400 Bad Request\r\nContent-Length: 40\r\n\r\n{"code":0,"message"',
        "it answered HTTP 400 Bad Request",
    ),
    "a 400 with a JSON object": (
        b'HTTP/1.1 400 Bad Request\r\nContent-Length: 40\r\n\r\n{"code":0,"message":"Transport unknown"}',
        "it answered HTTP 400 Bad Request: Transport unknown",
    ),
    "a 401 with a JSON text": (
        b'HTTP/1.1 401 Unauthorized\r\nContent-Length: 8\r\n\r\n"no\\nway"',
        "it answered HTTP 401 Unauthorized: no way",
    ),
    "a 503 without length": (
        b"HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n<html>",
        "it answered HTTP 503 Busy",
    ),
    "a 301": (
        b"HTTP/1.1 301 Moved\r\nLocation: https://x\r\nContent-Length: 0\r\n\r\n",
        "it answered HTTP 301 Moved",
    ),
    "a 200": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "it answered HTTP 200 OK"),
    "a 101 without the token": (
        b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "its WebSocket handshake is not valid",
    ),
    "another protocol": (b"SSH-2.0-OpenSSH_9.9\r\n", "what answers there does not speak HTTP"),
    "garbage": (bytes(range(256)) * 16, "what answers there does not speak HTTP"),
    "nothing at all": (b"", "it closed the connection during the WebSocket handshake"),
}


@pytest.mark.parametrize("case", HTTP)
async def test_a_server_that_answers_the_handshake_otherwise_is_told_apart(case):
    answer, want = HTTP[case]

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.stream.send_all(answer)

    async with serve_script(script) as url:
        assert await refusal(url) == want


async def test_a_server_that_is_gone_before_our_request_is_out_is_not_waited_for(autojump_clock, monkeypatch):
    async def script(peer: Peer) -> None:
        await trio.lowlevel.checkpoint()

    async with script_in_memory(script, monkeypatch) as url:
        with pytest.raises(ConnectFailed, match="it closed the connection during the WebSocket handshake"):
            async with open_client(url):
                pytest.fail("it connected")
    assert trio.current_time() == 0


async def test_the_reference_server_on_another_path_is_a_404(upstream):
    said = await refusal(f"{upstream.url}/elsewhere")
    assert said == f"cannot connect to {upstream.url}: it answered HTTP 404 Not Found"


async def test_a_head_without_end_is_cut_off_early():
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
        while True:
            await peer.stream.send_all(bytes(65536))
            sent += 65536

    async with serve_script(script) as url:
        assert await refusal(url) == "it answered HTTP 200 OK"
    assert sent < 20_000_000  # what the kernel's buffers swallow


PROTOCOL = {
    "no Engine.IO": ("hello", "the server sent what is no Engine.IO packet"),
    "an empty frame": ("", "the server sent what is no Engine.IO packet"),
    "a message first": ('42["x"]', "what answers there does not speak Engine.IO 4"),
    "an open packet without times": ('0{"sid":"x"}', "the server's ping times are not valid"),
    "negative times": (
        '0{"sid":"x","pingInterval":-1,"pingTimeout":1}',
        "the server's ping times are not valid",
    ),
    "an open packet without sid": ("0{}", "the server's Engine.IO open packet is not valid"),
    "an open packet that is a list": ("0[]", "the server's Engine.IO open packet is not valid"),
}


@pytest.mark.parametrize("case", PROTOCOL)
async def test_a_websocket_that_speaks_something_else_is_told_apart(case):
    first, want = PROTOCOL[case]

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.text(first)
        await peer.drain()

    async with serve_script(script) as url:
        assert await refusal(url) == want


JOINING = {
    "an older Socket.IO": (
        lambda peer: peer.text("40"),
        "the server speaks a Socket.IO older than version 5",
    ),
    "a refusal as text": (lambda peer: peer.text('44"not\\ntoday"'), "the server refused: not today"),
    "a refusal as object": (lambda peer: peer.text('44{"message":"full"}'), "the server refused: full"),
    "a refusal without words": (lambda peer: peer.text("44"), "the server refused: it gave no reason"),
    "a goodbye": (lambda peer: peer.text("41"), "the server closed the connection"),
    "a close frame": (lambda peer: peer.close(), "the server closed the connection"),
    "a hang-up": (lambda peer: peer.stream.aclose(), "the server went away without a goodbye"),
    "an open packet again": (
        lambda peer: peer.text("0" + '{"sid":"x","pingInterval":1,"pingTimeout":1}'),
        "the server opened the connection twice",
    ),
}


@pytest.mark.parametrize("case", JOINING)
async def test_a_server_that_does_not_let_the_client_join_is_told_apart(case):
    answer, want = JOINING[case]

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.text('0{"sid":"x","pingInterval":25000,"pingTimeout":10000}')
        assert await peer.frame() == "40"
        await answer(peer)
        with suppress(trio.ClosedResourceError):
            await peer.drain()

    async with serve_script(script) as url:
        assert await refusal(url) == want


async def never(_: Peer) -> None:
    await trio.sleep_forever()


async def only_http(peer: Peer) -> None:
    await peer.accept()
    await trio.sleep_forever()


async def only_engine(peer: Peer) -> None:
    await peer.accept()
    await peer.text('0{"sid":"x","pingInterval":25000,"pingTimeout":10000}')
    await trio.sleep_forever()


@pytest.mark.parametrize("script", [never, only_http, only_engine])
async def test_a_server_that_falls_silent_before_the_end_is_given_up_at_the_deadline(script):
    async with serve_script(script) as url:
        started = trio.current_time()
        assert await refusal(url, connect_timeout_s=0.1) == "no answer within 0.1 s"
        assert trio.current_time() - started < 1


@pytest.mark.parametrize("script", [never, only_http, only_engine])
async def test_cancelled_while_connecting_it_leaves_no_socket_open(script):
    hung_up = trio.Event()

    async def watched(peer: Peer) -> None:
        with trio.move_on_after(0.05):
            await script(peer)
        await peer.drain()
        hung_up.set()

    async with serve_script(watched) as url:
        with trio.move_on_after(0.1):
            async with open_client(url):
                pytest.fail("it connected")
        with trio.fail_after(2):
            await hung_up.wait()


def test_every_error_is_a_client_error_and_survives_pickling():
    import pickle

    from sts_actors.client import StreamRefused

    assert issubclass(ConnectFailed, ClientError)
    again = pickle.loads(pickle.dumps(StreamRefused("UNSUPPORTED_LANGUAGE", "no such\npair")))  # noqa: S301 - our own bytes
    assert (again.code, again.message) == ("UNSUPPORTED_LANGUAGE", "no such pair")
    assert str(again) == "UNSUPPORTED_LANGUAGE: no such pair"


async def test_https_to_a_server_that_speaks_http_says_so(upstream):
    said = await refusal(upstream.url.replace("http", "https"))
    assert said.startswith("TLS handshake failed")
    assert said.endswith("does the server speak https?")


async def test_https_to_a_server_that_hangs_up_says_so():
    async def script(peer: Peer) -> None:
        await peer.read(1)

    async with serve_script(script) as url:
        assert (
            await refusal(url.replace("http", "https")) == "it closed the connection during the TLS handshake"
        )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    asked = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=sts-test"
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [openssl, *asked.split(), *names, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True,
        capture_output=True,
    )
    return folder / "cert.pem", folder / "key.pem"


@asynccontextmanager
async def serve_tls(certificate, script):
    """As `serve_script`, over TLS; yields the port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)

    async def handle(stream: trio.SSLStream) -> None:
        with suppress(EOFError, trio.BrokenResourceError):
            await script(Peer(stream))
        await trio.aclose_forcefully(stream)

    serve = partial(trio.serve_ssl_over_tcp, handle, 0, context, host="127.0.0.1", https_compatible=True)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(serve)
        yield listeners[0].transport_listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def welcome_and_bounce(peer: Peer) -> None:
    await peer.welcome(**OPEN)
    while (frame := await peer.frame()) != "41":
        if isinstance(frame, str) and frame.startswith("42"):
            await peer.text(frame)
    await peer.close()
    await peer.drain()


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(certificate):
    async with serve_tls(certificate, welcome_and_bounce) as port:
        said = await refusal(f"https://127.0.0.1:{port}")
        assert said == "its TLS certificate is not trusted: self-signed certificate"


async def test_a_certificate_that_the_caller_vouches_for_is_trusted(certificate):
    async with serve_tls(certificate, welcome_and_bounce) as port:
        trust = ssl.create_default_context(cafile=certificate[0])
        with trio.fail_after(5):
            async with open_client(f"wss://127.0.0.1:{port}", tls=trust) as client:
                await client.emit("note", "x" * 300_000)
                assert (await anext(client.events)).args == ("x" * 300_000,)
