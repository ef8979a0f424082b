"""Several witnesses are told alike, in order; one that wants to hear nothing hears nothing."""

import inspect

import pytest

from sts_actors.errors import ErrorCode, ServiceError, Stage
from sts_actors.messages import AudioFormat, Container, FragmentFailed, FragmentHeader, StreamConfig
from sts_actors.witness import UNSEEN, Abandoned, Several, StreamWitness, Witness, Work

LABEL = AudioFormat(container=Container.PCM_S16LE, sample_rate_hz=8000, channels=1)
CONFIG = StreamConfig(stream_id="s", source_language="en", target_language="pt", label=LABEL)
HEADER = FragmentHeader(
    stream_id="s", fragment_id="f", sequence_number=1, index=0, duration_ms=100, received=0.0, deadline=1.0
)
ERROR = ServiceError(ErrorCode.STREAM_PAUSED, "paused")
FAILED = FragmentFailed(
    header=HEADER, stage=Stage.ASR, code=ErrorCode.ASR_FAILED, message="no", retryable=True
)
WORK = Work(header=HEADER, stage="asr", began=0.0, ended=1.0, product=FAILED)
TOLD = {
    "stands": ("ready",),
    "pressed": ("high",),
    "admitted": (HEADER,),
    "refused": (ERROR, "f"),
    "worked": (WORK,),
    "abandoned": (Abandoned(header=HEADER, stage="asr", began=0.0, ended=1.0),),
    "answered": (FAILED, 0.5),
    "restarted": ("asr", None),
    "closed": (),
}


def noting(name, notes):
    """A witness that notes all it is told in `notes`, under its name."""

    class Noting(StreamWitness):
        def __getattribute__(self, method):
            return lambda *told: notes.append((name, method, *told))

    class All(Witness):
        def opened(self, session_id, config, *, worker_id):
            notes.append((name, "opened", session_id, config, worker_id))
            return Noting()

        def turned_away(self, error):
            notes.append((name, "turned_away", error))

    return All()


def test_the_table_above_names_all_that_a_stream_s_witness_is_told():
    methods = [name for name, _ in inspect.getmembers(StreamWitness, inspect.isfunction)]
    assert sorted(TOLD) == sorted(methods)


@pytest.mark.parametrize("method", TOLD)
def test_several_witnesses_are_told_the_same_in_their_order(method):
    notes = []
    stream = Several([noting("a", notes), noting("b", notes)]).opened("id", CONFIG, worker_id="w")
    getattr(stream, method)(*TOLD[method])
    assert notes == [
        ("a", "opened", "id", CONFIG, "w"),
        ("b", "opened", "id", CONFIG, "w"),
        ("a", method, *TOLD[method]),
        ("b", method, *TOLD[method]),
    ]


def test_several_witnesses_are_told_of_a_worker_that_is_turned_away():
    notes = []
    Several([noting("a", notes), noting("b", notes)]).turned_away(ERROR)
    assert notes == [("a", "turned_away", ERROR), ("b", "turned_away", ERROR)]


@pytest.mark.parametrize("method", TOLD)
def test_a_witness_hears_only_what_it_asks_for(method):
    stream = Witness().opened("id", CONFIG, worker_id="")
    assert stream is UNSEEN
    assert getattr(stream, method)(*TOLD[method]) is None
    assert Witness().turned_away(ERROR) is None


def test_a_stage_s_work_has_the_code_that_it_failed_with():
    assert WORK.code is ErrorCode.ASR_FAILED
