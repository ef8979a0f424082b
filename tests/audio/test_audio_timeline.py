"""The promises of a stream's timeline, whatever is added to it."""

import attrs
import numpy as np
import pytest
from audio_signals import tone, voice
from hypothesis import given, settings
from hypothesis import strategies as st

from sts_actors.audio.timeline.catching_up import LagLimits
from sts_actors.audio.timeline.phrases import Phrase
from sts_actors.audio.timeline.timeline import FADE_S, Timeline

RATE = 1000
FADE = round(FADE_S * RATE)
BOUND = 900
LIMITS = LagLimits(max_lag_s=BOUND / RATE, catch_up_above_s=0.3, relax_below_s=0.1)


@attrs.frozen
class Said:
    """A phrase of `length` after a pause of `gap`, its dub of `frames`, known in fragment `known`."""

    gap: int
    length: int
    frames: int
    late: int


SAID = st.builds(
    Said,
    gap=st.integers(0, 600),
    length=st.integers(0, 500),
    frames=st.integers(0, 1500),
    late=st.integers(0, 2),
)
STREAMS = st.tuples(st.lists(SAID, max_size=25), st.lists(st.integers(0, 1200), min_size=1, max_size=25))


def noisy(frames, seed):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, frames).astype(np.float32)


@attrs.define
class Run:
    """What came of a stream: fragments, reports, and each phrase with its dub and place."""

    fragments: list = attrs.field(factory=list)
    reports: list = attrs.field(factory=list)
    added: list = attrs.field(factory=list)
    rest: np.ndarray | None = None
    final: object = None
    lags: list = attrs.field(factory=list)

    @property
    def sound(self):
        return np.concatenate([*self.fragments, np.zeros(0, np.float32)])


def dubbed(said, cuts, *, last=False, sound=noisy):
    timeline = Timeline(sample_rate_hz=RATE, limits=LIMITS)
    run = Run()
    waiting, at = [], 0
    for number, one in enumerate(said):
        start = at + one.gap
        at = start + one.length
        waiting.append((one, Phrase(start=start, end=at), sound(one.frames, number)))
    ages = 0
    for index, frames in enumerate(cuts):
        # A phrase is known with the fragment that holds its end, or some fragments later.
        while waiting and (waiting[0][1].end <= timeline.position + frames) and waiting[0][0].late <= ages:
            _, phrase, samples = waiting.pop(0)
            due = phrase.start >= timeline.position
            run.added.append((phrase, samples, timeline.add(phrase, samples), due))
            run.lags.append(timeline.lag)
            ages = 0
        ages += 1
        fragment, report = timeline.cut(frames, last=last and index == len(cuts) - 1)
        run.fragments.append(fragment)
        run.reports.append(report)
        run.lags.append(report.lag)
    run.rest, run.final = timeline.finish()
    return run


@settings(max_examples=150, deadline=None)
@given(STREAMS, st.booleans())
def test_every_fragment_has_exactly_the_length_asked_for(stream, last):
    run = dubbed(*stream, last=last)
    assert [fragment.shape for fragment in run.fragments] == [(frames,) for frames in stream[1]]
    assert run.sound.dtype == np.float32
    assert run.sound.shape[0] == sum(stream[1])


@settings(max_examples=150, deadline=None)
@given(STREAMS)
def test_every_sample_is_heard_once_at_its_place_or_reported_lost(stream):
    run = dubbed(*stream)
    whole = np.zeros(sum(stream[1]) + run.rest.shape[0], np.float32)
    for _, samples, placed, _ in run.added:
        assert placed.kept + placed.lost == samples.shape[0]
        rising = np.arange(1, placed.kept + 1) / (FADE + 1)
        gain = np.minimum(rising, 1) * np.minimum(rising[::-1], 1)
        whole[placed.at : placed.end] += (samples[: placed.kept] * gain).astype(np.float32)
    np.testing.assert_allclose(np.concatenate((run.sound, run.rest)), whole, atol=1e-6)
    never = sum(max(placed.end - max(placed.at, run.sound.shape[0]), 0) for *_, placed, _ in run.added)
    cut = sum(placed.lost for *_, placed, _ in run.added)
    assert sum(report.lost for report in run.reports) + run.final.lost == never + cut
    assert (run.final.lost > 0) >= (never > 0)


