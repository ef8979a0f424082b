"""Engine.IO v4 over HTTP long-polling, one rule a test. Pings are 25 s apart: none of this passes by them."""

import json

import trio
from gateway_peers import echo_engine, opened


async def test_the_handshake_tells_the_session_and_its_times_in_milliseconds() -> None:
    async with opened(echo_engine(ping_interval=0.3, ping_timeout=0.2, max_http_buffer_size=10**6)) as peers:
        reply = await peers.http().request("GET", peers.target())
    assert reply.status == 200
    assert reply.text[0] == "0"
    greeting = json.loads(reply.text[1:])
    assert isinstance(greeting.pop("sid"), str)
    assert greeting == {
        "upgrades": ["websocket"],
        "pingInterval": 300,
        "pingTimeout": 200,
        "maxPayload": 10**6,
    }


async def test_a_connect_handler_that_returns_false_gets_the_client_401() -> None:
    server = echo_engine()
    ended = []
    server.on("connect", lambda sid, environ: environ["HTTP_X_NAME"] == "friend")
    server.on("disconnect", lambda sid, reason: ended.append(sid))
    async with opened(server) as peers:
        refused = await peers.http().request(
            "GET", peers.target(), headers=[("Host", "t"), ("X-Name", "foe")]
        )
        admitted = await peers.http().request(
            "GET", peers.target(), headers=[("Host", "t"), ("X-Name", "friend")]
        )
    assert (refused.status, admitted.status) == (401, 200)
    assert ended == [json.loads(admitted.text[1:])["sid"]]


async def test_messages_travel_in_payloads_of_several_packets() -> None:
    async with opened(echo_engine()) as peers:
        session = await peers.polling()
        posted = await session.post("4one\x1e4two\x1e4three")
        assert (posted.status, posted.text) == (200, "ok")
        polled = await session.poll()
    assert polled.text == "4one\x1e4two\x1e4three"
    assert polled.headers["content-type"].lower().startswith("text/plain")


async def test_binary_messages_travel_as_base64() -> None:
    async with opened(echo_engine()) as peers:
        session = await peers.polling()
        await session.post("4hello\x1ebAQIDBA==")
        assert (await session.poll()).text == "4hello\x1ebAQIDBA=="


async def test_a_message_is_delivered_as_it_was_sent_though_it_looks_like_json() -> None:
    server = echo_engine()
    seen = []
    server.on("message", lambda sid, data: seen.append(data))
    async with opened(server) as peers:
        session = await peers.polling()
        await session.post('4{"a":1}\x1e4\x1e4é\x1e4123')
    assert seen == ['{"a":1}', "", "é", "123"]


async def test_a_poll_waits_for_a_message() -> None:
    server = echo_engine()
    async with opened(server) as peers:
        session = await peers.polling()
        replies = []

        async def poll() -> None:
            replies.append(await session.poll())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(poll)
            await trio.testing.wait_all_tasks_blocked()
            assert not replies
            await server.send(session.sid, "at last")
    assert replies[0].text == "4at last"


async def test_a_response_has_at_most_sixteen_packets_because_clients_refuse_more() -> None:
    server = echo_engine()
    async with opened(server) as peers:
        session = await peers.polling()
        for number in range(20):
            await server.send(session.sid, str(number))
        assert (await session.poll()).text.count("\x1e") == 15
        assert (await session.poll()).text == "\x1e".join(f"4{number}" for number in range(16, 20))


async def test_a_second_poll_closes_the_session_and_both_polls_are_answered() -> None:
    async with opened(echo_engine()) as peers:
        session = await peers.polling()
        replies = {}

        async def poll(name: str) -> None:
            replies[name] = await peers.http().request("GET", session.target)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(poll, "first")
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(poll, "second")
        assert (replies["first"].status, replies["first"].text) == (200, "1")
        assert replies["second"].status == 400
        assert (await session.poll()).status == 400


