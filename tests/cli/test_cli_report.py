from itertools import pairwise

import attrs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_actors.cli.report import DubReport, FragmentReport, as_json, fragment_report, percentile, total
from sts_actors.client import FragmentError, Processed
from sts_actors.quality.timing import slope_ms_per_hour

ANSWER = Processed(
    fragment_id="f-0",
    sequence_number=0,
    status="success",
    audio=b"",
    transcript="It was the best of times",
    translated_text="Foi o melhor dos tempos",
    stage_timings={"asr_ms": 1200, "translation_ms": 30, "tts_ms": 2600},
    metadata={
        "original_duration_ms": 6000,
        "dubbed_duration_ms": 5400,
        "duration_variance_percent": 0.0,
        "speed_ratio": 1.1,
    },
    warnings=(),
    error=None,
    processing_time_ms=3900,
)


def asked(number: int = 0, sent_s: float = 0.0) -> FragmentReport:
    return FragmentReport(sequence_number=number, start_s=6.0 * number, duration_s=6.0, sent_s=sent_s)


def done(number: int, sent_s: float, took_s: float, **changes: object) -> FragmentReport:
    fragment = fragment_report(asked(number, sent_s), ANSWER, answered_s=sent_s + took_s, late_after_s=8.0)
    return attrs.evolve(fragment, **changes)


def report(*fragments: FragmentReport, complete: bool = True) -> DubReport:
    return DubReport(
        input="talk.mp3",
        output="talk.pt.wav",
        source_language="en",
        target_language="pt",
        mode="live",
        url=None,
        profile="embedded",
        sample_rate_hz=48_000,
        channels=1,
        complete=complete,
        wall_s=12.0,
        fragments=fragments,
    )


def test_the_json_has_what_the_wire_said_of_each_fragment():
    document = orjson.loads(as_json(report(done(0, 6.0, 3.9))))
    (fragment,) = document["fragments"]
    assert fragment["sequence_number"] == 0
    assert fragment["status"] == "success"
    assert fragment["transcript"] == ANSWER.transcript
    assert fragment["translated_text"] == ANSWER.translated_text
    assert fragment["stage_timings"] == ANSWER.stage_timings
    assert fragment["original_duration_ms"] == 6000
    assert fragment["dubbed_duration_ms"] == 5400
    assert fragment["duration_variance_percent"] == 0.0
    assert fragment["speed_ratio"] == 1.1
    assert fragment["error"] is None
    assert fragment["latency_ms"] == 3900
    assert document["complete"] is True


def test_a_failure_keeps_its_error_and_what_was_known_before_it():
    error = FragmentError(stage="tts", code="SYNTHESIS_FAILED", message="no voice", retryable=False)
    failure = attrs.evolve(
        ANSWER, status="failed", audio=None, translated_text=None, metadata={}, stage_timings={}, error=error
    )
    fragment = fragment_report(asked(), failure, answered_s=2.0, late_after_s=8.0)
    document = orjson.loads(as_json(report(fragment)))["fragments"][0]
    assert document["error"] == {
        "stage": "tts",
        "code": "SYNTHESIS_FAILED",
        "message": "no voice",
        "retryable": False,
    }
    assert document["transcript"] == ANSWER.transcript
    assert document["translated_text"] is None
    assert document["stage_timings"] == {"asr_ms": None, "translation_ms": None, "tts_ms": None}
    totals = total([fragment])
    assert (totals.failed, totals.success, totals.kept_up) == (1, 0, False)


FIGURES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.binary(max_size=3)
)


@given(
    st.dictionaries(
        st.sampled_from(["dubbed_duration_ms", "speed_ratio", "duration_variance_percent", "lag_ms"]), FIGURES
    )
)
def test_whatever_figures_another_service_gives_the_report_is_json(figures):
    answer = attrs.evolve(ANSWER, metadata=figures)
    fragment = fragment_report(asked(), answer, answered_s=1.0, late_after_s=8.0)
    assert orjson.loads(as_json(report(fragment)))["totals"]["fragments"] == 1


def test_an_answer_after_the_time_a_worker_waits_is_late():
    assert not done(0, 0.0, 8.0).late
    assert done(0, 0.0, 8.1).late


def test_real_time_factor_counts_only_the_time_when_something_was_in_the_making():
    live = total([done(0, 6.0, 3.0), done(1, 12.0, 3.0)])
    assert live.real_time_factor == pytest.approx(0.5)
    at_once = total([done(0, 0.0, 4.0), done(1, 0.0, 8.0)])
    assert at_once.busy_s == pytest.approx(8.0)
    assert at_once.real_time_factor == pytest.approx(8 / 12)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 20)), max_size=12))
