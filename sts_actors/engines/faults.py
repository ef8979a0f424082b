"""What a model library's exceptions mean to a worker. Pure: no library is imported to be asked."""

from sts_actors.errors import EngineError, ErrorCode

_MEMORY = ("out of memory", "failed to allocate memory", "bad_alloc")
"""How CUDA, the libraries above it and the C++ allocator say it; each with a type of its own, or none."""


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory has run out, the device's or the machine's: the same request may well succeed later."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return any(words in text for words in _MEMORY)


def as_engine_error(error: Exception, code: ErrorCode, what: str) -> EngineError:
    """`error` as the answer to one request: `GPU_OOM` where memory has run out, else `code`.

    Args:
        error: out of the library.
        code: the stage's own.
        what: was being done, for the message: `recognition`.
    """
    if is_out_of_memory(error):
        return EngineError(ErrorCode.GPU_OOM, f"{what} ran out of memory")
    return EngineError(code, f"{what} failed: {error if str(error) else type(error).__name__}")
