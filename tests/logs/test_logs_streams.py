"""What is told of streams and their fragments, and at which level."""

import attrs
import numpy as np
import pytest
import trio
from faulty_models import LABEL
from log_lines import logged
from running import QUICK, dub, dubbing, running

from sts_actors.client import ConnectFailed, open_client
from sts_actors.errors import ErrorCode, ServiceError, Stage
from sts_actors.logs import LogWitness
from sts_actors.messages import FragmentFailed, FragmentHeader, Speech, StreamConfig, Transcript, Translation
from sts_actors.witness import Work

CONFIG = StreamConfig(stream_id="match-7", source_language="en", target_language="pt", label=LABEL)


def header(index=0):
    return FragmentHeader(
        stream_id="match-7",
        fragment_id=f"f-{index}",
        sequence_number=10 + index,
        index=index,
        duration_ms=1000,
        received=trio.current_time(),
        deadline=trio.current_time() + 8,
    )


def transcript(of):
    return Transcript(header=of, frames=16_000, answer=LABEL, text="what was said", language="en", asr_s=0.5)


def speech(of):
    translation = Translation(
        transcript=transcript(of),
        text="o que foi dito",
        target_language="pt",
        billed_characters=0,
        translation_s=0.1,
    )
    return Speech(
        translation=translation,
        pcm=np.zeros(16_000, np.float32),
        sample_rate_hz=16_000,
        raw_duration_ms=900,
        speed_ratio=1.1,
        tempo=1.0,
        variance=0.0,
        partial=False,
        tts_s=0.5,
        lag_ms=40,
    )


def failure(of, code=ErrorCode.TIMEOUT):
    return FragmentFailed(header=of, stage=Stage.ASR, code=code, message="too late", retryable=True)


async def test_each_decision_of_a_stream_is_one_line_with_its_stream_fragment_number_and_stage():
    with logged() as written:
        async with running(**QUICK) as service, dubbing(service, stream_id="match-7") as stream:
            assert len(await dub(stream, 1, 2)) == 2
            with trio.fail_after(10):
                while not written.of("stream closed"):
                    await trio.sleep(0.01)
    (opened,) = written.of("stream opened")
    assert (opened["level"], opened["stream"], opened["targets"]) == ("info", "match-7", ["pt"])
    assert [line["sequence_number"] for line in written.of("fragment admitted")] == [0, 1]
    ways = {}
    for line in written.of("stage done"):
        assert line["stream"] == "match-7"
        assert line["session"] == opened["session"]
        assert line["level"] == "debug"
        assert line["queue_s"] >= 0
        assert line["work_s"] >= 0
        if "tail" not in line:
            ways.setdefault(line["fragment"], []).append(line["stage"])
    assert list(ways.values()) == [["session", "asr", "translation", "tts"]] * 2
    assert [line["outcome"] for line in written.of("fragment answered")] == ["success", "success"]
    (closed,) = written.of("stream closed")
    assert (closed["level"], closed["success"], closed["failed"]) == ("info", 2, 0)
    assert closed["unanswered"] == 0


async def test_fifty_fragments_make_no_line_at_info_and_nothing_that_was_said_is_told_there():
    with logged(level="INFO") as written:
        async with running(**QUICK) as service, dubbing(service) as stream:
            answers = await dub(stream, 1, 50)
            assert len(answers) == 50
    told = [line for line in written.told if line["logger"] == "sts_actors.streams"]
    assert [line["event"] for line in told] in (["stream opened"], ["stream opened", "stream closed"])
    said = {answer.transcript for answer in answers} | {answer.translated_text for answer in answers}
    assert not [text for text in said if text and text in written.text]


async def test_an_actor_that_is_restarted_is_told_with_its_stream_and_so_is_its_traceback(monkeypatch):
    from sts_actors.actors import tts

    well = tts.speak_alone

    def fail_once(*_args, **_kwargs):
        monkeypatch.setattr(tts, "speak_alone", well)
        raise RuntimeError("a bug")

    monkeypatch.setattr(tts, "speak_alone", fail_once)
    with logged(level="INFO") as written:
        async with running(**QUICK, seam="fixed") as service, dubbing(service, stream_id="match-7") as stream:
            (answer,) = await dub(stream, 1, 1)
    assert answer.status == "failed"
    (line,) = written.of("actor restarted")
    assert line["actor"].endswith("tts")
    assert line["cause"] == "RuntimeError"
    (trace,) = [line for line in written.told if "RuntimeError: a bug" in line.get("exception", "")]
    assert trace["stream"] == "match-7"
    assert trace["session"] == line["session"]
    (failed,) = written.of("fragment failed")
    assert (failed["code"], failed["stage"], failed["level"]) == ("UNKNOWN_ERROR", "tts", "info")


