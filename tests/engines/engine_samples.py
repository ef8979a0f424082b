"""Engines that worker processes of the tests build."""

import os

from sts_actors.engines.ports import EngineInfo
from sts_actors.errors import EngineError, ErrorCode


class Parrot:
    """Repeats; refuses "bad"; dies of "die"."""

    info = EngineInfo(name="parrot", languages=("en",))

    def run(self, batch):
        if "die" in batch:
            os._exit(7)
        return [EngineError(ErrorCode.ASR_FAILED, "no") if item == "bad" else item for item in batch]


def load(name):
    """A parrot, whatever its name."""
    assert name == "polly"
    return Parrot()


def load_nothing():
    """Something that is no engine."""
    return object()


def load_and_die():
    """Nothing: the process is gone."""
    os._exit(9)


def load_named_by(variable):
    """A parrot that is called what a variable says to its process."""
    parrot = Parrot()
    parrot.info = EngineInfo(name=os.environ.get(variable, "nobody"), languages=("en",))
    return parrot
