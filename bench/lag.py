"""Four hours of dubbing in virtual time, through the timeline alone: how late the dub comes, and how hurried.

For speech of three kinds, and a dub that is as long as its source or longer. A voice's length is foreseen to
within a tenth, and the words cut by a fragment's end come with the next one, as recognition carries them.

python bench/lag.py --plot docs/benchmarks/lag.png
"""

import argparse
from pathlib import Path

import attrs
import numpy as np

from sts_actors.audio.timeline.catching_up import LagLimits
from sts_actors.audio.timeline.phrases import Phrase
from sts_actors.audio.timeline.timeline import Timeline

RATE = 100
FRAGMENT_S = 6
GROWTHS = (1.0, 1.1, 1.2, 1.3)
CARRIED_S = (0.4, 0.4, 0.5, 0.5, 0.5, 0.6, 0.7, 0.9, 1.0, 1.7)
"""How much before a fragment's end its last decided word ends: measured, 0.5 s in the middle, 1.7 at most."""
SPREAD = 0.1
"""How much the lengths of dubs differ from the average, and a dub from what was foreseen."""
FASTEST_PACE = 1.2
KINDS = {
    "news": ((2.0, 8.0), (0.15, 0.6)),
    "dialogue": ((0.5, 3.0), (0.1, 1.5)),
    "no pause": ((1.0, 6.0), (0.0, 0.0)),
}
"""How long a phrase lasts, and the pause after it, in seconds: from, to."""


@attrs.frozen(kw_only=True)
class Outcome:
    """What became of a stream; arrays by phrase: when its source ended, how much later its dub does."""

    hours: np.ndarray
    lag_ms: np.ndarray
    stretches: np.ndarray
    paces: np.ndarray
    lost: float

    def slope(self):
        """Of the lag, in ms an hour."""
        return np.polyfit(self.hours, self.lag_ms, 1)[0]

    def row(self):
        """The columns of the table."""
        pace = np.mean(self.paces <= FASTEST_PACE + 1e-6)
        return (
            f"{self.lag_ms.max():.0f} | {np.quantile(self.lag_ms, 0.95):.0f} | {self.slope():+.0f} "
            f"| {self.lost:.2%} | {pace:.1%} "
            f"| {np.quantile(self.stretches, 0.5):.2f}, {np.quantile(self.stretches, 0.95):.2f}"
        )


def spoken(kind, hours, rng):
    """The phrases of the source, in order."""
    (shortest, longest), (least, most) = KINDS[kind]
    at, found = 0, []
    while at < hours * 3600 * RATE:
        length = round(rng.uniform(shortest, longest) * RATE)
        found.append(Phrase(start=at, end=at + length))
        at += length + round(rng.uniform(least, most) * RATE)
    return found


def near(rng, value):
    return value * float(np.clip(rng.normal(1, SPREAD), 1 - 3 * SPREAD, 1 + 3 * SPREAD))


def dubbed(kind, growth, hours, limits, seed):
    """One stream, by the order of calls that the timeline's package asks for."""
    rng = np.random.default_rng(seed)
    source = spoken(kind, hours, rng)
    timeline = Timeline(sample_rate_hz=RATE, limits=limits)
    ends, lags, stretches, paces, lost, frames, known = [], [], [], [], 0, 0, 0
    for end in range(FRAGMENT_S * RATE, round(hours * 3600 * RATE) + 1, FRAGMENT_S * RATE):
        known = max(known, end - round(rng.choice(CARRIED_S) * RATE))
        while source and source[0].start < known:
            phrase = source.pop(0)
            if phrase.end > known:
                source.insert(0, Phrase(start=known, end=phrase.end))
                phrase = Phrase(start=phrase.start, end=known)
            natural = near(rng, growth * (phrase.end - phrase.start))
            plan = timeline.plan(phrase, near(rng, natural) / RATE)
            synthesis = np.full(round(natural / plan.speed), 0.5, np.float32)
            ready, tempo = timeline.prepare(phrase, synthesis, plan.speed)
            placed = timeline.add(phrase, ready[: round(ready.shape[0] / tempo)])
            ends.append(phrase.end)
            lags.append(max(placed.end - phrase.end, 0))
            stretches.append(tempo)
            paces.append(plan.speed * tempo)
            frames += placed.kept + placed.lost
        lost += timeline.cut(FRAGMENT_S * RATE)[1].lost
    return Outcome(
        hours=np.array(ends) / RATE / 3600,
        lag_ms=np.array(lags) / RATE * 1000,
        stretches=np.array(stretches),
        paces=np.array(paces),
        lost=lost / frames,
    )


def picture(outcomes, limits, path):
    """The lag of each phrase, a panel for each stream."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        len(GROWTHS), len(KINDS), figsize=(12, 9), sharex=True, sharey=True, layout="constrained"
    )
    for (kind, growth), outcome in outcomes.items():
        axis = axes[GROWTHS.index(growth)][list(KINDS).index(kind)]
        axis.plot(outcome.hours, outcome.lag_ms / 1000, ",")
        trend = np.poly1d(np.polyfit(outcome.hours, outcome.lag_ms / 1000, 1))
        axis.plot(outcome.hours, trend(outcome.hours), linewidth=2)
        axis.axhline(limits.max_lag_s, color="black", linewidth=1, linestyle="--")
        axis.set_title(f"{kind}, dub {growth - 1:+.0%}, slope {outcome.slope():+.0f} ms/h", fontsize=10)
    for axis in axes[:, 0]:
        axis.set_ylabel("lag, s")
    for axis in axes[-1]:
        axis.set_xlabel("hours of the stream")
    axes[0][0].set_ylim(0, limits.max_lag_s * 1.1)
    figure.suptitle("How much later than its source the dub of each phrase ends (dashed: the bound)")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=4)
    parser.add_argument("--max-speed", type=float, default=LagLimits().max_speed, help="the engine's own")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path, help="a PNG to write")
    its = parser.parse_args()
    limits = LagLimits(max_speed=its.max_speed)
    outcomes = {}
    print("| speech | dub | lag max ms | p95 | slope ms/h | cut | pace ≤ +20 % | stretch P50, P95 |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in KINDS:
        for growth in GROWTHS:
            outcome = dubbed(kind, growth, its.hours, limits, its.seed)
            outcomes[kind, growth] = outcome
            print(f"| {kind} | {growth - 1:+.0%} | {outcome.row()} |", flush=True)
    if its.plot:
        picture(outcomes, limits, its.plot)


if __name__ == "__main__":
    main()
