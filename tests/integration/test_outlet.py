"""What must arrive, over connections that come and go: the corners that random schedules seldom reach."""

import trio
from desk import open_desk
from resuming_worker import INIT
from running import marked
from trio.testing import wait_all_tasks_blocked

from sts_actors.audio.codecs import encode
from sts_actors.outlet import Kept
from sts_actors.wire.retained import COUNT_MAX, Retained


class Server:
    """Takes nothing for a connection that is `stuck`."""

    def __init__(self, stuck):
        self.stuck = stuck
        self.taken = []

    async def emit(self, event, payload, to):
        await trio.lowlevel.checkpoint()
        if to == self.stuck:
            await trio.sleep_forever()
        self.taken.append((to, event, payload["result_number"]))


async def test_what_a_stuck_connection_was_being_told_is_told_to_the_next() -> None:
    server = Server("old")
    outlet = Kept(server, "old", Retained(size_max=1000))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outlet.pump)
        nursery.start_soon(lambda: outlet.tell("fragment:processed", {}, size=1))
        await wait_all_tasks_blocked()
        assert outlet.claim("new") == "old"
        assert outlet.attach("new", 0)  # at once: the pump has not run in between
        await wait_all_tasks_blocked()
        assert server.taken == [("new", "fragment:processed", 1)]
        nursery.cancel_scope.cancel()


async def test_only_who_has_the_session_can_leave_it_or_be_attached() -> None:
    outlet = Kept(Server(""), "old", Retained(size_max=1000))
    outlet.claim("new")
    outlet.claim("newest")
    assert not outlet.attach("new", 0)
    assert not outlet.detach("old")
    assert outlet.attach("newest", 0)
    assert not outlet.detach("new")
    assert outlet.sid == "newest"
    assert outlet.detach("newest")
    assert outlet.sid is None


async def test_a_fragment_whose_dub_is_being_encoded_is_still_named_as_unanswered(autojump_clock) -> None:
    async with open_desk() as desk:
        socket = await desk.connect()
        encoding, go_on = trio.Event(), trio.Event()

        async def slow(work, *args):
            await trio.lowlevel.checkpoint()
            if work is encode:
                encoding.set()
                await go_on.wait()
            return work(*args)

        desk.dubbing.compute = slow
        socket.send("stream:init", INIT)
        token = (await socket.next_named("stream:ready"))["resume_token"]
        audio = marked(1, 1)
        socket.send("fragment:data", {"fragment_id": "f", "sequence_number": 0, "audio": audio})
        await encoding.wait()
        socket.cut()
        socket = await desk.connect()
        socket.send("stream:resume_session", {"resume_token": token, "last_result_number": 0})
        resumed = await socket.next_named("stream:resumed")
        assert resumed["unanswered"] == [{"fragment_id": "f", "sequence_number": 0}]
        go_on.set()
        assert (await socket.next_named("fragment:processed"))["fragment_id"] == "f"


async def test_of_a_fragment_in_several_languages_each_that_was_not_taken_is_named(autojump_clock) -> None:
    async with open_desk() as desk:
        socket = await desk.connect()
        socket.send("stream:init", {**INIT, "target_languages": ["pt", "es", "fr"]})
        token = (await socket.next_named("stream:ready"))["resume_token"]
        socket.send("fragment:data", {"fragment_id": "f", "sequence_number": 0, "audio": marked(1, 1)})
        await socket.next_named("fragment:ack")
        socket.fall_silent(full=True)
        await trio.sleep(5)  # the first language is on its way, and does not get through
        socket = await desk.connect()
        socket.send("stream:resume_session", {"resume_token": token, "last_result_number": 0})
        resumed = await socket.next_named("stream:resumed")
        named = [entry.get("target_language") for entry in resumed["unanswered"]]
        assert named == ["pt", "es", "fr"]
        told = [(await socket.next_named("fragment:processed"))["target_language"] for _ in named]
        assert told == named


def test_small_tellings_are_bounded_by_their_number() -> None:
    retained = Retained(size_max=10**9)
    for _ in range(COUNT_MAX + 5):
        retained.add("fragment:processed", {}, 1)
    assert (len(retained), retained.lost_after(0)) == (COUNT_MAX, 5)


def test_the_newest_is_kept_whatever_its_size() -> None:
    retained = Retained(size_max=10)
    retained.add("a", {}, 5)
    retained.add("b", {}, 50)
    assert [telling.event for telling in retained] == ["b"]
    assert retained.size == 50