async def test_a_worker_with_a_wrong_token_is_told_of_and_its_token_is_not():
    with logged(level="INFO") as written:
        async with running(**QUICK, auth_token="the right one") as service:
            with pytest.raises(ConnectFailed):
                async with open_client(service.url, auth={"token": "the wrong one"}):
                    raise AssertionError("nobody is let in")
    (line,) = written.of("turned away")
    assert (line["code"], line["level"]) == ("AUTH_FAILED", "info")
    assert "wrong one" not in written.text


async def test_a_flood_of_refusals_is_a_line_in_ten_seconds_and_the_rest_are_counted(autojump_clock):
    with logged(level="INFO") as written:
        stream = LogWitness().opened("s-1", CONFIG, worker_id="w")
        for number in range(100):
            stream.refused(ServiceError(ErrorCode.INVALID_SEQUENCE, "no"), f"f-{number}")
            stream.answered(failure(header(number)), 0.1)
            await trio.sleep(0.15)
    refused = written.of("refused")
    assert [line.get("kept_back", 0) for line in refused] == [0, 66]
    assert refused[0]["fragment"] == "f-0"
    assert len(written.of("fragment failed")) == 2


async def test_every_refusal_is_a_line_at_debug(autojump_clock):
    with logged() as written:
        stream = LogWitness().opened("s-1", CONFIG, worker_id="w")
        for number in range(5):
            stream.refused(ServiceError(ErrorCode.INVALID_SEQUENCE, "no"), f"f-{number}")
    assert [line["level"] for line in written.of("refused")] == ["info", *["debug"] * 4]


async def test_waiting_is_told_from_work(autojump_clock):
    with logged() as written:
        stream = LogWitness().opened("s-1", CONFIG, worker_id="w")
        first = header()
        stream.admitted(first)
        came = trio.current_time()
        for stage, language, began, ended in (
            ("session", "", 0.5, 1.0),
            ("asr", "", 1.25, 2.25),
            ("translation", "pt", 2.5, 3.0),
            ("tts", "pt", 3.0, 5.0),
        ):
            work = Work(
                header=first,
                stage=stage,
                language=language,
                began=came + began,
                ended=came + ended,
                product=transcript(first),
            )
            stream.worked(work)
        stream.answered(speech(first), 5.0)
        stream.worked(attrs.evolve(work, product=failure(first)))
    times = [(line["stage"], line["queue_s"], line["work_s"]) for line in written.of("stage done")]
    assert times[:4] == [
        ("session", 0.5, 0.5),
        ("asr", 0.25, 1.0),
        ("translation", 0.25, 0.5),
        ("tts", 0.0, 2.0),
    ]
    assert written.of("stage done")[0]["text"] == "what was said"
    assert written.of("stage done")[4]["code"] == "TIMEOUT"
    assert written.of("fragment answered")[0]["lag_ms"] == 40


async def test_a_stream_that_is_closed_says_how_many_fragments_had_no_answer(autojump_clock):
    with logged() as written:
        stream = LogWitness().opened("s-1", CONFIG, worker_id="w")
        for number in range(3):
            stream.admitted(header(number))
        stream.answered(speech(header(1)), 1.0)
        stream.stands("draining")
        stream.pressed("pause")
        stream.closed()
    assert written.of("stream closed")[0]["unanswered"] == 2
    assert written.of("stream stands")[0]["state"] == "draining"
    assert written.of("backpressure told")[0]["pressure"] == "pause"


async def test_without_a_log_set_up_nothing_is_printed(capsys):
    stream = LogWitness().opened("s-1", CONFIG, worker_id="w")
    stream.admitted(header())
    stream.closed()
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")