@settings(max_examples=150, deadline=None)
@given(STREAMS)
def test_phrases_come_in_order_never_before_their_source_and_never_over_each_other(stream):
    tail = 0
    for phrase, _, placed, _ in dubbed(*stream).added:
        if placed.kept:
            assert placed.at >= phrase.start
            assert placed.at >= tail - FADE
            tail = placed.end


@settings(max_examples=200, deadline=None)
@given(STREAMS)
def test_the_lag_never_passes_its_bound(stream):
    run = dubbed(*stream)
    assert max(run.lags, default=0) <= BOUND
    for phrase, _, placed, due in run.added:
        if placed.kept:
            assert placed.end - phrase.end <= BOUND
            assert not due or placed.at - phrase.start <= BOUND


@settings(max_examples=100, deadline=None)
@given(st.lists(SAID, max_size=25))
def test_dubs_that_fit_are_placed_exactly_where_their_source_was_spoken(said):
    fitting = [attrs.evolve(one, frames=min(one.frames, one.length), late=0) for one in said]
    run = dubbed(fitting, [30_000])
    assert len(run.added) == len(said)
    assert all(placed.at == phrase.start for phrase, _, placed, _ in run.added if placed.kept)
    assert not any(
        (report.lag, report.late, report.overrun, report.lost) != (0, 0, 0, 0) for report in run.reports
    )


@settings(max_examples=150, deadline=None)
@given(STREAMS, st.booleans())
def test_no_seam_steps_further_than_the_sounds_and_their_fades_do(stream, last):
    cuts = [max(frames, FADE) for frames in stream[1]]
    run = dubbed(stream[0], cuts, last=last, sound=lambda frames, seed: tone(frames, RATE, 5 + seed, 0.5))
    step = 0.5 * 2 * np.pi * (5 + len(stream[0])) / RATE
    # Two ramps at once at the most, each from half of full scale; and a last one where the stream ends.
    ramps = 2 + last
    edges = np.concatenate(
        ([0], run.sound, run.rest if not last else [], [0] if last or run.rest.size else [])
    )
    assert np.abs(np.diff(edges)).max(initial=0) <= step + ramps * 0.5 / (FADE + 1) + 1e-6


@settings(max_examples=100, deadline=None)
@given(STREAMS)
def test_silence_in_is_zeros_out(stream):
    run = dubbed(*stream, sound=lambda frames, seed: np.zeros(frames, np.float32))
    assert not run.sound.any()


@settings(max_examples=60, deadline=None)
@given(STREAMS)
def test_the_same_calls_make_the_same_sound(stream):
    one, other = dubbed(*stream), dubbed(*stream)
    assert np.array_equal(one.sound, other.sound)
    assert one.reports == other.reports


@settings(max_examples=100, deadline=None)
@given(STREAMS)
def test_where_nothing_is_said_there_are_zeros(stream):
    run = dubbed(*stream)
    silent = np.ones(run.sound.shape[0], bool)
    for *_, placed, _ in run.added:
        silent[placed.at : placed.end] = False
    assert not run.sound[silent].any()


def said(timeline, start, end, frames):
    return timeline.add(Phrase(start=start, end=end), voice(frames, RATE))


