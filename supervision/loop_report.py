"""A loop's statistics as text, for people."""

from collections.abc import Iterator

from supervision.instruments import LAG_BOUNDS_S, LoopStatistics

TOP_ROLES = 20


def describe_loop(loop: LoopStatistics) -> str:
    """How late the loop was, who used it, and what held it up."""
    sections = [["loop", *_lags(loop)], ["roles", *_roles(loop)], ["stalls", *_stalls(loop)]]
    return "\n\n".join("\n".join(section) for section in sections if len(section) > 1) + "\n"


def _lags(loop: LoopStatistics) -> Iterator[str]:
    mean_ms = loop.passes_s / loop.passes * 1000 if loop.passes else 0.0
    yield f"  {loop.passes} passes, mean {mean_ms:.2f} ms, longest {loop.longest_pass_s * 1000:.1f} ms"
    names = [f"up to {bound * 1000:g} ms" for bound in LAG_BOUNDS_S] + ["longer"]
    yield "  " + ", ".join(f"{name}: {count}" for name, count in zip(names, loop.lags, strict=True) if count)


def _roles(loop: LoopStatistics) -> Iterator[str]:
    for role in loop.roles[:TOP_ROLES]:
        yield (
            f"  {role.role}: tasks {role.tasks}, steps {role.steps}, busy {role.busy_s:.3f} s"
            f", longest {role.longest_step_s * 1000:.1f} ms, waited {role.waited_s:.1f} s"
        )


def _stalls(loop: LoopStatistics) -> Iterator[str]:
    for stall in loop.latest_stalls:
        yield f"  {stall.seconds * 1000:.0f} ms in {stall.task}"
        yield from (f"    {line}" for line in stall.stack or (f"before {stall.then or 'its end'}",))
