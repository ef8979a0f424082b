"""Messages over a pipe: a pickle, and beside it the raw buffers of its arrays, never copied into it.

A frame is the number of parts (4 bytes), the length of each (8 bytes, big endian), then the parts: the pickle
first, then its out-of-band buffers (PEP 574). Both sides trust each other: they are one program.
"""

import pickle
import struct
from collections.abc import Sequence
from typing import Any

COUNT = struct.Struct(">I")
LENGTH = struct.Struct(">Q")


def dump(message: object) -> list[memoryview]:
    """A message as the pieces to write, one after the other."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(head), *(buffer.raw() for buffer in buffers)]
    sizes = COUNT.pack(len(parts)) + b"".join(LENGTH.pack(part.nbytes) for part in parts)
    return [memoryview(sizes), *parts]


def load(parts: Sequence[bytearray]) -> Any:
    """A message from its parts; its arrays are backed by them."""
    return pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301 - from our own process


def count_parts(head: bytes | bytearray) -> int:
    """How many parts follow a frame's first `COUNT.size` bytes."""
    return int(COUNT.unpack(head)[0])


def part_sizes(sizes: bytes | bytearray) -> list[int]:
    """The parts' lengths in bytes."""
    return [size for (size,) in LENGTH.iter_unpack(sizes)]