def test_an_overrun_flows_into_the_pause_and_the_lag_goes_with_it():
    timeline = Timeline(sample_rate_hz=RATE, limits=LIMITS)
    assert said(timeline, 100, 500, 600).at == 100
    assert timeline.lag == 200
    _, report = timeline.cut(600)
    assert (report.lag, report.lag_ms, report.overrun, report.overrun_ms) == (200, 200.0, 100, 100.0)
    rest, report = timeline.cut(600)
    assert rest[:99].any()
    assert not rest[100:].any()
    assert (report.lag, report.overrun, report.lost) == (0, 0, 0)
    assert said(timeline, 1300, 1500, 200).at == 1300


def test_a_phrase_that_became_known_too_late_begins_at_once_and_says_how_late():
    timeline = Timeline(sample_rate_hz=RATE, limits=LIMITS)
    timeline.cut(1000)
    assert said(timeline, 700, 900, 200).at == 1000
    _, report = timeline.cut(1000)
    assert (report.late, report.late_ms) == (300, 300.0)
    _, report = timeline.cut(1000)
    assert report.late == 0


def test_the_latest_of_several_late_phrases_counts():
    timeline = Timeline(sample_rate_hz=RATE, limits=LIMITS)
    timeline.cut(1000)
    phrase = Phrase(start=600, end=700)
    assert timeline.delay(phrase) == 400
    said(timeline, 600, 700, 100)
    said(timeline, 1000, 1100, 100)
    assert timeline.cut(1000)[1].late == 400


def test_dubs_back_to_back_are_crossfaded():
    timeline = Timeline(sample_rate_hz=RATE, limits=LIMITS)
    timeline.add(Phrase(start=0, end=100), np.ones(150, np.float32))
    assert timeline.add(Phrase(start=100, end=200), np.ones(50, np.float32)).at == 150 - FADE
    np.testing.assert_allclose(timeline.cut(180)[0][FADE:], 1, rtol=1e-6)


def test_dubs_shorter_than_a_crossfade_are_heard():
    timeline = Timeline(sample_rate_hz=RATE, limits=LIMITS)
    said(timeline, 0, 100, 150)
    short = said(timeline, 100, 150, 4)
    assert (short.at, short.kept) == (148, 4)
    assert said(timeline, 140, 200, 100).at == 150


def test_a_phrase_that_finds_no_room_changes_nothing():
    timeline = Timeline(sample_rate_hz=RATE, limits=LIMITS)
    said(timeline, 0, 100, 1500)
    assert timeline.lag == 900
    assert said(timeline, 50, 100, 50).kept == 0
    assert timeline.lag == 900
    assert timeline.cut(2000)[1].late == 0


def test_a_phrase_within_another_does_not_move_the_sources_end_back():
    timeline = Timeline(sample_rate_hz=RATE, limits=LIMITS)
    said(timeline, 0, 1000, 1100)
    assert said(timeline, 100, 200, 300).lost == 0
    assert timeline.lag == 400 - FADE


def test_what_would_pass_the_bound_is_cut_with_a_fade_and_reported():
    timeline = Timeline(sample_rate_hz=RATE, limits=LIMITS)
    placed = timeline.add(Phrase(start=0, end=100), np.ones(1500, np.float32))
    assert (placed.kept, placed.lost) == (1000, 500)
    out, report = timeline.cut(1000)
    assert (report.lost, report.lost_ms) == (500, 500.0)
    np.testing.assert_allclose(out[-FADE - 1 :], np.arange(FADE + 1, 0, -1) / (FADE + 1), rtol=1e-6)


def test_the_last_fragment_fades_out_what_hangs_over_and_reports_it():
    timeline = Timeline(sample_rate_hz=RATE, limits=LIMITS)
    timeline.add(Phrase(start=0, end=400), np.ones(500, np.float32))
    out, report = timeline.cut(400, last=True)
    assert report.lost == 100
    np.testing.assert_allclose(out[-FADE - 1 :], np.arange(FADE + 1, 0, -1) / (FADE + 1), rtol=1e-6)
    rest, report = timeline.finish()
    assert (rest.size, report.lost) == (0, 0)