def test_busy_time_is_the_length_of_the_union_of_the_spans(spans):
    busy = total([done(n, sent, took) for n, (sent, took) in enumerate(spans)]).busy_s
    edges = sorted({edge for sent, took in spans for edge in (sent, sent + took)})
    covered = sum(
        b - a for a, b in pairwise(edges) if any(sent <= a and b <= sent + took for sent, took in spans)
    )
    assert busy == pytest.approx(covered)


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({"late": True}, "a late fragment"),
        ({"status": "failed"}, "a failed fragment"),
        ({"status": "unanswered", "answered_s": None}, "an unanswered fragment"),
        ({"held_back_s": 6.0}, "a fragment held back for its own length"),
        ({"answered_s": 60.0}, "more work than speech"),
    ],
)
def test_one_bad_fragment_means_not_kept_up(spoilt, why):
    good = [done(0, 6.0, 3.0), done(1, 12.0, 3.0)]
    assert total(good).kept_up
    assert not total([good[0], attrs.evolve(good[1], **spoilt)]).kept_up, why


def test_nothing_dubbed_is_not_kept_up():
    assert not total([]).kept_up


def lagging(number, lag_ms, language=""):
    return done(number, 6.0 * number, 3.0, lag_ms=lag_ms, target_language=language)


def test_the_report_says_how_far_the_dub_is_behind_and_how_fast_it_falls_back():
    # 10 ms every 6 s: 6000 ms an hour.
    totals = total([lagging(number, 100 + 10 * number) for number in range(40)])
    assert (totals.lag_max_ms, totals.lag_p95_ms) == (490, 470)
    assert totals.lag_slope_ms_per_h == pytest.approx(6000)
    document = orjson.loads(as_json(report(lagging(0, 120))))
    assert document["fragments"][0]["lag_ms"] == 120
    assert document["totals"]["lag_max_ms"] == 120
    assert document["totals"]["lag_slope_ms_per_h"] is None


def test_without_lags_there_is_nothing_to_say_of_them():
    totals = total([done(0, 6.0, 3.0)])
    assert (totals.lag_max_ms, totals.lag_p95_ms, totals.lag_slope_ms_per_h) == (None, None, None)


def slope_ms_per_h(points):
    return slope_ms_per_hour([at_s for at_s, _ in points], [ms for _, ms in points])


@given(
    st.lists(st.tuples(st.integers(0, 3600), st.integers(-100, 5000)), min_size=2, unique_by=lambda p: p[0]),
    st.integers(-1000, 1000),
)
def test_a_slope_does_not_mind_a_constant_and_grows_with_what_is_added(points, ms_per_h):
    tilted = [(at_s, ms + 70 + ms_per_h * at_s / 3600) for at_s, ms in points]
    assert slope_ms_per_h(tilted) == pytest.approx(slope_ms_per_h(points) + ms_per_h, abs=1e-3)


@pytest.mark.parametrize("points", [[], [(6.0, 100.0)], [(6.0, 100.0), (6.0, 200.0)]])
def test_there_is_no_slope_without_two_moments(points):
    assert slope_ms_per_h(points) is None


def test_several_languages_are_counted_as_dubs_and_timed_as_one_speech():
    its = [lagging(n, lag, tag) for n in range(2) for tag, lag in (("pt", 100), ("es", 100 + 60 * n))]
    totals = total(its)
    assert (totals.fragments, totals.success, totals.audio_s, totals.kept_up) == (4, 4, 12.0, True)
    assert totals.lag_slope_ms_per_h == pytest.approx(36_000)  # the worse of the two
    told = attrs.evolve(report(*its), outputs={"pt": "talk.pt.wav", "es": "talk.es.wav"})
    document = orjson.loads(as_json(told))
    assert document["languages"]["es"]["output"] == "talk.es.wav"
    assert document["languages"]["pt"]["totals"]["lag_slope_ms_per_h"] == 0
    assert document["languages"]["es"]["totals"]["fragments"] == 2
    assert [f["target_language"] for f in document["fragments"]] == ["pt", "es"] * 2
    assert "languages" not in orjson.loads(as_json(report(*its)))


@given(st.lists(st.floats(0, 100), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_smallest_value_that_covers_its_share(values, percent):
    values.sort()
    found = percentile(values, percent)
    assert sum(v <= found for v in values) * 100 >= percent * len(values)
    assert sum(v < found for v in values) * 100 < percent * len(values)


def test_there_is_no_percentile_of_nothing():
    assert percentile([], 95) is None
