"""`/metrics` stays as small as it is, however many streams there are."""

import re
from contextlib import AsyncExitStack

import trio
from running import QUICK, dubbing, http_get, marked, running

from sts_actors.client import Processed

STREAMS = 200


async def one_answer(stream):
    await stream.send_fragment(0, marked(1, 0), 1000)
    async for event in stream.events:
        if isinstance(event, Processed):
            return


async def test_200_streams_take_less_than_60_kb_and_none_is_named():
    # The limit is outermost: what is entered on the stack outlives a block inside.
    with trio.fail_after(120):
        async with running(**QUICK, max_concurrent_streams=STREAMS) as service, AsyncExitStack() as stack:
            streams = [
                await stack.enter_async_context(dubbing(service, stream_id=f"match-{number}", verify=0.5))
                for number in range(STREAMS)
            ]
            async with trio.open_nursery() as nursery:
                for stream in streams:
                    nursery.start_soon(one_answer, stream)
            status, body = await http_get(service, "/metrics")
    text = body.decode()
    assert status == 200
    assert f"sts_streams {STREAMS}.0\n" in text
    assert f"sts_capacity_streams {STREAMS}.0\n" in text
    assert f'sts_fragments_total{{outcome="success"}} {STREAMS}.0\n' in text
    assert len(body) <= 60_000
    assert "match-" not in text
    # No label has more values than there are kinds of task.
    values = {}
    for label, value in re.findall(r'(\w+)="([^"]*)"', text):
        values.setdefault(label, set()).add(value)
    assert max(map(len, values.values())) <= 65