def test_what_ends_within_the_last_fragment_is_not_faded():
    sounds = []
    for last in (False, True):
        timeline = Timeline(sample_rate_hz=RATE, limits=LIMITS)
        said(timeline, 0, 400, 400)
        sounds.append(timeline.cut(400, last=last)[0])
    assert np.array_equal(*sounds)


def test_finishing_hands_over_what_hangs_over_and_counts_it_as_lost_once():
    timeline = Timeline(sample_rate_hz=RATE, limits=LIMITS)
    said(timeline, 0, 400, 500)
    timeline.cut(450)
    rest, report = timeline.finish()
    assert (rest.shape, report.lost) == ((50,), 50)
    rest, report = timeline.finish()
    assert (rest.shape, report.lost) == ((0,), 0)


def test_a_finished_timeline_takes_and_gives_nothing():
    timeline = Timeline(sample_rate_hz=RATE)
    timeline.cut(10, last=True)
    with pytest.raises(RuntimeError, match="finished"):
        timeline.cut(10)
    with pytest.raises(RuntimeError, match="finished"):
        said(timeline, 0, 1, 1)


def test_phrases_out_of_order_and_sound_that_is_not_mono_are_refused():
    timeline = Timeline(sample_rate_hz=RATE)
    said(timeline, 100, 200, 10)
    with pytest.raises(ValueError, match="comes after"):
        said(timeline, 99, 200, 10)
    with pytest.raises(ValueError, match="not mono"):
        timeline.add(Phrase(start=300, end=400), np.zeros((10, 2), np.float32))


def test_what_is_added_is_left_as_it_was():
    timeline = Timeline(sample_rate_hz=RATE)
    samples = np.ones(100, np.float32)
    timeline.add(Phrase(start=0, end=100), samples)
    timeline.cut(100, last=True)
    assert (samples == 1).all()


def test_preparing_takes_silence_out_before_it_stretches():
    timeline = Timeline(sample_rate_hz=RATE, limits=LIMITS)
    phrase = Phrase(start=0, end=1000)
    speech = tone(900, RATE, 50)
    padded = np.concatenate((np.zeros(100, np.float32), speech, np.zeros(200, np.float32)))
    assert timeline.prepare(phrase, padded[:1000], 1.0)[0].shape == (1000,)
    shorter, tempo = timeline.prepare(phrase, padded, 1.0)
    assert (shorter.shape, tempo) == ((1000,), 1.0)
    shorter, tempo = timeline.prepare(phrase, tone(1100, RATE, 50), 1.0)
    assert shorter.shape == (1100,)
    assert tempo == pytest.approx(1.1)


def test_planning_changes_nothing():
    timeline = Timeline(sample_rate_hz=RATE, limits=LIMITS)
    said(timeline, 0, 400, 900)
    phrase = Phrase(start=400, end=800)
    plans = [timeline.plan(phrase, 0.5) for _ in range(2)]
    assert plans[0] == plans[1]
    assert plans[0].catching_up
    assert not timeline.catching_up
    said(timeline, 400, 800, 300)
    assert timeline.catching_up


def test_what_is_skipped_is_heard_nowhere_and_time_goes_on():
    timeline = Timeline(sample_rate_hz=8000)
    timeline.add(Phrase(start=1000, end=3000), np.full(12_000, 0.5, np.float32))
    timeline.skip(8000)
    assert timeline.position == 8000
    pcm, report = timeline.cut(8000)
    assert not pcm.any()
    assert (report.lag, report.overrun, report.lost) == (0, 0, 0)


def test_a_phrase_after_what_was_skipped_has_its_place():
    timeline = Timeline(sample_rate_hz=8000)
    timeline.add(Phrase(start=1000, end=3000), np.full(24_000, 0.5, np.float32))
    timeline.skip(8000)
    assert timeline.add(Phrase(start=9000, end=9500), np.full(400, 0.5, np.float32)).at == 9000
