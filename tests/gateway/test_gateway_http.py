"""HTTP/1.1: routes, deadlines and what is refused."""

import pytest
import trio
import trio.testing
from gateway_peers import HEADERS, echo_engine, handshake, opened, quick

from sts_actors.gateway import HttpRequest, HttpResponse, Server


def served(**limits) -> Server:
    server = Server(limits=quick(**limits))

    async def health(request: HttpRequest) -> HttpResponse:
        return HttpResponse(
            status=200, headers=[("Content-Type", "application/json")], body=b'{"status":"healthy"}'
        )

    async def upload(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, {}, str(len(await request.body(10_000))).encode())

    async def fail(request: HttpRequest) -> HttpResponse:
        raise RuntimeError("secret")

    async def large(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, {}, b"x" * 1_000_000)

    server.route("GET", "/health", health)
    server.route("POST", "/upload", upload)
    server.route("GET", "/fail", fail)
    server.route("GET", "/large", large)
    return server


async def raw(peers, request: bytes) -> bytes:
    stream = peers.stream()
    await stream.send_all(request)
    received = b""
    while data := await stream.receive_some():
        received += data
    return received


async def test_other_routes_are_served_on_the_same_connection() -> None:
    async with opened(served()) as peers:
        http = peers.http()
        for _ in range(3):
            reply = await http.request("GET", "/health?verbose=1")
            assert (reply.status, reply.json) == (200, {"status": "healthy"})
            assert reply.headers["content-type"] == "application/json"
            assert (await http.request("POST", "/upload", b"x" * 5000)).text == "5000"
            assert len((await http.request("GET", "/large")).body) == 1_000_000
        assert peers.house.connections.connections == 1


async def named(request: HttpRequest) -> HttpResponse:
    return HttpResponse(200, {}, request.path.encode())


def told(text: bytes):
    async def serve(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, {}, text)

    return serve


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/files/a", b"files"),
        ("/files/a/b", b"files"),
        ("/files/", b"files"),
        ("/files/deep/a", b"deep"),
        ("/files/deep/", b"deep"),
        ("/files/deep", b"files"),
        ("/files/exact", b"exact"),
        ("/files/exact/", b"files"),
        ("/%66iles/a", b"files"),
        ("/files", None),
        ("/filesystem", None),
        ("/files*", None),
        ("/elsewhere/files/a", None),
    ],
)
async def test_a_route_below_a_path_serves_what_no_nearer_one_does(path: str, answer: bytes | None) -> None:
    server = Server()
    server.route("GET", "/files/*", told(b"files"))
    server.route("GET", "/files/deep/*", told(b"deep"))
    server.route("GET", "/files/exact", told(b"exact"))
    async with opened(server) as peers:
        reply = await peers.http().request("GET", path)
    assert (reply.status, reply.body) == ((404, b"Not Found") if answer is None else (200, answer))


async def test_a_route_below_a_path_sees_the_whole_path_decoded_and_nothing_in_it_resolved() -> None:
    server = Server()
    server.route("GET", "/files/*", named)
    async with opened(server) as peers:
        reply = await peers.http().request("GET", "/files/..%2f../%61?name=x")
    assert reply.body == b"/files/../../a"


async def test_a_route_below_a_path_takes_its_methods_alone() -> None:
    server = Server()
    server.route("GET", "/files/*", named)
    server.route("POST", "/files/*", named)
    server.route("GET", "/files/deep/*", named)
    async with opened(server) as peers:
        http = peers.http()
        assert (await http.request("POST", "/files/a")).status == 200
        reply = await http.request("POST", "/files/deep/a")
        assert (reply.status, reply.headers["allow"]) == (405, "GET")
        head = await raw(peers, b"HEAD /files/a HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert head.endswith(b"\r\n\r\n")


async def test_an_answer_that_has_no_body_by_its_kind_claims_no_length() -> None:
    server = Server()

    async def unchanged(request: HttpRequest) -> HttpResponse:
        return HttpResponse(304, {"ETag": '"x"'})

    server.route("GET", "/unchanged", unchanged)
    server.route("GET", "/files/*", named)
    async with opened(server) as peers:
        http = peers.http()
        for _ in range(2):
            reply = await http.request("GET", "/unchanged")
            assert (reply.status, reply.headers, reply.body) == (304, {"etag": '"x"'}, b"")
        # The connection goes on in step.
        assert (await http.request("GET", "/files/a")).body == b"/files/a"


async def test_a_head_request_gets_the_head_alone() -> None:
    async with opened(served()) as peers:
        head = await raw(peers, b"HEAD /health HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"Content-Length: 20\r\n" in head
    assert head.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/", 404),
        ("DELETE", "/health", 405),
        ("GET", "/fail", 500),
        ("GET", "/%68ealth", 200),
    ],
)
async def test_routes_answer_as_they_should(method: str, path: str, status: int, caplog) -> None:
    async with opened(served()) as peers:
        reply = await peers.http().request(method, path)
    assert reply.status == status
    assert b"secret" not in reply.body


