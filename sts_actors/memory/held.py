"""What the models hold, each in its own process."""

from collections.abc import Mapping

from sts_actors.errors import Stage
from sts_actors.memory.device import Reading
from sts_actors.memory.host import resident_bytes


def held_by_models(processes: Mapping[Stage, int], reading: Reading) -> dict[tuple[Stage, str], int]:
    """Bytes by stage and kind, `host` or `gpu`; one that has no process, or cannot be seen, is left out.

    The machine's own memory is read now, the GPU's is that of `reading`.
    """
    found = {}
    for stage, process in processes.items():
        for kind, held in (("host", resident_bytes(process)), ("gpu", reading.held.get(process))):
            if held is not None:
                found[stage, kind] = held
    return found
