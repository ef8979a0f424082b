"""Losing a connection and making the next: when, when not, and what the application sees."""

from contextlib import suppress

import pytest
import trio
import trio.testing
from client_peer import OPEN, Peer, dials_in_memory, encode
from trio.testing import lockstep_stream_pair

from sts_actors.client import (
    ConnectFailed,
    ConnectionLost,
    Disconnected,
    Event,
    NoAnswer,
    Reconnect,
    Reconnected,
    open_client,
)

STEADY = Reconnect(jitter=0)
URL = "http://peer.example"


async def stay(peer: Peer) -> None:
    """Join the client and keep quiet."""
    await peer.welcome("stays")
    await peer.part()


async def cut(peer: Peer) -> None:
    """Join the client and hang up."""
    await peer.welcome("cut")


def one_after_another(*scripts):
    """Each dial its script; the last one for all that follow."""
    return lambda number: scripts[min(number, len(scripts) - 1)]


async def reason_at_the_end(client) -> str:
    # Of virtual time: a client that dials for ever must fail its test, not hang it.
    with trio.fail_after(300), pytest.raises(ConnectionLost) as caught:
        async for _ in client.events:
            pass
    return caught.value.reason


async def test_events_go_on_over_the_next_connection_and_tell_of_the_change(autojump_clock, monkeypatch):
    def teller(number: int):
        async def script(peer: Peer) -> None:
            await peer.welcome(f"sid-{number}")
            await peer.event("first", number)
            await peer.event("second", number)
            if number == 2:
                await peer.part()

        return script

    async with (
        dials_in_memory(teller, monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        assert client.sid == "sid-0"
        got = [await anext(client.events) for _ in range(10)]
        assert client.connected
        assert client.sid == "sid-2"
    told = f"connection to {URL} lost: the server went away without a goodbye"
    assert got == [
        Event(name="first", args=(0,)),
        Event(name="second", args=(0,)),
        Disconnected(reason=told),
        Reconnected(sid="sid-1"),
        Event(name="first", args=(1,)),
        Event(name="second", args=(1,)),
        Disconnected(reason=told),
        Reconnected(sid="sid-2"),
        Event(name="first", args=(2,)),
        Event(name="second", args=(2,)),
    ]
    assert [event.connection for event in got] == [1, 1, 1, 2, 2, 2, 2, 3, 3, 3]
    assert [event async for event in client.events] == []


async def test_an_event_of_the_server_that_is_named_like_a_notice_is_none(autojump_clock, monkeypatch):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.event("disconnect", "not really")
        await peer.part()

    async with (
        dials_in_memory(lambda _: script, monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        event = await anext(client.events)
        assert event == Event(name="disconnect", args=("not really",))
        assert not isinstance(event, Disconnected)


async def fall_silent(peer: Peer) -> None:
    await peer.drain()


async def hang_up_at_once(_: Peer) -> None:
    await trio.lowlevel.checkpoint()


AGAIN = {
    "a hang-up": hang_up_at_once,
    "a hang-up in the middle of a frame": lambda peer: peer.stream.send_all(
        encode(1, b'42["half', length=1000)
    ),
    "a WebSocket closed as it should": lambda peer: peer.close(),
    "a server that is shutting down": lambda peer: peer.close(1001),
    "a goodbye of Engine.IO": lambda peer: peer.text("1"),
    "nonsense": lambda peer: peer.text("9"),
    "silence": fall_silent,
}


@pytest.mark.parametrize("case", AGAIN)
async def test_a_connection_that_was_lost_is_made_again(autojump_clock, monkeypatch, case):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await AGAIN[case](peer)

    async with (
        dials_in_memory(one_after_another(script, stay), monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        assert isinstance(await anext(client.events), Disconnected)
        assert not client.connected
        assert not client.closed
        assert await anext(client.events) == Reconnected(sid="stays")


NOT_AGAIN = {
    "a disconnect from the namespace": ("41", None),
    "a late refusal": ('44"no"', f"connection to {URL} lost: the server refused: no"),
}


@pytest.mark.parametrize("case", NOT_AGAIN)
async def test_a_server_that_shows_the_door_is_not_dialled_again(autojump_clock, monkeypatch, case):
    frame, lost = NOT_AGAIN[case]

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.event("last")
        await peer.text(frame)
        await peer.drain()

    async with dials_in_memory(lambda _: script, monkeypatch) as dials:
        async with open_client(dials.url, reconnect=STEADY) as client:
            assert (await anext(client.events)).name == "last"
            if lost is None:
                with trio.fail_after(300):
                    assert [event async for event in client.events] == []
            else:
                assert await reason_at_the_end(client) == lost
            assert client.closed
            with pytest.raises(ConnectionLost, match="closed the connection" if lost is None else lost):
                await client.emit("note")
            await trio.sleep(60)
        assert len(dials.times) == 1


JOINING = {
    "a refusal": ('44{"message":"token expired"}', "the server refused: token expired"),
    "a disconnect": ("41", "the server closed the connection"),
}


@pytest.mark.parametrize("case", JOINING)
async def test_a_server_that_does_not_let_the_client_in_again_ends_it(autojump_clock, monkeypatch, case):
    frame, why = JOINING[case]

    async def refuse(peer: Peer) -> None:
        await peer.accept()
        await peer.text('0{"sid":"x","pingInterval":25000,"pingTimeout":10000}')
        assert await peer.frame() == "40"
        await peer.text(frame)
        await peer.drain()

    async with dials_in_memory(one_after_another(cut, None, refuse), monkeypatch) as dials:
        async with open_client(dials.url, reconnect=STEADY) as client:
            assert isinstance(await anext(client.events), Disconnected)
            lost = f"connection to {URL} lost: the server went away without a goodbye"
            assert await reason_at_the_end(client) == f"{lost}; then dialled in vain: {why}"
            assert client.closed
            with pytest.raises(ConnectionLost, match=why):
                await client.emit("note")
            await trio.sleep(60)
        assert len(dials.times) == 3


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"max_buffered_events": 10}, "10 events wait unread"),
        ({"max_buffered_bytes": 10_200}, "10170 bytes of events wait unread"),
    ],
)
async def test_a_consumer_that_fell_behind_is_not_given_another_connection_to_fall_behind_on(
    autojump_clock, monkeypatch, limits, why
):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        for number in range(30):
            await peer.event("flood", 10 + number, "x" * 1000)
        await peer.drain()

    async with dials_in_memory(lambda _: script, monkeypatch) as dials:
        async with open_client(dials.url, reconnect=STEADY, **limits) as client:
            with trio.fail_after(300):
                await client.wait_closed()
            assert [(await anext(client.events)).args[0] for _ in range(10)] == list(range(10, 20))
            assert why in await reason_at_the_end(client)
            await trio.sleep(60)
        assert len(dials.times) == 1


@pytest.mark.parametrize("bound", [3, 4])
async def test_notices_that_nobody_reads_are_bounded_as_events_are(autojump_clock, monkeypatch, bound):
    async with dials_in_memory(lambda _: cut, monkeypatch) as dials:
        async with open_client(dials.url, reconnect=STEADY, max_buffered_events=bound) as client:
            await client.wait_closed()
            got = [type(await anext(client.events)) for _ in range(bound)]
            assert got == [Disconnected, Reconnected, Disconnected, Reconnected][:bound]
            assert f"{bound} events wait unread" in await reason_at_the_end(client)
            with pytest.raises(ConnectionLost, match=f"{bound} events wait unread"):
                await client.emit("note")
        # The third connection is made, where there is room for the notice of the second's end alone.
        assert len(dials.times) == 3


async def test_the_waits_grow_while_nobody_answers_and_begin_again_after_a_connection(
    autojump_clock, monkeypatch
):
    script = one_after_another(cut, None, None, None, None, None, cut, None, stay)
    async with (
        dials_in_memory(script, monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        kinds = [type(await anext(client.events)) for _ in range(4)]
        assert kinds == [Disconnected, Reconnected] * 2
        waits = [later - sooner for sooner, later in zip(dials.times, dials.times[1:], strict=False)]
        assert waits == pytest.approx([1, 2, 4, 5, 5, 5, 1, 2])


async def test_the_waits_are_spread_by_chance(autojump_clock, monkeypatch):
    async with (
        dials_in_memory(lambda _: cut, monkeypatch) as dials,
        open_client(dials.url, reconnect=Reconnect()) as client,
    ):
        while len(dials.times) < 21:
            await anext(client.events)
        waits = [later - sooner for sooner, later in zip(dials.times, dials.times[1:], strict=False)]
        assert all(0.5 <= wait <= 1.5 for wait in waits)
        assert len({round(wait, 3) for wait in waits}) > 10


async def test_after_so_many_failed_tries_in_a_row_the_client_ends(autojump_clock, monkeypatch):
    policy = Reconnect(attempts=3, jitter=0)
    answers = one_after_another(cut, None, None, cut, None)
    async with dials_in_memory(answers, monkeypatch) as dials:
        async with open_client(dials.url, reconnect=policy) as client:
            kinds = [type(await anext(client.events)) for _ in range(3)]
            assert kinds == [Disconnected, Reconnected, Disconnected]
            reason = await reason_at_the_end(client)
            assert reason.endswith("then dialled in vain: connection refused; is the server running there?")
            assert client.closed
            with pytest.raises(ConnectionLost, match="dialled in vain"):
                await client.call("echo")
        assert len(dials.times) == 7


async def test_the_first_connection_is_tried_once(autojump_clock, monkeypatch):
    async with dials_in_memory(lambda _: None, monkeypatch) as dials:
        with pytest.raises(ConnectFailed, match="connection refused"):
            async with open_client(dials.url, reconnect=STEADY):
                pytest.fail("it connected")
        assert len(dials.times) == 1


async def hang_up_after_the_request(peer: Peer) -> None:
    await peer.read_request()


async def hang_up_within_the_answer(peer: Peer) -> None:
    await peer.read_request()
    await peer.stream.send_all(b"HTTP/1.1 101 Swit")


async def hang_up_after_http(peer: Peer) -> None:
    await peer.accept()


async def hang_up_after_open(peer: Peer) -> None:
    await peer.accept()
    await peer.text('0{"sid":"x","pingInterval":25000,"pingTimeout":10000}')


async def hang_up_for_an_answer(peer: Peer) -> None:
    await hang_up_after_open(peer)
    await peer.frame()


async def never_answer(peer: Peer) -> None:
    await peer.read_request()
    await peer.drain()


async def never_join(peer: Peer) -> None:
    await hang_up_after_open(peer)
    await peer.drain()


VANISHING = [
    hang_up_at_once,
    hang_up_after_the_request,
    hang_up_within_the_answer,
    hang_up_after_http,
    hang_up_after_open,
    hang_up_for_an_answer,
    never_answer,
    never_join,
]


@pytest.mark.parametrize("vanish", VANISHING)
async def test_a_server_that_vanishes_in_the_handshake_is_dialled_again(autojump_clock, monkeypatch, vanish):
    async with (
        dials_in_memory(one_after_another(cut, vanish, vanish, stay), monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY, connect_timeout_s=7) as client,
    ):
        assert isinstance(await anext(client.events), Disconnected)
        assert await anext(client.events) == Reconnected(sid="stays")
        silent_s = 7 if vanish in {never_answer, never_join} else 0
        assert dials.times == pytest.approx([0, 1, 3 + silent_s, 7 + 2 * silent_s])
        assert dials.standing == 1


async def test_the_same_headers_namespace_and_auth_go_to_every_server(autojump_clock, monkeypatch):
    heard = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        assert b"X-Worker-ID: w-7" in peer.request
        await peer.text("0" + '{"sid":"x","pingInterval":25000,"pingTimeout":10000}')
        heard.append(await peer.frame())
        await peer.text('40/side,{"sid":"again"}')

    async with (
        dials_in_memory(lambda _: script, monkeypatch) as dials,
        open_client(
            dials.url,
            auth={"token": "t"},
            headers={"X-Worker-ID": "w-7"},
            namespace="/side",
            reconnect=STEADY,
        ) as client,
    ):
        for _ in range(4):
            await anext(client.events)
    assert heard[:3] == ['40/side,{"token":"t"}'] * 3


async def test_an_emit_in_an_outage_goes_out_over_the_next_connection(autojump_clock, monkeypatch):
    frames = []

    async def hear(peer: Peer) -> None:
        await peer.welcome()
        frames.append(await peer.frame())
        frames.append(await peer.frame())
        await peer.part()

    async with (
        dials_in_memory(one_after_another(cut, None, hear), monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        assert isinstance(await anext(client.events), Disconnected)
        await client.emit("one")
        assert trio.current_time() == pytest.approx(3)
        await client.emit("two")
    assert frames == ['42["one"]', '42["two"]']


@pytest.mark.parametrize("patience_s", [0, 2.5, 10])
async def test_an_emit_in_a_long_outage_is_lost_when_its_patience_is_over(
    autojump_clock, monkeypatch, patience_s
):
    policy = Reconnect(patience_s=patience_s)
    async with (
        dials_in_memory(one_after_another(cut, None), monkeypatch) as dials,
        open_client(dials.url, reconnect=policy) as client,
    ):
        assert isinstance(await anext(client.events), Disconnected)
        for use in (client.emit("note"), client.call("echo"), client.link()):
            started = trio.current_time()
            with pytest.raises(ConnectionLost, match="is being dialled again"):
                await use
            assert trio.current_time() - started == pytest.approx(patience_s)


async def test_an_emit_that_waits_for_a_connection_learns_that_there_will_be_none(
    autojump_clock, monkeypatch
):
    policy = Reconnect(attempts=2, jitter=0)
    async with (
        dials_in_memory(one_after_another(cut, None), monkeypatch) as dials,
        open_client(dials.url, reconnect=policy) as client,
    ):
        assert isinstance(await anext(client.events), Disconnected)
        with pytest.raises(ConnectionLost, match="dialled in vain"):
            await client.emit("note")
        assert trio.current_time() == pytest.approx(3)


async def test_a_call_in_flight_is_lost_with_its_connection_and_not_sent_again(autojump_clock, monkeypatch):
    frames = []

    async def hang_up_on_it(peer: Peer) -> None:
        await peer.welcome()
        frames.append(await peer.frame())

    async def hear(peer: Peer) -> None:
        await peer.welcome()
        frames.append(await peer.frame())
        await peer.text('431["right"]')
        await peer.part()

    async with (
        dials_in_memory(one_after_another(hang_up_on_it, hear), monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        with pytest.raises(ConnectionLost, match="went away without a goodbye"):
            await client.call("pay", 100)
        assert await client.call("ask") == "right"
    assert frames == ['421["pay",100]', '421["ask"]']


async def test_emits_that_their_connection_did_not_outlive_are_lost_and_not_sent_again(
    autojump_clock, monkeypatch
):
    lost, frames = [], []

    async def hang_up_on_them(peer: Peer) -> None:
        await peer.welcome()
        await trio.sleep(1)  # reads nothing: one message is half-way, the others wait for their turn

    async def hear(peer: Peer) -> None:
        await peer.welcome()
        frames.append(await peer.frame())
        await peer.part()

    async def emit(client, number: int) -> None:
        with pytest.raises(ConnectionLost):
            await client.emit("note", number)
        lost.append(number)

    async with (
        dials_in_memory(one_after_another(hang_up_on_them, hear), monkeypatch, lockstep_stream_pair) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(emit, client, number)
        await client.emit("fresh")
    assert sorted(lost) == [0, 1, 2]
    assert frames == ['42["fresh"]']


@pytest.mark.parametrize(("answer_s", "answered"), [(0.9, True), (1.1, False)])
async def test_the_deadline_of_a_call_counts_the_wait_for_a_connection(
    autojump_clock, monkeypatch, answer_s, answered
):
    async def slow(peer: Peer) -> None:
        await peer.welcome()
        assert await peer.frame() == '421["slow"]'
        await trio.sleep(answer_s)
        await peer.text('431["done"]')
        await peer.part()

    async with (
        dials_in_memory(one_after_another(cut, slow), monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        assert isinstance(await anext(client.events), Disconnected)
        if answered:
            assert await client.call("slow", timeout_s=2) == "done"
            return
        with pytest.raises(NoAnswer, match="slow within 2 s"):
            await client.call("slow", timeout_s=2)
        assert trio.current_time() == pytest.approx(2)


async def test_a_call_whose_time_is_up_before_there_is_a_connection_is_lost(autojump_clock, monkeypatch):
    async with (
        dials_in_memory(one_after_another(cut, None), monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        assert isinstance(await anext(client.events), Disconnected)
        with pytest.raises(ConnectionLost, match="is being dialled again"):
            await client.call("echo", timeout_s=0.5)
        assert trio.current_time() == pytest.approx(0.5)


async def test_the_question_of_a_lost_connection_is_not_answered_to_the_next(autojump_clock, monkeypatch):
    frames = []

    async def ask(peer: Peer) -> None:
        await peer.welcome()
        await peer.text('427["old question"]')

    async def ask_else(peer: Peer) -> None:
        await peer.welcome()
        await peer.text('427["new question"]')
        frames.append(await peer.frame())
        await peer.part()

    async with (
        dials_in_memory(one_after_another(ask, ask_else), monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        old = await anext(client.events)
        assert isinstance(await anext(client.events), Disconnected)
        with pytest.raises(ConnectionLost, match="went away"):
            await client.acknowledge(old, "late")  # in the outage
        assert isinstance(await anext(client.events), Reconnected)
        new = await anext(client.events)
        assert old.ack_id == new.ack_id
        with pytest.raises(ConnectionLost, match="the connection that asked old question has gone"):
            await client.acknowledge(old, "late")  # and after it
        await client.acknowledge(new, "right")
    assert frames == ['437["right"]']


async def test_a_link_talks_over_its_own_connection_and_no_other(autojump_clock, monkeypatch):
    frames = []

    async def hear(peer: Peer) -> None:
        await peer.welcome("second")
        frames.append(await peer.frame())
        await peer.part()

    async with (
        dials_in_memory(one_after_another(cut, hear), monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        first = await client.link()
        await first.wait_closed()
        second = await client.link()
        assert (first.number, first.sid, first.closed) == (1, "cut", True)
        assert (second.number, second.sid, second.closed) == (2, "second", False)
        with pytest.raises(ConnectionLost, match="went away"):
            await first.emit("stale")
        with pytest.raises(ConnectionLost, match="went away"):
            await first.call("stale")
        await second.emit("fresh")
    assert frames == ['42["fresh"]']


@pytest.mark.parametrize("moment_s", [0.5, 1.0, 1.5], ids=["waiting", "dialling", "shaking hands"])
@pytest.mark.parametrize("manner", ["leaving", "raising", "cancelled"])
async def test_left_in_an_outage_the_client_is_gone_at_once_and_nothing_stays(
    autojump_clock, monkeypatch, moment_s, manner
):
    async def script(peer: Peer) -> None:
        await peer.drain()

    async with dials_in_memory(one_after_another(cut, script), monkeypatch) as dials:
        with suppress(KeyError), trio.CancelScope() as scope:
            async with open_client(dials.url, reconnect=STEADY) as client:
                await trio.sleep(moment_s)
                if manner == "raising":
                    raise KeyError("mine")
                if manner == "cancelled":
                    scope.cancel()
                    await trio.lowlevel.checkpoint()
        assert trio.current_time() == pytest.approx(moment_s)
        assert isinstance(await anext(client.events), Disconnected)
        assert [event async for event in client.events] == []
        for use in (client.emit("note"), client.call("echo"), client.link()):
            with pytest.raises(ConnectionLost, match="is closed"):
                await use
        assert trio.current_time() == pytest.approx(moment_s)
        await trio.testing.wait_all_tasks_blocked()
        assert dials.standing == 0
        await trio.sleep(60)
        assert len(dials.times) <= 2


async def test_left_while_the_lost_connection_still_says_goodbye_no_other_is_made(
    autojump_clock, monkeypatch
):
    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.text("1")
        await peer.drain()  # and never answers the close frame

    async with dials_in_memory(lambda _: script, monkeypatch) as dials:
        async with open_client(dials.url, reconnect=STEADY) as client:
            assert isinstance(await anext(client.events), Disconnected)
            await trio.sleep(0.5)
        assert client.closed
        await trio.sleep(60)
        assert len(dials.times) == 1


async def test_leaving_a_second_connection_says_goodbye_to_it(autojump_clock, monkeypatch):
    said = []

    async def listen(peer: Peer) -> None:
        await peer.welcome()
        said.append(await peer.frame())
        await peer.part()

    async with dials_in_memory(one_after_another(cut, listen), monkeypatch) as dials:
        async with open_client(dials.url, reconnect=STEADY) as client:
            await anext(client.events)
            await anext(client.events)
        await trio.testing.wait_all_tasks_blocked()
        assert dials.standing == 0
    assert said == ["41"]


async def test_the_bounds_of_the_server_last_met_are_the_ones_that_count(autojump_clock, monkeypatch):
    async def small(peer: Peer) -> None:
        await peer.welcome(maxPayload=100)
        await trio.sleep(1)

    async def large(peer: Peer) -> None:
        await peer.welcome(maxPayload=OPEN["maxPayload"])
        await peer.part()

    from sts_actors.client import MessageTooLarge

    async with (
        dials_in_memory(one_after_another(small, large), monkeypatch) as dials,
        open_client(dials.url, reconnect=STEADY) as client,
    ):
        with pytest.raises(MessageTooLarge):
            await client.emit("note", "x" * 200)
        assert isinstance(await anext(client.events), Disconnected)
        await client.emit("note", "x" * 200)
