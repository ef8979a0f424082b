from collections.abc import Iterator

import pytest
from client_upstream import Upstream, equip


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    """The reference server with its default, patient pings."""
    with Upstream(equip) as server:
        yield server
