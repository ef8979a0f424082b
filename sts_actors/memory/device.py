"""What memory there is now: the machine's and the GPUs'."""

from collections.abc import Awaitable, Callable, Mapping

import attrs
import trio

from sts_actors.memory.cuda import cuda_memory
from sts_actors.memory.host import DeviceMemory, host_memory


@attrs.frozen
class Reading:
    """One look: devices, the machine's own memory among them as `cpu`; `held` is GPU memory by process id."""

    devices: tuple[DeviceMemory, ...] = ()
    held: Mapping[int, int] = attrs.field(factory=dict)

    def of(self, device: str) -> DeviceMemory | None:
        """That device's, or None where it cannot be seen."""
        return next((memory for memory in self.devices if memory.device == device), None)

    @property
    def gpus(self) -> tuple[DeviceMemory, ...]:
        """The CUDA ones."""
        return tuple(memory for memory in self.devices if memory.device != "cpu")


ReadMemory = Callable[[], Awaitable[Reading]]
"""How memory is looked at; tests have figures of their own."""


def read_memory() -> Reading:
    """Look. Blocks: call it in a thread."""
    host = host_memory()
    gpus, held = cuda_memory()
    return Reading((*(() if host is None else (host,)), *gpus), held)


async def look() -> Reading:
    """Look, off the loop."""
    return await trio.to_thread.run_sync(read_memory, abandon_on_cancel=True)