async def test_a_second_post_during_the_first_closes_the_session() -> None:
    async with opened(echo_engine()) as peers:
        session = await peers.polling()
        slow = peers.stream()
        head = f"POST {session.target} HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n4abc"
        await slow.send_all(head.encode())
        await trio.testing.wait_all_tasks_blocked()
        assert (await session.post("4x")).status == 400
        assert (await session.poll()).status == 400


async def test_a_close_packet_ends_the_session_and_a_waiting_poll_gets_noop() -> None:
    server = echo_engine()
    reasons = []
    server.on("disconnect", lambda sid, reason: reasons.append(reason))
    async with opened(server) as peers:
        session = await peers.polling()
        replies = []

        async def poll() -> None:
            replies.append(await session.poll())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(poll)
            await trio.testing.wait_all_tasks_blocked()
            assert (await session.post("1")).status == 200
        assert (replies[0].status, replies[0].text) == (200, "6")
        assert (await session.poll()).status == 400
        assert reasons == ["client disconnect"]


async def test_disconnecting_a_client_tells_its_waiting_poll() -> None:
    server = echo_engine()
    async with opened(server) as peers:
        session = await peers.polling()
        replies = []

        async def poll() -> None:
            replies.append(await session.poll())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(poll)
            await trio.testing.wait_all_tasks_blocked()
            await server.disconnect(session.sid)
        assert replies[0].text == "1"
        assert (await session.post("4x")).status == 400


async def test_a_client_that_drops_its_poll_has_left() -> None:
    server = echo_engine()
    reasons = []
    server.on("disconnect", lambda sid, reason: reasons.append(reason))
    async with opened(server) as peers:
        session = await peers.polling()
        http = peers.http()
        await http.send("GET", session.target)
        await trio.testing.wait_all_tasks_blocked()
        await http.drop()
        await trio.testing.wait_all_tasks_blocked()
        assert reasons == ["transport close"]
        assert not peers.engine.sockets


async def test_what_is_sent_ahead_during_a_poll_is_answered_after_it() -> None:
    server = echo_engine()
    async with opened(server) as peers:
        session = await peers.polling()
        http = peers.http()
        await http.send("GET", session.target)
        await trio.testing.wait_all_tasks_blocked()
        await http.stream.send_all(b"GET /nowhere HTTP/1.1\r\nHost: t\r\n\r\n")
        await trio.testing.wait_all_tasks_blocked()
        await server.send(session.sid, "x")
        assert (await http.reply()).text == "4x"
        http._h11.start_next_cycle()
        http._h11.send(__import__("h11").Request(method="GET", target="/", headers=[("Host", "t")]))
        assert (await http.reply()).status == 404


async def test_a_body_larger_than_the_limit_is_refused_and_the_session_closed() -> None:
    async with opened(echo_engine(max_http_buffer_size=1000)) as peers:
        session = await peers.polling()
        assert (await session.post("4" + "x" * 999)).status == 200
        reply = await session.post("4" + "x" * 1000)
        assert (reply.status, reply.headers["connection"]) == (413, "close")
        assert peers.house.connections.receiving == 0
        assert (await session.poll()).status == 400


async def test_a_response_that_could_not_be_delivered_ends_the_session() -> None:
    server = echo_engine()
    reasons = []
    server.on("disconnect", lambda sid, reason: reasons.append(reason))
    async with opened(server) as peers:
        session = await peers.polling()
        await server.send(session.sid, "lost")
        stream = peers.stream()
        await stream.send_all(f"GET {session.target} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
        await trio.aclose_forcefully(stream)
        await trio.testing.wait_all_tasks_blocked()
        assert reasons == ["transport error"]


async def test_without_polling_among_the_transports_it_is_unknown() -> None:
    async with opened(echo_engine(transports="websocket")) as peers:
        reply = await peers.http().request("GET", peers.target())
    assert (reply.status, reply.json["code"]) == (400, 0)