async def test_a_body_that_no_route_wanted_does_not_end_the_connection() -> None:
    async with opened(served()) as peers:
        http = peers.http()
        assert (await http.request("POST", "/nowhere", b"x" * 1000)).status == 404
        assert (await http.request("GET", "/health")).status == 200


async def test_a_large_body_that_no_route_wanted_ends_the_connection() -> None:
    async with opened(served()) as peers:
        reply = await peers.http().request("POST", "/nowhere", b"x" * 100_000)
    assert (reply.status, reply.headers["connection"]) == (404, "close")


async def test_a_body_beyond_the_routes_limit_is_refused() -> None:
    async with opened(served()) as peers:
        reply = await peers.http().request("POST", "/upload", b"x" * 10_001)
    assert reply.status == 413


async def test_a_client_that_asks_first_is_told_to_continue() -> None:
    async with opened(served()) as peers:
        stream = peers.stream()
        await stream.send_all(
            b"POST /upload HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        )
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 100")
        await stream.send_all(b"abc")
        assert (await stream.receive_some()).endswith(b"\r\n\r\n3")


async def test_a_slow_head_is_cut_at_its_deadline(autojump_clock) -> None:
    async with opened(served(header_timeout=10)) as peers:
        stream = peers.stream()
        began = trio.current_time()
        await stream.send_all(b"GET / HT")
        answer = b""
        async with trio.open_nursery() as nursery:

            async def drip() -> None:
                while True:
                    await trio.sleep(1)
                    await stream.send_all(b"T")

            nursery.start_soon(drip)
            while data := await stream.receive_some():
                answer += data
            nursery.cancel_scope.cancel()
        assert trio.current_time() - began == pytest.approx(10, abs=1.2)
        assert answer.startswith(b"HTTP/1.1 408")


async def test_a_connection_that_says_nothing_is_closed_without_a_word(autojump_clock) -> None:
    async with opened(served(header_timeout=10)) as peers:
        began = trio.current_time()
        assert await raw(peers, b"") == b""
        assert trio.current_time() - began == pytest.approx(10)


async def test_a_slow_head_is_cut_at_the_same_deadline_on_a_connection_that_was_idle(autojump_clock) -> None:
    async with opened(served(header_timeout=10, keep_alive_timeout=75)) as peers:
        http = peers.http()
        await http.request("GET", "/health")
        await trio.sleep(30)
        began = trio.current_time()
        await http.stream.send_all(b"GET / HT")
        assert (await http.stream.receive_some()).startswith(b"HTTP/1.1 408")
        assert trio.current_time() - began == pytest.approx(10)


async def test_a_connection_that_comes_while_the_server_stops_is_closed_at_once(autojump_clock) -> None:
    began = trio.current_time()
    async with opened(served()) as peers:
        await peers.http().request("GET", "/health")
        late = peers.stream()
        peers.house.stop()
        assert await late.receive_some() == b""
    assert trio.current_time() == began


async def test_a_connection_whose_response_is_under_way_when_the_server_stops_ends_after_it(
    autojump_clock,
) -> None:
    async with opened(served()) as peers:
        stream = peers.stream(trio.testing.lockstep_stream_pair)
        await stream.send_all(b"GET /large HTTP/1.1\r\nHost: t\r\n\r\n")
        received = await stream.receive_some(100)
        peers.house.stop()
        began = trio.current_time()
        while data := await stream.receive_some(65536):
            received += data
        assert len(received) > 1_000_000
        assert trio.current_time() == began


async def test_an_idle_connection_is_kept_for_a_while(autojump_clock) -> None:
    async with opened(served(keep_alive_timeout=75)) as peers:
        http = peers.http()
        await http.request("GET", "/health")
        await trio.sleep(70)
        await http.request("GET", "/health")
        began = trio.current_time()
        assert await http.stream.receive_some() == b""
        assert trio.current_time() - began == pytest.approx(75)


async def test_a_slow_body_is_cut_at_its_deadline(autojump_clock) -> None:
    async with opened(served(body_timeout=30)) as peers:
        stream = peers.stream()
        await stream.send_all(b"POST /upload HTTP/1.1\r\nHost: t\r\nContent-Length: 9000\r\n\r\n")
        began = trio.current_time()
        answer = b""
        async with trio.open_nursery() as nursery:

            async def drip() -> None:
                while True:
                    await trio.sleep(1)
                    await stream.send_all(b"x")

            nursery.start_soon(drip)
            while data := await stream.receive_some():
                answer += data
            nursery.cancel_scope.cancel()
        assert trio.current_time() - began == pytest.approx(30, abs=1.2)
        assert answer.startswith(b"HTTP/1.1 408")


async def test_a_slow_websocket_message_is_cut_at_its_deadline(autojump_clock) -> None:
    async with opened(echo_engine(limits=quick(body_timeout=30), ping_interval=1000)) as peers:
        ws = await peers.ws()
        stream = peers.stream()
        await stream.send_all(handshake(peers.target("websocket")))
        answer = b""
        while b"maxPayload" not in answer:
            answer += await stream.receive_some()
        await stream.send_all(b"\x81\xfe\x20\x00mask")
        began = trio.current_time()
        async with trio.open_nursery() as nursery:

            async def drip() -> None:
                while True:
                    await trio.sleep(1)
                    await stream.send_all(b"x")

            nursery.start_soon(drip)
            while await stream.receive_some():
                pass
            nursery.cancel_scope.cancel()
        assert trio.current_time() - began == pytest.approx(30, abs=1.2)
        await ws.receive()
        await ws.send("4the neighbour")
        assert await ws.receive() == "4the neighbour"


async def test_a_reader_that_takes_nothing_of_a_response_is_cut(autojump_clock) -> None:
    async with opened(served(write_timeout=10)) as peers:
        stream = peers.stream(trio.testing.lockstep_stream_pair)
        await stream.send_all(b"GET /large HTTP/1.1\r\nHost: t\r\n\r\n")
        await trio.sleep(9)
        assert peers.house.connections.connections == 1
        await trio.sleep(2)
        assert peers.house.connections.connections == 0


async def test_connections_beyond_the_limit_are_closed_at_the_door() -> None:
    async with opened(served(connections=2)) as peers:
        first, second = peers.http(), peers.http()
        assert (await first.request("GET", "/health")).status == 200
        assert (await second.request("GET", "/health")).status == 200
        assert await raw(peers, b"GET /health HTTP/1.1\r\nHost: t\r\n\r\n") == b""
        await first.drop()
        await trio.testing.wait_all_tasks_blocked()
        assert (await peers.http().request("GET", "/health")).status == 200
        assert peers.house.connections.refused == 1


async def test_too_many_silent_connections_are_closed_at_the_door() -> None:
    async with opened(served(handshakes=2)) as peers:
        http = peers.http()
        assert (await http.request("GET", "/health")).status == 200
        silent = [peers.stream() for _ in range(2)]
        await trio.testing.wait_all_tasks_blocked()
        assert await raw(peers, b"GET /health HTTP/1.1\r\nHost: t\r\n\r\n") == b""
        assert (await http.request("GET", "/health")).status == 200
        await trio.aclose_forcefully(silent[0])
        await trio.testing.wait_all_tasks_blocked()
        assert (await peers.http().request("GET", "/health")).status == 200


async def test_one_address_may_only_have_so_many_connections() -> None:
    async with opened(served(connections_per_address=2)) as peers:
        first = peers.http()
        await first.request("GET", "/health")
        await peers.http().request("GET", "/health")
        assert await raw(peers, b"GET /health HTTP/1.1\r\nHost: t\r\n\r\n") == b""
        await first.drop()
        await trio.testing.wait_all_tasks_blocked()
        assert (await peers.http().request("GET", "/health")).status == 200


async def test_sessions_beyond_the_limit_are_answered_503() -> None:
    async with opened(served(sessions=1)) as peers:
        await peers.polling()
        reply = await peers.http().request("GET", peers.target())
        assert (reply.status, reply.json["message"]) == (503, "Too many sessions")
        assert (await peers.ws_refused(peers.target("websocket"))).status == 503


async def test_bodies_beyond_the_common_budget_are_refused() -> None:
    async with opened(served(receiving=5000)) as peers:
        stream = peers.stream()
        await stream.send_all(
            b"POST /upload HTTP/1.1\r\nHost: t\r\nContent-Length: 4000\r\n\r\n" + b"x" * 3000
        )
        await trio.testing.wait_all_tasks_blocked()
        assert (await peers.http().request("POST", "/upload", b"x" * 2500)).status == 503
        await stream.send_all(b"x" * 1000)
        assert (await stream.receive_some()).endswith(b"4000")
        assert (await peers.http().request("POST", "/upload", b"x" * 2500)).status == 200


def test_a_request_shows_itself_as_a_wsgi_environment() -> None:
    request = HttpRequest(
        method="GET",
        target="/a%20b?x=1",
        path="/a b",
        query_string="x=1&y=&x=2",
        headers=(("host", "t"), ("x-id", "1"), ("x-id", "2"), ("content-type", "text/plain")),
        peer=("10.0.0.1", 5),
        local=("10.0.0.2", 80),
        source=None,
    )
    environ = request.environ()
    assert environ["HTTP_X_ID"] == "1,2"
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert (environ["REMOTE_ADDR"], environ["SERVER_PORT"]) == ("10.0.0.1", "80")
    assert request.query == {"x": "1", "y": ""}
    assert request.header("x-id") == "1, 2"
    assert HEADERS
