"""What a profile's models need of each device's memory, and whether it is there."""

import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import attrs

from sts_actors.config_files import read_config
from sts_actors.errors import ConfigError, Stage
from sts_actors.memory.device import Reading
from sts_actors.settings import Settings

MIB = 1024 * 1024

_FAMILIES = {"int8": "int8", "int16": "float16", "float16": "float16", "bfloat16": "float16"}
"""The types of the table by how those of CTranslate2 begin; any other is taken for the largest."""

_REMEDIES = {
    Stage.ASR: "a smaller ASR_MODEL_SIZE, ASR_COMPUTE_TYPE=int8, another ASR_DEVICE",
    Stage.TRANSLATION: "another TRANSLATION_ENGINE",
    Stage.TTS: "TTS_COMPUTE_TYPE=float16, fewer TTS_ITEMS_AT_ONCE, another TTS_DEVICE or TTS_ENGINE",
}

FolderSize = Callable[[str], int]
"""Bytes of the files of a model that is named by its folder; 0 where there is none."""


@attrs.frozen(kw_only=True)
class Need:
    """One model's, in MiB: `loading` is its highest point while it is loaded, never less than `steady`."""

    stage: Stage
    model: str
    device: str
    steady_mib: float
    loading_mib: float


def needs(settings: Settings, folder_size: FolderSize, *, cuda: bool) -> tuple[Need, ...]:
    """What the profile's models need; one that is not declared, or is no model of ours, is left out.

    Args:
        settings: whose models.
        folder_size: of a model that is a folder.
        cuda: whether there is a GPU, which `auto` goes by.
    """
    models = {
        Stage.ASR: (settings.asr_engine, settings.asr_model, settings.asr_compute_type, settings.asr_batch),
        Stage.TRANSLATION: (settings.translation_engine, "", "float32", settings.translation_batch),
        Stage.TTS: (settings.tts_engine, "", "float32", settings.tts_batch),
    }
    if settings.tts_engine == "xtts":
        its = settings
        models[Stage.TTS] = (its.tts_engine, its.tts_model, its.tts_compute_type, its.tts_items_at_once)
    devices = model_devices(settings, cuda=cuda)
    found = []
    for stage, (engine, model, compute_type, batch) in models.items():
        kind, family = devices[stage].partition(":")[0], _family(compute_type)
        figures = _figures(engine, model or engine, kind, family, folder_size)
        if figures is None:
            continue
        steady, loading, item = figures
        more = item * (batch - 1)
        name = engine if not model else f"{engine} {model} {compute_type}"
        found.append(
            Need(
                stage=stage,
                model=name,
                device=devices[stage],
                steady_mib=steady + more,
                loading_mib=max(loading, steady + more),
            )
        )
    return tuple(found)


def model_devices(settings: Settings, *, cuda: bool) -> dict[Stage, str]:
    """Where each stage's model runs: `cpu`, `cuda:0`, `cuda:1` …; arguments as of `needs`."""
    return {
        Stage.ASR: _device(settings.asr_device, cuda=cuda),
        Stage.TRANSLATION: "cpu",
        # Kokoro is loaded for the CPU whatever is asked for.
        Stage.TTS: "cpu" if settings.tts_engine == "kokoro" else _device(settings.tts_device, cuda=cuda),
    }


@attrs.frozen
class Shortage:
    """`fault` says what does not fit, with the figures; `remedy` what to change."""

    fault: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.fault}; {self.remedy}"


def shortage(its: Sequence[Need], reading: Reading, device: str) -> Shortage | None:
    """What `device` lacks for its models once they are loaded; None where they fit or it cannot be seen."""
    memory = reading.of(device)
    here = [need for need in its if need.device == device]
    total = sum(need.steady_mib for need in here)
    if memory is None or total * MIB <= memory.free_bytes:
        return None
    each = " + ".join(f"{need.stage} {need.model} {need.steady_mib:.0f}" for need in here)
    return Shortage(
        f"the models do not fit into the memory of {device}: {each} = {total:.0f} MiB, and "
        f"{memory.free_bytes // MIB} of {memory.total_bytes // MIB} MiB are free",
        f"take {'; '.join(_REMEDIES[need.stage] for need in here)}; STS_MEMORY_CHECK=false starts anyway",
    )


def check(its: Sequence[Need], reading: Reading) -> bool:
    """Whether all models may be loaded at once; if not, they fit if they are loaded one after the other.

    Raises:
        ConfigError: a device has too little for its models once they are loaded.
    """
    devices = dict.fromkeys(need.device for need in its)
    faults = [lacking for device in devices if (lacking := shortage(its, reading, device))]
    if faults:
        raise ConfigError(*map(str, faults))
    for device in devices:
        memory = reading.of(device)
        peak = sum(need.loading_mib for need in its if need.device == device)
        if memory is not None and peak * MIB > memory.free_bytes:
            return False
    return True


def _device(name: str, *, cuda: bool) -> str:
    if name == "auto":
        name = "cuda" if cuda else "cpu"
    return "cuda:0" if name == "cuda" else name


def _family(compute_type: str) -> str:
    return next((family for start, family in _FAMILIES.items() if compute_type.startswith(start)), "float32")


def _figures(
    engine: str, model: str, kind: str, family: str, folder_size: FolderSize
) -> tuple[float, float, float] | None:
    table = _table()
    row = _row(table.get(engine, {}).get(model), kind, family)
    if row is not None:
        return row["steady"], row["loading"], row["item"]
    row = _row(table["folder"].get(engine), kind, family)
    size_mib = 0.0 if row is None else folder_size(model) / MIB
    if not size_mib or row is None:
        return None
    besides = row["besides"]
    return size_mib * row["factor"] + besides, size_mib * row["loading_factor"] + besides, 0


def _row(kinds: dict[str, Any] | None, kind: str, family: str) -> dict[str, float] | None:
    """A device that cannot compute in a type does so in the next larger one."""
    types: dict[str, dict[str, float]] = (kinds or {}).get(kind, {})
    return types.get(family) or types.get("float32")


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(read_config("memory.toml").decode())
