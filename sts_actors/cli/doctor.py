"""`sts-actors doctor`: what is here, what is missing, and the command that mends it."""

import os
from typing import Annotated

import orjson
import trio
import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

import sts_actors
from sts_actors import memory, profiles
from sts_actors.cli.dub import Profile
from sts_actors.cli.errors import ExitCode
from sts_actors.cli.findings import (
    ENGINE_MODULES,
    Finding,
    Verdict,
    as_table,
    asset_findings,
    device_findings,
    engine_finding,
    key_findings,
    memory_findings,
    package_findings,
    profile_engines,
    python_finding,
    unloadable_finding,
    voice_finding,
)
from sts_actors.cli.plain import one_line
from sts_actors.cli.probing import Devices, devices, why_not_importable
from sts_actors.cli.requirements import checkout, packages
from sts_actors.errors import ConfigError, Stage
from sts_actors.settings import Settings, load_settings
from supervision import WorkerCrashed, WorkerError, WorkerTimeout

MARKS = {Verdict.OK: ("✓", "green"), Verdict.GAP: ("✗", "red"), Verdict.NOTE: ("·", "yellow")}


def doctor(
    *,
    profile: Annotated[Profile, typer.Option(help="Which profile has to run.")] = "embedded",
    load: Annotated[
        bool, typer.Option("--load", help="Really load the profile's engines: some seconds each.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Check what is installed, and say for each gap the one command that mends it.

    Ends with exit code 3 when the profile cannot run.
    """
    settings = load_settings(profile=profile)
    console = Console()
    if console.is_terminal and not as_json:
        with console.status("looking around"):
            found = trio.run(examine, settings, load)
    else:
        found = trio.run(examine, settings, load)
    ready = all(finding.verdict is not Verdict.GAP for finding in found)
    if as_json:
        document = {
            "version": sts_actors.__version__,
            "profile": profile,
            "ready": ready,
            "findings": as_table(found),
        }
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    else:
        console.print(render(found), soft_wrap=not console.is_terminal)
        console.print(
            Text(f"{profile} is ready" if ready else f"{profile} cannot run yet: mend what is marked ✗")
        )
    if not ready:
        raise typer.Exit(ExitCode.SERVICE)


async def examine(settings: Settings, load: bool) -> list[Finding]:
    """Look at everything; the slow parts at once, each in a process of its own."""
    engines = profile_engines(settings)
    imported: dict[Stage, Finding] = {}
    seen: list[Devices] = []

    async def check(stage: Stage) -> None:
        engine = engines[stage]
        modules = ENGINE_MODULES.get(engine, ())
        fault = await why_not_importable(modules) if modules else ""
        imported[stage] = engine_finding(stage, engine, fault)

    async def look() -> None:
        seen.append(await devices())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        for stage in engines:
            nursery.start_soon(check, stage)
    reading = await memory.look()
    of_engines = [imported[stage] for stage in engines]
    if load and all(finding.verdict is Verdict.OK for finding in of_engines):
        of_engines = await load_engines(settings)
    return [
        python_finding(),
        *package_findings(packages("sts_actors", checkout()), settings.profile),
        *of_engines,
        *device_findings(seen[0], settings),
        *memory_findings(await memory.needs_here(settings, reading), reading, settings),
        *asset_findings(settings),
        voice_finding(settings),
        *key_findings(os.environ, settings),
    ]


async def load_engines(settings: Settings) -> list[Finding]:
    """Load each engine as the service does, one after the other, and let it go again."""
    engines = profile_engines(settings)
    try:
        specs = await trio.to_thread.run_sync(profiles.model_specs, settings)
    except ConfigError as error:
        return [unloadable_finding(error)]
    found = []
    for stage, spec in specs.items():
        started = trio.current_time()
        try:
            async with spec.open_runner() as runner:
                name = runner.info.name
        except (WorkerError, WorkerCrashed, WorkerTimeout) as error:
            found.append(engine_finding(stage, engines[stage], one_line(str(error))))
        else:
            found.append(engine_finding(stage, name, "", took_s=trio.current_time() - started))
    return found


def render(found: list[Finding]) -> Group:
    """Findings as a person reads them: by section, then each command on a line of its own, to be copied."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    section = ""
    for finding in found:
        mark, colour = MARKS[finding.verdict]
        label = finding.section if finding.section != section else ""
        section = finding.section
        table.add_row(Text(mark, colour), label, finding.name, Text(one_line(finding.detail)))
    parts: list[RenderableType] = [table]
    for verdict, heading in ((Verdict.GAP, "Mend"), (Verdict.NOTE, "Optional")):
        its = {
            finding.remedy: finding.name for finding in found if finding.verdict is verdict and finding.remedy
        }
        if its:
            parts.append(Text(f"\n{heading}", "bold"))
            parts.extend(
                Text(f"  {name}: {remedy}", overflow="ignore", no_wrap=True) for remedy, name in its.items()
            )
    return Group(*parts, Text(""))
