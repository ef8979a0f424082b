"""The example that has nothing to do with speech does what it says."""

import runpy
from functools import partial
from pathlib import Path

import pytest
import trio

from sts_actors.client import ConnectFailed, open_client
from sts_actors.gateway import serve

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "bidding.py"


async def test_the_auction_of_the_documentation_takes_bids_and_tells_the_others() -> None:
    server = runpy.run_path(str(EXAMPLE))["server"]
    async with trio.open_nursery() as nursery:
        (host, port), *_ = await nursery.start(partial(serve, server, "127.0.0.1", 0))
        url = f"http://{host}:{port}"
        with pytest.raises(ConnectFailed, match="who are you"):
            async with open_client(url):
                raise AssertionError("nobody is let in without a name")
        async with (
            open_client(url, auth={"name": "Ada"}) as ada,
            open_client(url, auth={"name": "Bo"}) as bo,
        ):
            assert await ada.call("bid", 10, timeout_s=5) == {"accepted": True, "bid": 10, "by": "Ada"}
            told = await anext(bo.events)
            assert (told.name, told.args) == ("outbid", ({"bid": 10, "by": "Ada"},))
            assert await bo.call("bid", 7, timeout_s=5) == {"accepted": False, "bid": 10, "by": "Ada"}
        nursery.cancel_scope.cancel()


def test_the_example_is_twenty_lines_short() -> None:
    lines = [line for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(lines) <= 21  # its docstring besides
