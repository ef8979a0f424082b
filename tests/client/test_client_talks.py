"""The client against python-socketio's own server: events, calls, attachments, both ways."""

import asyncio

import pytest
import trio

from sts_actors.client import ConnectFailed, ConnectionLost, Event, MessageTooLarge, NoAnswer, open_client

JSON = [None, True, 0, -1, 2**53, 0.5, "", "olá, мир, 你好", [], {}, {"a": [1, {"b": None}]}]


async def test_an_event_comes_back_with_its_arguments_as_they_were(upstream):
    async with open_client(upstream.url) as client:
        await client.emit("bounce", *JSON)
        assert await anext(client.events) == Event(name="bounced", args=tuple(JSON))


async def test_an_event_without_arguments_comes_back_without(upstream):
    async with open_client(upstream.url) as client:
        await client.emit("bounce")
        assert await anext(client.events) == Event(name="bounced")


@pytest.mark.parametrize(("args", "answer"), [((), None), (("one",), "one"), (("one", 2), ("one", 2))])
async def test_a_call_returns_nothing_one_value_or_several(upstream, args, answer):
    async with open_client(upstream.url) as client:
        assert await client.call("echo", *args) == answer


async def test_calls_at_the_same_time_get_their_own_answers(upstream):
    answers = {}

    async def ask(number: int) -> None:
        answers[number] = await client.call("echo", number)

    async with open_client(upstream.url) as client, trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(ask, number)
    assert answers == {number: number for number in range(50)}


async def test_bytes_travel_as_attachments_at_any_depth_both_ways(upstream):
    sent = {"audio": b"\x00\xff" * 500, "parts": [b"", {"last": bytearray(b"abc")}], "text": "x"}
    async with open_client(upstream.url) as client:
        got = await client.call("echo", sent, b"second")
        await client.emit("bounce", sent)
        event = await anext(client.events)
    want = {"audio": b"\x00\xff" * 500, "parts": [b"", {"last": b"abc"}], "text": "x"}
    assert got == (want, b"second")
    assert event.args == (want,)


@pytest.mark.parametrize("size", [4 * 1024 * 1024, 13_981_016], ids=["4 MiB", "10 MiB in base64"])
async def test_a_large_text_comes_back_whole(upstream, size):
    text = "0123456789abcdef" * (size // 16)
    async with open_client(upstream.url) as client:
        assert await client.call("echo", text, timeout_s=20) == text


async def test_an_attachment_of_16_mib_comes_back_whole(upstream):
    data = bytes(range(256)) * 65536
    async with open_client(upstream.url) as client:
        assert await client.call("echo", data, timeout_s=20) == data


async def test_the_server_may_call_and_gets_its_answer_with_attachments(upstream):
    async with open_client(upstream.url) as client:

        async def answer() -> None:
            event = await anext(client.events)
            assert (event.name, event.args) == ("question", (b"why?",))
            await client.acknowledge(event, {"because": b"\x01\x02"})

        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer)
            assert await client.call("ask_me", b"why?", timeout_s=5) == {"because": b"\x01\x02"}


async def test_an_event_that_asks_for_no_answer_cannot_be_acknowledged(upstream):
    async with open_client(upstream.url) as client:
        await client.emit("bounce")
        with pytest.raises(ValueError, match="bounced asks for no answer"):
            await client.acknowledge(await anext(client.events))


async def test_events_of_one_task_arrive_in_its_order_and_messages_of_several_never_mix(upstream):
    async def send(client, task: int) -> None:
        for number in range(20):
            await client.emit("note", [task, number], b"%d %d" % (task, number))

    upstream.sio.heard.clear()
    async with open_client(upstream.url) as client:
        async with trio.open_nursery() as nursery:
            for task in range(5):
                nursery.start_soon(send, client, task)
        await client.call("echo")  # the server takes messages in order: it has them all by now
        heard = [args for name, args in upstream.sio.heard if name == "note"]
    assert all(b"%d %d" % tuple(label) == attached for label, attached in heard)
    for task in range(5):
        assert [number for (who, number), _ in heard if who == task] == list(range(20))


async def test_a_call_that_gets_no_answer_ends_at_its_deadline_and_the_connection_goes_on(upstream):
    async with open_client(upstream.url) as client:
        with pytest.raises(NoAnswer, match=r"did not answer never within 0\.1 s"):
            await client.call("never", timeout_s=0.1)
        assert await client.call("echo", "still here") == "still here"


async def test_auth_and_headers_reach_the_server(upstream):
    upstream.sio.heard.clear()
    async with open_client(upstream.url, auth={"token": "right"}, headers={"X-Worker-ID": "w-7"}) as client:
        assert client.sid
    assert ("connect", {"auth": {"token": "right"}, "worker": "w-7"}) in upstream.sio.heard


async def test_a_refusal_carries_the_servers_words(upstream):
    with pytest.raises(ConnectFailed) as caught:
        async with open_client(upstream.url, auth={"token": "wrong"}):
            pytest.fail("the server let a wrong token in")
    assert (
        str(caught.value) == f"cannot connect to {upstream.url}: the server refused: the token is not valid"
    )


async def test_a_namespace_of_its_own_can_be_joined(upstream):
    async with open_client(upstream.url, namespace="/side") as client:
        assert await client.call("echo", b"\x07") == ("side", b"\x07")


async def test_a_namespace_that_does_not_exist_is_a_refusal(upstream):
    with pytest.raises(ConnectFailed, match="the server refused: Unable to connect"):
        async with open_client(upstream.url, namespace="/nowhere"):
            pytest.fail("the server let an unknown namespace in")


async def test_a_message_larger_than_the_server_takes_is_not_sent_and_the_connection_goes_on(upstream):
    async with open_client(upstream.url) as client:
        with pytest.raises(MessageTooLarge, match="20000001 bytes is too large: the server takes 20000000"):
            await client.emit("note", bytes(20_000_001))
        assert await client.call("echo", 1) == 1


@pytest.mark.parametrize("name", ["connect", "disconnect", "connect_error"])
async def test_reserved_names_are_not_sent(upstream, name):
    async with open_client(upstream.url) as client:
        with pytest.raises(ValueError, match="no event that may be sent"):
            await client.emit(name)


async def test_what_is_not_json_is_the_callers_mistake_and_the_connection_goes_on(upstream):
    async with open_client(upstream.url) as client:
        with pytest.raises(TypeError):
            await client.emit("note", object())
        assert await client.call("echo", 1) == 1


async def test_the_servers_goodbye_ends_the_events_quietly_and_later_emits_loudly(upstream):
    async with open_client(upstream.url) as client:
        await client.emit("leave")
        assert [event.args async for event in client.events] == [("goodbye",)]
        assert client.closed
        with pytest.raises(ConnectionLost, match="the server closed the connection"):
            await client.emit("note")
        with pytest.raises(ConnectionLost):
            await client.call("echo")


async def test_leaving_tells_the_server_at_once_and_ends_the_events(upstream):
    upstream.sio.heard.clear()
    async with open_client(upstream.url) as client:
        sid = client.sid
    with trio.fail_after(2):
        while not any(name == "disconnect" for name, _ in upstream.sio.heard):
            await upstream.run(_nothing)  # a turn of the server's loop
    (left,) = [what for name, what in upstream.sio.heard if name == "disconnect"]
    assert left == {"sid": sid, "reason": "client disconnect"}
    assert [event async for event in client.events] == []
    with pytest.raises(ConnectionLost, match="is closed"):
        await client.emit("note")


async def _nothing(_) -> None:
    await asyncio.sleep(0.001)
