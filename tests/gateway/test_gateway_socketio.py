"""Socket.IO v5, one rule a test. Pings are 25 s apart: none of this passes by them."""

import builtins
import json
from functools import partial

import pytest
import trio
import trio.testing
from gateway_peers import Ws, echo_server, opened, quick

from sts_actors.gateway import AsyncNamespace, ConnectionRefusedError, DisconnectedError, Server  # noqa: A004 - its name
from sts_actors.gateway.connection import BREATH_S
from sts_actors.gateway.errors import CallTimeoutError


async def fresh(peers) -> Ws:
    ws = await peers.ws()
    assert (await ws.receive())[0] == "0"
    return ws


async def test_a_client_joins_the_main_namespace() -> None:
    async with opened(echo_server()) as peers:
        ws = await fresh(peers)
        await ws.send("40")
        answer = await ws.receive()
        assert answer.startswith("40{")
        sid = json.loads(answer[2:])["sid"]
        assert sid not in peers.engine.sockets, "the session's id is a secret of its client's transport"
        assert await ws.receive() == '42["auth",{}]'


async def test_a_client_joins_with_a_payload() -> None:
    async with opened(echo_server()) as peers:
        ws = await fresh(peers)
        await ws.send('40{"token":"123"}')
        assert (await ws.receive()).startswith('40{"sid":')
        assert await ws.receive() == '42["auth",{"token":"123"}]'


async def test_a_client_joins_a_custom_namespace_with_a_payload_over_polling() -> None:
    async with opened(echo_server()) as peers:
        session = await peers.polling()
        await session.post('40/custom,{"token":"abc"}')
        text = (await session.poll()).text
        if "\x1e" not in text:
            text += "\x1e" + (await session.poll()).text
        first, second = text.split("\x1e")
        assert first.startswith('40/custom,{"sid":')
        assert second == '42/custom,["auth",{"token":"abc"}]'


async def test_a_namespace_may_carry_a_query_which_is_no_part_of_its_name() -> None:
    async with opened(echo_server()) as peers:
        ws = await fresh(peers)
        await ws.send("40/custom?key=value,")
        assert (await ws.receive()).startswith("40/custom,")


async def test_an_unknown_namespace_is_refused_and_the_session_goes_on() -> None:
    async with opened(echo_server()) as peers:
        ws = await fresh(peers)
        await ws.send("40/random")
        assert await ws.receive() == '44/random,{"message":"Invalid namespace"}'
        await ws.send("40")
        assert (await ws.receive()).startswith("40{")


async def test_each_namespace_has_its_own_sid() -> None:
    async with opened(echo_server()) as peers:
        ws = await fresh(peers)
        sids = set()
        for namespace in ("", "/custom,"):
            await ws.send(f"40{namespace}")
            sids.add(await ws.receive())
            await ws.receive()
        assert len(sids) == 2


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (ConnectionRefusedError(), {"message": "Connection rejected by server"}),
        (ConnectionRefusedError("no"), {"message": "no"}),
        (ConnectionRefusedError("no", {"code": 7}), {"message": "no", "data": {"code": 7}}),
        (builtins.ConnectionRefusedError("AUTH_FAILED"), {"message": "AUTH_FAILED"}),
        (builtins.ConnectionRefusedError(111, "db.internal"), {"message": "Connection refused by server"}),
        (None, {"message": "Connection rejected by server"}),
    ],
)
async def test_a_connect_handler_can_refuse_and_say_why(raised, told) -> None:
    server = Server(limits=quick())
    ended = []

    @server.event
    async def connect(sid, environ, auth):
        if raised is not None:
            raise raised
        return False

    @server.event
    async def disconnect(sid, reason):
        ended.append(sid)

    async with opened(server) as peers:
        ws = await fresh(peers)
        await ws.send("40")
        assert json.loads((await ws.receive())[2:]) == told
        assert not server.manager.rooms
    assert ended == []


async def test_a_failing_connect_handler_refuses_without_a_word_about_the_error(caplog) -> None:
    server = Server(limits=quick())

    @server.event
    async def connect(sid, environ):
        raise RuntimeError("secret")

    async with opened(server) as peers:
        ws = await fresh(peers)
        await ws.send("40")
        assert await ws.receive() == '44{"message":"Connection rejected by server"}'
    assert [record.exc_info[1].args for record in caplog.records] == [("secret",)]


