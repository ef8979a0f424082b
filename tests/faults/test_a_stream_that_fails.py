"""A stream whose actor never stops failing is told so, and closed; its neighbour notices nothing."""

import pytest
import trio
from running import QUICK, dub, dubbing, marked, running, who_speaks

from sts_actors.actors import languages as languages_module
from sts_actors.client import Processed, ServerErrorEvent
from sts_actors.client.answers import Complete

DOOMED = "doomed"


@pytest.fixture
def doomed(monkeypatch):
    """Translation fails at every fragment of the stream of that name, as a bug of ours would."""
    translation = languages_module.translation

    async def failing(inbox, outbox, translator, *args, **kwargs):
        config, *_ = args
        if config.stream_id != DOOMED:
            await translation(inbox, outbox, translator, *args, **kwargs)
            return

        async def broken(request, *, stream, deadline):
            raise ZeroDivisionError("a bug")

        await translation(inbox, outbox, broken, *args, **kwargs)

    monkeypatch.setattr(languages_module, "translation", failing)


async def test_a_bug_restarts_its_actor_then_ends_its_stream_and_no_other(doomed, caplog):
    async with running(**QUICK) as service, trio.open_nursery() as nursery:
        told, heard = [], []

        async def unlucky():
            async with dubbing(service, stream_id=DOOMED) as stream:
                for fragment in range(6):
                    await stream.send_fragment(fragment, marked(1, fragment), 1000)
                told.extend([event async for event in stream.events])

        async def neighbour():
            async with dubbing(service) as stream:
                heard.extend(await dub(stream, 2, 20))

        nursery.start_soon(unlucky)
        nursery.start_soon(neighbour)

    failures = [event for event in told if isinstance(event, Processed)]
    # Three restarts are allowed: as many fragments fail alone, one after the other.
    assert [event.error.code for event in failures[:3]] == ["UNKNOWN_ERROR"] * 3
    assert "a bug" not in {event.error.message for event in failures}
    (fault,) = [event for event in told if isinstance(event, ServerErrorEvent)]
    assert fault.code == "UNKNOWN_ERROR"
    assert isinstance(told[-1], Complete)
    assert [who_speaks(answer.audio) for answer in heard] == [(2, fragment) for fragment in range(20)]
    restarts = [record for record in caplog.records if "is started anew" in record.message]
    assert len(restarts) == 3
