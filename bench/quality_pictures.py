"""The bench's pictures: word errors, errors at seams, lag over time, and what seams look like."""

from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

from sts_actors.cli.evaluating.command import read_recording

mpl.use("Agg")

from matplotlib import pyplot as plt

LARGEST_BYTES = 300_000
COLOURS_KEPT = 64
COLOURS = {"carry": "#1b6ca8", "fixed": "#d1603d", "whole": "#8a8a8a"}
COUNTS = ("lost", "invented", "doubled", "substituted")
AROUND_S = 1.5
SHOWN = 3
_TOP_HZ = 8000
_FLOOR_DB = -140
QUIET = 0.01
HISS = 1e-6
"""Silence has no logarithm."""


def draw(found, summed, dubs, folder):
    """Draw what there is to draw; file names with their titles."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, title, make in (
        ("quality_words.png", "Word errors by length of fragments and policy", lambda: words(found, summed)),
        ("quality_seams.png", "Errors per 100 seams", lambda: seams(summed(found, by=lambda _: "all"))),
        ("quality_lag.png", "Lag over time", lambda: lag(found)),
        ("quality_seam_sounds.png", "Source and dub at seams", lambda: sounds(found, dubs)),
    ):
        figure = make()
        if figure is None:
            continue
        path = folder / name
        for dpi in (110, 80, 60):
            figure.savefig(path, dpi=dpi)
            with Image.open(path) as picture:
                few = picture.convert("RGB").quantize(COLOURS_KEPT)
            few.save(path, optimize=True)
            if path.stat().st_size <= LARGEST_BYTES:
                break
        plt.close(figure)
        drawn.append((name, title))
    return drawn


def words(found, summed):
    """WER by length of fragments, for clear speech and for dialogue."""
    sums = summed(found)
    groups = [name for name in ("clear", "dialogue", "telephone") if any(key[0] == name for key in sums)]
    if not groups:
        return None
    figure, axes = plt.subplots(
        1, len(groups), figsize=(4 * len(groups), 3.4), sharey=True, squeeze=False, layout="constrained"
    )
    for axis, group in zip(axes[0], groups, strict=True):
        lengths = sorted({seconds for name, seconds, _ in sums if name == group})
        for seam in ("fixed", "carry"):
            rates = [sums[group, seconds, seam].rate for seconds in lengths]
            axis.plot(lengths, rates, "o-", color=COLOURS[seam], label=seam)
        axis.axhline(
            sums[group, lengths[0], "carry"].whole_rate, color=COLOURS["whole"], ls="--", label="whole"
        )
        axis.set(title=group, xlabel="seconds in a fragment", xticks=lengths)
    # They share it: set for one before all are drawn, it would cut off the others.
    axes[0][0].set_ylim(0, None)
    axes[0][0].set_ylabel("word errors, %")
    axes[0][0].legend()
    return figure


def seams(sums):
    """Errors per 100 seams: a pane for each length, a group of bars for each kind of error."""
    lengths = sorted({seconds for _, seconds, _ in sums})
    if not lengths:
        return None
    figure, axes = plt.subplots(
        1,
        len(lengths),
        figsize=(3.2 * len(lengths) + 1, 3.4),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    places = np.arange(len(COUNTS))
    for axis, seconds in zip(axes[0], lengths, strict=True):
        bars = {
            "fixed": [sums["all", seconds, "fixed"].per_hundred(name) for name in COUNTS],
            "carry": [sums["all", seconds, "carry"].per_hundred(name) for name in COUNTS],
            "whole": [sums["all", seconds, "fixed"].per_hundred(name, "whole_at") for name in COUNTS],
        }
        for number, (label, heights) in enumerate(bars.items()):
            axis.bar(places + (number - 1) * 0.28, heights, 0.26, color=COLOURS[label], label=label)
        count = sums["all", seconds, "fixed"].counted["at_seams"]
        axis.set(title=f"{seconds:g} s, {count:.0f} seams", xticks=places)
        axis.set_xticklabels(COUNTS, rotation=30, ha="right")
    axes[0][0].set_ylabel("per 100 seams")
    axes[0][0].legend()
    return figure


def lag(found):
    """How far each dub is behind its source."""
    lines = [
        (f"{about['name']}, {seconds:g} s", run["dub"]["lags"])
        for about, runs in found
        for (part, seconds, seam), run in sorted(runs.items())
        if part == "dub" and seam == "carry" and run["dub"]["lags"]
    ]
    if not lines:
        return None
    figure, axis = plt.subplots(figsize=(8, 3.2), layout="constrained")
    for label, lags in lines:
        axis.step([at for at, _ in lags], [ms / 1000 for _, ms in lags], where="post", label=label)
    axis.set(xlabel="seconds of the stream", ylabel="lag, s", ylim=(min(0, axis.get_ylim()[0]), None))
    axis.legend()
    return figure


def sounds(found, dubs):
    """The source and its dub around a few seams: waveforms, and spectrograms below."""
    dub_of = {}
    for about, _ in found:
        for path in sorted(dubs.glob(f"{about['name']}.{about['condition']}-*s-carry.wav")):
            dub_of.setdefault(about["name"], (about["wav"], path))
    if not dub_of:
        return None
    source_path, dub_path = next(iter(dub_of.values()))
    fragment_s = float(dub_path.stem.rsplit("-", 2)[1][:-1])
    source, dub = read_recording(Path(source_path)), read_recording(dub_path)
    cuts = loudest(source, dub, fragment_s)
    figure, axes = plt.subplots(
        4, len(cuts), figsize=(4 * len(cuts), 8), squeeze=False, sharex="col", layout="constrained"
    )
    for column, cut_s in enumerate(cuts):
        for row, (name, recording) in enumerate((("source", source), ("dub", dub))):
            rate = recording.sample_rate_hz
            first = max(round((cut_s - AROUND_S) * rate), 0)
            piece = recording.pcm[first : round((cut_s + AROUND_S) * rate)]
            times = first / rate + np.arange(piece.size) / rate
            wave, spectrum = axes[2 * row][column], axes[2 * row + 1][column]
            wave.plot(times, piece, lw=0.4, color="#333333")
            peak = max(float(np.abs(piece).max()), QUIET)
            wave.set(
                ylim=(-peak, peak), title=f"{name}, cut at {cut_s:g} s" if column == 0 or row == 0 else name
            )
            spectrum.specgram(
                piece + HISS * np.random.default_rng(0).normal(size=piece.size),
                NFFT=512,
                Fs=rate,
                noverlap=384,
                xextent=(times[0], times[-1]),
                vmin=_FLOOR_DB,
            )
            spectrum.set(ylim=(0, min(_TOP_HZ, rate / 2)))
            for axis in (wave, spectrum):
                axis.axvline(cut_s, color="#d1603d", lw=1)
    return figure


def loudest(source, dub, fragment_s):
    """The cuts that both run through: where there is most to hear on both sides."""
    ends = np.arange(fragment_s, source.seconds, fragment_s)

    def level(recording, cut_s):
        rate = recording.sample_rate_hz
        edges = [round((cut_s + shift) * rate) for shift in (-0.3, 0.0, 0.3)]
        parts = [recording.pcm[first:last] for first, last in pairwise(edges)]
        return min((float(np.sqrt(np.mean(part**2))) for part in parts if part.size), default=0.0)

    ranked = sorted(ends, key=lambda cut_s: min(level(source, cut_s), level(dub, cut_s)), reverse=True)
    return sorted(float(cut_s) for cut_s in ranked[:SHOWN])