async def test_a_type_error_in_a_connect_handler_is_not_tried_again(caplog) -> None:
    server = Server(limits=quick())
    calls = []

    @server.event
    async def connect(sid, environ, auth):
        calls.append(sid)
        raise TypeError("a bug")

    async with opened(server) as peers:
        ws = await fresh(peers)
        await ws.send("40")
        assert (await ws.receive()).startswith("44")
    assert len(calls) == 1


async def test_forged_lifecycle_events_run_no_handler() -> None:
    server = Server(limits=quick())
    calls = []

    @server.event
    async def connect(sid, environ, auth):
        calls.append(("connect", auth))

    @server.event
    async def disconnect(sid, reason):
        calls.append(("disconnect", reason))

    async with opened(server) as peers:
        ws = await peers.socketio()
        await ws.send('42["connect",{"REMOTE_ADDR":"10.0.0.1"},{"token":"forged"}]')
        await ws.closed()
    assert calls == [("connect", None), ("disconnect", "transport error")]


async def test_events_are_sent_back_with_all_their_arguments() -> None:
    async with opened(echo_server()) as peers:
        ws = await peers.socketio()
        await ws.receive()
        await ws.send('42["message",1,"2",{"3":[true]},null]')
        assert await ws.receive() == '42["message-back",1,"2",{"3":[true]},null]'


async def test_an_event_is_acknowledged_with_what_its_handler_returns() -> None:
    async with opened(echo_server()) as peers:
        ws = await peers.socketio()
        await ws.receive()
        await ws.send('42456["message-with-ack",1,"2",{"3":[false]}]')
        assert await ws.receive() == '43456[1,"2",{"3":[false]}]'


@pytest.mark.parametrize(
    ("returned", "ack"),
    [
        (None, "[]"),
        (1, "[1]"),
        ("a", '["a"]'),
        ((), "[]"),
        ((1, 2), "[1,2]"),
        ([1, 2], "[[1,2]]"),
        (False, "[false]"),
    ],
)
async def test_a_returned_value_becomes_the_acknowledgement_as_in_python_socketio(returned, ack: str) -> None:
    server = Server(limits=quick())
    server.on("ask", lambda sid: returned)
    async with opened(server) as peers:
        ws = await peers.socketio()
        await ws.send('421["ask"]')
        assert await ws.receive() == f"431{ack}"


async def test_binary_events_are_assembled_from_their_attachments() -> None:
    async with opened(echo_server()) as peers:
        ws = await peers.socketio()
        await ws.receive()
        await ws.send('452-["message",{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1}]}]')
        await ws.send(b"\x01\x02\x03")
        await ws.send(b"\x04")
        sent = '["message-back",{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1}]}]'
        assert await ws.receive() == "452-" + sent
        assert await ws.receive() == b"\x01\x02\x03"
        assert await ws.receive() == b"\x04"


async def test_binary_acknowledgements_go_back() -> None:
    async with opened(echo_server()) as peers:
        ws = await peers.socketio()
        await ws.receive()
        await ws.send('451-789["message-with-ack",{"_placeholder":true,"num":0}]')
        await ws.send(b"\x01")
        assert await ws.receive() == '461-789[{"_placeholder":true,"num":0}]'
        assert await ws.receive() == b"\x01"


async def test_a_binary_packet_without_attachments_is_a_plain_one() -> None:
    async with opened(echo_server()) as peers:
        ws = await peers.socketio()
        await ws.receive()
        await ws.send('450-["message","x"]')
        assert await ws.receive() == '42["message-back","x"]'


async def test_attachments_that_do_not_come_close_the_session(autojump_clock) -> None:
    async with opened(echo_server(limits=quick(attachment_timeout=3))) as peers:
        ws = await peers.socketio()
        await ws.receive()
        await ws.send('451-["message",{"_placeholder":true,"num":0}]')
        began = trio.current_time()
        assert await ws.closed() == 1002
        assert trio.current_time() - began == pytest.approx(3)


async def test_attachments_that_are_not_posted_close_the_session(autojump_clock) -> None:
    async with opened(echo_server(limits=quick(attachment_timeout=3), ping_interval=100)) as peers:
        session = await peers.polling()
        await session.post("40")
        began = trio.current_time()
        await session.post('451-["message",{"_placeholder":true,"num":0}]')
        [inside] = peers.engine.sockets.values()
        await inside.ended.wait()
        assert trio.current_time() - began == pytest.approx(3)
        assert inside.close_reason == "transport error"


