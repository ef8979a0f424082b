"""What libraries say, told apart."""

import numpy as np
import pytest

from sts_actors.engines.faults import as_engine_error
from sts_actors.errors import ErrorCode


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError("CUDA failed with error out of memory"), ErrorCode.GPU_OOM),
        (RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"), ErrorCode.GPU_OOM),
        (
            RuntimeError("[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer"),
            ErrorCode.GPU_OOM,
        ),
        (RuntimeError("std::bad_alloc"), ErrorCode.GPU_OOM),
        (MemoryError(), ErrorCode.GPU_OOM),
        (ValueError("'xx' is not a valid language code"), ErrorCode.ASR_FAILED),
    ],
)
def test_want_of_memory_is_told_from_other_failures(error, code) -> None:
    failure = as_engine_error(error, ErrorCode.ASR_FAILED, "recognition")
    assert failure.code is code
    assert failure.retryable
    assert failure.message.startswith("recognition ")


def test_what_numpy_raises_for_want_of_memory_counts() -> None:
    with pytest.raises(MemoryError) as caught:
        np.empty(2**60, np.uint8)
    assert as_engine_error(caught.value, ErrorCode.ASR_FAILED, "x").code is ErrorCode.GPU_OOM
