"""Hours of dubbing in virtual time: at 100 samples a second they take no time at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sts_actors.audio.timeline.catching_up import LagLimits
from sts_actors.audio.timeline.phrases import Phrase
from sts_actors.audio.timeline.timeline import Timeline

RATE = 100
FRAGMENT = 6 * RATE
HOURS = 4


def usual_carry(rng):
    """How much before a fragment's end its last committed word ends, in samples."""
    return int(RATE * rng.choice([0.4, 0.4, 0.5, 0.5, 0.5, 0.6, 0.7, 0.9, 1.0, 1.7]))


def no_carry(_):
    return 0


class Spoken:
    """A source of phrases dubbed by the order of calls that the package asks for."""

    def __init__(self, limits, *, growth, pause, seed, predicts=1.0, hours=HOURS, carry=usual_carry):
        self.timeline = Timeline(sample_rate_hz=RATE, limits=limits)
        self.lags, self.reports, self.stretches, self.paces = [], [], [], []
        rng = np.random.default_rng(seed)
        at, said, known, number = 0, [], 0, 0
        for end in range(FRAGMENT, round(hours * 3600 * RATE) + 1, FRAGMENT):
            while at < end:
                length = int(rng.integers(RATE // 2, 4 * RATE))
                said.append(Phrase(start=at, end=at + length))
                number += 1
                at += length + pause(number, rng)
            known = max(known, end - carry(rng))
            while said and said[0].start < known:
                phrase = said.pop(0)
                if phrase.end > known:
                    said.insert(0, Phrase(start=known, end=phrase.end))
                    phrase = Phrase(start=phrase.start, end=known)
                self._dub(phrase, growth(rng) * (phrase.end - phrase.start), predicts)
            _, report = self.timeline.cut(FRAGMENT)
            self.reports.append(report)
            self.lags.append(report.lag)

    def _dub(self, phrase, frames, predicts):
        plan = self.timeline.plan(phrase, frames / RATE * predicts)
        synthesis = np.full(round(frames / plan.speed), 0.5, np.float32)
        ready, tempo = self.timeline.prepare(phrase, synthesis, plan.speed)
        self.timeline.add(phrase, ready[: round(ready.shape[0] / tempo)])
        self.lags.append(self.timeline.lag)
        self.stretches.append(tempo)
        self.paces.append(plan.speed * tempo)

    @property
    def lost(self):
        return sum(report.lost for report in self.reports)

    def slope_ms_per_hour(self):
        lag_ms = [report.lag_ms for report in self.reports]
        hours = np.arange(len(lag_ms)) * FRAGMENT / RATE / 3600
        return np.polyfit(hours, lag_ms, 1)[0]


def fluent(_, __):
    return 0


CARRIES = pytest.mark.parametrize("carry", [no_carry, usual_carry])


@CARRIES
def test_a_dub_a_fifth_longer_for_four_hours_without_a_pause_keeps_its_lag_and_its_pace(carry):
    limits = LagLimits()
    spoken = Spoken(limits, growth=lambda rng: 1.2, pause=fluent, seed=1, carry=carry)
    assert len(spoken.reports) == HOURS * 600
    assert max(spoken.lags) <= limits.max_lag_s * RATE
    assert abs(spoken.slope_ms_per_hour()) <= 50
    assert spoken.lost == 0
    assert np.quantile(spoken.stretches, 0.95) <= 1.15
    assert np.mean(np.array(spoken.paces) <= 1.2 + 1e-6) >= 0.9


@CARRIES
def test_so_does_an_engine_that_cannot_hurry_at_the_contracts_limit(carry):
    limits = LagLimits(max_speed=1)
    spoken = Spoken(limits, growth=lambda rng: 1.19, pause=fluent, seed=1, carry=carry)
    assert max(spoken.lags) <= limits.max_lag_s * RATE
    assert abs(spoken.slope_ms_per_hour()) <= 50
    assert spoken.lost == 0
    assert max(spoken.stretches) <= 1.2


def test_an_engine_that_cannot_hurry_loses_nothing_where_there_are_pauses():
    limits = LagLimits(max_speed=1)
    spoken = Spoken(
        limits, growth=lambda rng: rng.uniform(1, 1.4), pause=lambda n, rng: int(rng.integers(0, 150)), seed=3
    )
    assert max(spoken.lags) <= limits.max_lag_s * RATE
    assert spoken.lost == 0
    assert np.quantile(spoken.stretches, 0.95) <= 1.15


def test_with_pauses_the_lag_returns_to_nothing():
    spoken = Spoken(
        LagLimits(),
        growth=lambda rng: 1.4,
        pause=lambda n, rng: 12 * RATE if n % 10 == 0 else 10,
        seed=4,
        hours=1,
    )
    after_pauses = [report.lag for report in spoken.reports]
    assert max(after_pauses) > 0
    assert after_pauses.count(0) >= len(after_pauses) / 4
    assert spoken.lost == 0


def test_lag_is_caught_up_without_a_pause_once_the_dub_is_short_enough():
    limits = LagLimits(catch_up_above_s=1.5, relax_below_s=0.5)
    timeline = Timeline(sample_rate_hz=RATE, limits=limits)
    timeline.add(Phrase(start=0, end=100), np.ones(300, np.float32))
    lags, hurried, at = [], [], 100
    for _ in range(12):
        phrase = Phrase(start=at, end=at + 200)
        plan = timeline.plan(phrase, 2.0)
        ready, tempo = timeline.prepare(phrase, np.ones(round(200 / plan.speed), np.float32), plan.speed)
        timeline.add(phrase, ready[: round(ready.shape[0] / tempo)])
        lags.append(timeline.lag)
        hurried.append(timeline.catching_up)
        at += 200
    assert lags == sorted(lags, reverse=True)
    assert lags[-1] <= limits.relax_below_s * RATE
    # Once it has begun it goes on beyond the line where it began, and once over it stays over.
    assert hurried == sorted(hurried, reverse=True)
    assert hurried[0]
    assert not hurried[-1]
    assert any(lag < limits.catch_up_above_s * RATE for lag, on in zip(lags, hurried, strict=True) if on)


@settings(max_examples=30, deadline=None)
@given(
    st.floats(0.5, 3),
    st.floats(0.5, 1.5),
    st.integers(0, 200),
    st.integers(0, 99),
    st.sampled_from([1, 1.15]),
)
def test_the_bound_holds_however_long_the_dub_and_however_wrong_the_prediction(
    growth, predicts, carry, seed, max_speed
):
    limits = LagLimits(max_speed=max_speed)
    spoken = Spoken(
        limits,
        growth=lambda rng: growth,
        pause=lambda n, rng: int(rng.integers(0, 100)),
        seed=seed,
        predicts=predicts,
        hours=0.1,
        carry=lambda rng: carry,
    )
    assert max(spoken.lags) <= limits.max_lag_s * RATE