async def test_all_clients_together_may_only_hold_so_many_bytes_attached() -> None:
    server = echo_server(limits=quick(receiving=1000))
    async with opened(server) as peers:
        first, second = await peers.socketio(), await peers.socketio()
        for client in (first, second):
            await client.send('452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
        await first.send(b"x" * 600)
        await trio.testing.wait_all_tasks_blocked()
        await second.send(b"x" * 600)
        with trio.fail_after(5):
            assert await second.closed() == 1002
        await trio.testing.wait_all_tasks_blocked()
        assert server._attached.used == 600
        await first.send(b"x" * 100)
        await trio.testing.wait_all_tasks_blocked()
        assert server._attached.used == 0
        assert await first.receive() == '42["auth",{}]'
        assert str(await first.receive()).startswith('452-["message-back"')


async def test_attachments_that_come_leave_no_deadline_behind(autojump_clock) -> None:
    async with opened(echo_server(limits=quick(attachment_timeout=3), ping_interval=100)) as peers:
        ws = await peers.socketio()
        await ws.receive()
        await ws.send('451-["message",{"_placeholder":true,"num":0}]')
        await ws.send(b"\x01")
        await ws.receive()
        assert await ws.receive() == b"\x01"
        await trio.sleep(10)
        await ws.send('42["message"]')
        assert await ws.receive() == '42["message-back"]'


async def test_a_client_that_joins_nothing_is_closed(autojump_clock) -> None:
    async with opened(echo_server(limits=quick(connect_timeout=1.5))) as peers:
        ws = await fresh(peers)
        began = trio.current_time()
        await ws.closed()
        assert trio.current_time() - began == pytest.approx(1.5)


async def test_a_client_that_has_left_its_last_namespace_is_closed(autojump_clock) -> None:
    async with opened(echo_server(limits=quick(connect_timeout=1.5), ping_interval=100)) as peers:
        ws = await peers.socketio()
        await trio.sleep(20)
        await ws.send("41")
        began = trio.current_time()
        await ws.closed()
        assert trio.current_time() - began == pytest.approx(1.5)


async def test_a_client_leaves_a_namespace_and_may_come_back_while_the_goodbye_is_under_way() -> None:
    server = echo_server()
    reasons = []

    @server.on("disconnect", namespace="/custom")
    async def disconnect(sid, reason):
        await trio.sleep(0.01)
        reasons.append(reason)

    async with opened(server) as peers:
        ws = await peers.socketio("/custom,")
        await ws.receive()
        await ws.send("41/custom,")
        await ws.send('42/custom,["message","too late"]')
        await ws.send("40/custom,")
        assert (await ws.receive()).startswith("40/custom,{")
        assert reasons == ["client disconnect"]


async def test_events_that_were_under_way_when_the_server_disconnected_are_no_offence() -> None:
    server = echo_server()
    async with opened(server) as peers:
        ws = await peers.socketio()
        await ws.receive()
        [sid] = server._connections
        await server.disconnect(sid)
        assert await ws.receive() == "41"
        await trio.testing.wait_all_tasks_blocked()
        await ws.send('42["message"]')
        await ws.send("40")
        assert (await ws.receive()).startswith("40{")


async def test_what_a_client_sends_right_after_connecting_waits_for_its_connect_handler() -> None:
    server = Server(limits=quick())
    release = trio.Event()

    @server.event
    async def connect(sid, environ):
        await release.wait()

    server.on("hello", lambda sid: "hi")
    async with opened(server) as peers:
        ws = await fresh(peers)
        await ws.send("40")
        await ws.send('421["hello"]')
        await trio.testing.wait_all_tasks_blocked()
        release.set()
        assert (await ws.receive()).startswith("40{")
        assert await ws.receive() == '431["hi"]'


async def test_an_event_to_everybody_does_not_reach_who_is_not_admitted_yet() -> None:
    server = Server(limits=quick())
    verdict = None
    release = trio.Event()

    @server.event
    async def connect(sid, environ, auth):
        await release.wait()
        return verdict

    async with opened(server) as peers:
        refused = await fresh(peers)
        await refused.send("40")
        await trio.testing.wait_all_tasks_blocked()
        await server.emit("news", "for members")
        verdict = False
        release.set()
        assert await refused.receive() == '44{"message":"Connection rejected by server"}'
        verdict = None
        admitted = await peers.socketio()
        await server.emit("news", "more")
        assert await admitted.receive() == '42["news","more"]'


async def test_always_connect_greets_before_the_handler_runs() -> None:
    server = Server(always_connect=True, limits=quick())

    @server.event
    async def connect(sid, environ):
        await server.emit("early", to=sid)
        return False

    async with opened(server) as peers:
        ws = await fresh(peers)
        await ws.send("40")
        assert (await ws.receive()).startswith("40{")
        assert await ws.receive() == '42["early"]'
        assert await ws.receive() == "41"


async def test_rooms_get_their_events_and_skipped_clients_do_not() -> None:
    server = Server(limits=quick())
    server.on("join", server.enter_room)
    async with opened(server) as peers:
        clients = [await peers.socketio() for _ in range(3)]
        for client, room in zip(clients, ["a", "a", "b"], strict=True):
            await client.send(f'421["join","{room}"]')
            assert await client.receive() == "431[]"
        await server.emit("news", 1, room="a")
        await server.emit("news", 2, room=["a", "b"])
        skipped = next(iter(server.manager.rooms["/"]["b"]))
        await server.emit("news", 3, skip_sid=skipped)
        await server.emit("news", 4)
        assert [await clients[0].receive() for _ in range(4)] == [f'42["news",{n}]' for n in (1, 2, 3, 4)]
        assert [await clients[2].receive() for _ in range(2)] == [f'42["news",{n}]' for n in (2, 4)]


async def test_a_disconnect_handler_can_tell_the_others() -> None:
    server = Server(limits=quick())

    @server.event
    async def disconnect(sid, reason):
        await server.emit("left", reason)

    async with opened(server) as peers:
        leaving, staying = await peers.socketio(), await peers.socketio()
        await leaving.connection.aclose()
        assert await staying.receive() == '42["left","transport close"]'


async def test_call_returns_the_acknowledgement() -> None:
    server = Server(limits=quick())
    async with opened(server) as peers:
        ws = await peers.socketio()
        [sid] = server._connections
        for sent, answer in (("[]", None), ("[1]", 1), ('["a",{"b":2}]', ("a", {"b": 2}))):
            async with trio.open_nursery() as nursery:
                results = []

                async def ask(results=results) -> None:
                    results.append(await server.call("question", (1, b"x"), to=sid, timeout=5))

                nursery.start_soon(ask)
                question = await ws.receive()
                number = question.partition("-")[2].partition("[")[0]
                assert question == f'451-{number}["question",1,{{"_placeholder":true,"num":0}}]'
                assert await ws.receive() == b"x"
                await ws.send(f"43{number}{sent}")
            assert results == [answer]
        assert len(server.manager.callbacks[sid]) == 1, "only upstream's counter is left"


async def test_call_gives_up_at_its_timeout_and_leaves_nothing_behind(autojump_clock) -> None:
    server = Server(limits=quick())
    async with opened(server) as peers:
        await peers.socketio()
        [sid] = server._connections
        began = trio.current_time()
        with pytest.raises(CallTimeoutError):
            await server.call("question", to=sid, timeout=2.5)
        assert trio.current_time() - began == pytest.approx(2.5)
        assert len(server.manager.callbacks[sid]) == 1


async def test_call_ends_when_the_client_leaves(autojump_clock) -> None:
    server = Server(limits=quick())
    async with opened(server) as peers:
        ws = await peers.socketio()
        [sid] = server._connections
        began = trio.current_time()
        async with trio.open_nursery() as nursery:

            async def leave() -> None:
                await trio.sleep(1)
                await ws.connection.aclose()

            nursery.start_soon(leave)
            with pytest.raises(DisconnectedError):
                await server.call("question", to=sid, timeout=60)
        assert trio.current_time() - began < 2
        with pytest.raises(DisconnectedError):
            await server.call("question", to=sid)


async def test_an_acknowledgement_that_nobody_waits_for_does_no_harm(caplog) -> None:
    server = Server(limits=quick())
    async with opened(server) as peers:
        ws = await peers.socketio()
        [sid] = server._connections
        for number in ("0", "7", "9999999999999999"):
            await ws.send(f"43{number}[]")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(server.call, "question", to=sid))
            assert await ws.receive() == '421["question"]'
            await ws.send("430[]")
            await ws.send("431[]")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(server.call, "question", to=sid))
            assert await ws.receive() == '422["question"]'
            await ws.send("432[]")
    assert not caplog.records


