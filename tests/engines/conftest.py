import pytest


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory):
    """A folder with a tiny XTTS checkpoint; not to be written to."""
    from tiny_xtts import write_checkpoint

    return write_checkpoint(tmp_path_factory.mktemp("xtts") / "tiny")


@pytest.fixture(scope="session")
def greedy(tiny_checkpoint, tmp_path_factory):
    """The engine on it, which chooses the likeliest code each time."""
    from sts_actors.engines.xtts import XttsOptions, load

    options = XttsOptions(threads=1, temperature=0, guard=False)
    return load(tiny_checkpoint, tmp_path_factory.mktemp("voices"), options)
