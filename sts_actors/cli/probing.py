"""Asking what a Python of its own can import and see: a broken native library then breaks only that one."""

import os
import subprocess
import sys
from collections.abc import Sequence

import attrs
import orjson
import trio

from sts_actors.engines.process import UNREPORTED

PROBE_TIMEOUT_S = 60.0
"""Importing torch from a cold disk takes long; hanging is worse."""

_IMPORT = """
import importlib, json, sys
try:
    for name in sys.argv[1:]:
        importlib.import_module(name)
    answer = {}
except (Exception, SystemExit) as error:
    answer = {"error": f"{type(error).__name__}: {error}"}
print("\\n" + json.dumps(answer))
"""

_DEVICES = """
import importlib.util, json
found = {}
if importlib.util.find_spec("ctranslate2"):
    import ctranslate2
    found["ctranslate2"] = ctranslate2.get_cuda_device_count()
if importlib.util.find_spec("torch"):
    import torch
    found["torch"] = torch.cuda.device_count()
    found["names"] = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
print("\\n" + json.dumps(found))
"""


@attrs.frozen(kw_only=True)
class Devices:
    """CUDA devices that each library sees, by its name; `error` says why that could not be found out."""

    cuda: dict[str, int]
    names: tuple[str, ...] = ()
    error: str = ""


async def why_not_importable(modules: Sequence[str]) -> str:
    """Why a fresh Python cannot import these modules, in one line; "" when it can."""
    answer = await _ask(_IMPORT, modules)
    return str(answer.get("error", ""))


async def devices() -> Devices:
    """The GPUs that the model libraries see."""
    answer = dict(await _ask(_DEVICES, ()))
    error, names = str(answer.pop("error", "")), answer.pop("names", [])
    counts = {name: count for name, count in answer.items() if isinstance(count, int)}
    return Devices(cuda=counts, names=tuple(map(str, names if isinstance(names, list) else [])), error=error)


async def _ask(program: str, arguments: Sequence[str]) -> dict[str, object]:
    with trio.move_on_after(PROBE_TIMEOUT_S):
        done = await trio.run_process(
            [sys.executable, "-c", program, *arguments],
            capture_stdout=True,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **UNREPORTED},
            check=False,
        )
        try:
            # The last line: libraries greet on stdout as they like.
            answer = orjson.loads(done.stdout.rsplit(b"\n", 2)[-2])
        except (IndexError, orjson.JSONDecodeError):
            return {"error": f"the import ended Python with code {done.returncode}"}
        return answer if isinstance(answer, dict) else {}
    return {"error": f"the import took longer than {PROBE_TIMEOUT_S:.0f} s"}