async def test_a_callback_gets_the_acknowledgement_and_its_error_is_only_logged(caplog) -> None:
    server = Server(limits=quick())
    got = []

    def callback(value) -> None:
        got.append(value)
        raise RuntimeError("in the callback")

    async with opened(server) as peers:
        ws = await peers.socketio()
        [sid] = server._connections
        await server.emit("question", callback=callback, to=sid)
        assert await ws.receive() == '421["question"]'
        await ws.send("431[5]")
        await ws.send("431[6]")
        await server.emit("still", to=sid)
        assert await ws.receive() == '42["still"]'
    assert got == [5]
    assert len(caplog.records) == 1


async def test_class_based_namespaces_work_as_in_python_socketio() -> None:
    class Chat(AsyncNamespace):
        log: list = []  # noqa: RUF012 - a test's own

        async def on_connect(self, sid, environ, auth):
            self.log.append(("connect", auth))

        async def on_shout(self, sid, text):
            await self.emit("heard", text.upper(), to=sid)
            return len(text)

        def on_disconnect(self, sid, reason):
            self.log.append(("disconnect", reason))
            raise TypeError("not to be tried again")

    server = Server(limits=quick())
    server.register_namespace(Chat("/chat"))
    async with opened(server) as peers:
        ws = await peers.socketio("/chat,", '{"name":"x"}')
        await ws.send('42/chat,3["shout","hey"]')
        assert await ws.receive() == '42/chat,["heard","HEY"]'
        assert await ws.receive() == "43/chat,3[3]"
        await ws.send('42/chat,4["unknown"]')
        await ws.send("41/chat,")
        await trio.testing.wait_all_tasks_blocked()
    assert Chat.log == [("connect", {"name": "x"}), ("disconnect", "client disconnect")]


async def test_a_catch_all_handler_gets_every_other_event() -> None:
    server = Server(limits=quick())
    server.on("*", lambda event, sid, *args: [event, *args])
    async with opened(server) as peers:
        ws = await peers.socketio()
        await ws.send('421["anything",1]')
        assert await ws.receive() == '431[["anything",1]]'


async def test_user_sessions_live_as_long_as_the_client() -> None:
    server = Server(limits=quick())
    seen = []

    @server.event
    async def connect(sid, environ):
        await server.save_session(sid, {"name": "x"})

    @server.event
    async def visit(sid):
        async with server.session(sid) as session:
            session["visits"] = session.get("visits", 0) + 1

    @server.event
    async def disconnect(sid, reason):
        seen.append(await server.get_session(sid))

    async with opened(server) as peers:
        ws = await peers.socketio()
        await ws.send('421["visit"]')
        await ws.receive()
        await ws.send("41")
        await trio.testing.wait_all_tasks_blocked()
    assert seen == [{"name": "x", "visits": 1}]


async def test_a_server_that_is_used_wrongly_says_so() -> None:
    server = Server()
    with pytest.raises(RuntimeError, match="serve"):
        server.attach(object())
    with pytest.raises(RuntimeError, match="serve"):
        await server.handle_request()
    with pytest.raises(ValueError, match="one client"):
        await server.call("x")


async def test_what_a_connect_handler_emitted_follows_the_greeting_after_a_breath(autojump_clock) -> None:
    # A client that awaits one message after the other would miss the second of two read at once.
    async with opened(echo_server()) as peers:
        ws = await peers.ws()
        await ws.receive()
        await ws.send("40")
        assert (await ws.receive()).startswith("40")
        greeted = trio.current_time()
        assert await ws.receive() == '42["auth",{}]'
        assert trio.current_time() - greeted == pytest.approx(BREATH_S)


async def test_over_polling_nobody_waits_for_a_breath(autojump_clock) -> None:
    async with opened(echo_server()) as peers:
        session = await peers.polling()
        await session.post("40")
        began = trio.current_time()
        assert (await session.poll()).text.endswith('42["auth",{}]')
        assert trio.current_time() == began


async def test_what_is_emitted_in_the_breath_keeps_its_place(autojump_clock) -> None:
    server = echo_server()

    @server.event
    async def connect(sid, environ):
        await server.emit("first", to=sid)
        server.start_soon(sid, later, sid)

    async def later(sid) -> None:
        await trio.sleep(BREATH_S / 2)
        await server.emit("second", to=sid)
        await trio.sleep(BREATH_S)
        await server.emit("third", to=sid)

    async with opened(server) as peers:
        ws = await peers.socketio()
        assert [await ws.receive() for _ in range(3)] == ['42["first"]', '42["second"]', '42["third"]']


async def test_a_client_disconnected_by_its_connect_handler_is_told_what_was_emitted_before(
    autojump_clock,
) -> None:
    server = echo_server()

    @server.event
    async def connect(sid, environ):
        await server.emit("sorry", to=sid)
        server.start_soon(sid, leave, sid)

    async def leave(sid) -> None:
        await trio.sleep(BREATH_S / 2)
        await server.disconnect(sid)

    async with opened(server) as peers:
        ws = await peers.socketio()
        assert [await ws.receive() for _ in range(2)] == ['42["sorry"]', "41"]
