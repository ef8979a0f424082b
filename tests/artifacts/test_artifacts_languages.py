"""Several languages of one fragment lie beside each other; a single one lies as it always did."""

import json

import attrs
import numpy as np
import pytest
from test_artifacts_recorder import CONFIG, LABEL, ROOMY

from sts_actors.artifacts import Quota, open_artifacts
from sts_actors.artifacts.recorded import read_recorded
from sts_actors.artifacts.store import Store
from sts_actors.cli.replay import compare, find
from sts_actors.client import Processed
from sts_actors.errors import ErrorCode, Stage
from sts_actors.messages import (
    Bed,
    FragmentFailed,
    FragmentHeader,
    SeamPolicy,
    Speech,
    Transcript,
    Translation,
)

SEVERAL = attrs.evolve(
    CONFIG,
    further_targets=("es", "de"),
    voice_by_language={"es": "alex"},
    seam=SeamPolicy.CARRY,
    bed=Bed(),
    verify=0.1,
)

HEADER = FragmentHeader(
    stream_id="s", fragment_id="f", sequence_number=4, index=0, duration_ms=250, received=0.0, deadline=7.5
)
FAILED = FragmentFailed(
    header=HEADER, stage=Stage.ASR, code=ErrorCode.ASR_FAILED, message="no", retryable=True
)


def speech(language):
    heard = Transcript(header=HEADER, frames=4000, answer=LABEL, text="hello", language="en", asr_s=0.5)
    said = Translation(
        transcript=heard, text="olá", target_language=language, billed_characters=5, translation_s=0.0
    )
    return Speech(
        translation=said,
        pcm=np.zeros(4000, np.float32),
        sample_rate_hz=16_000,
        raw_duration_ms=200,
        speed_ratio=1.25,
        tempo=1.0,
        variance=0.0,
        partial=False,
        tts_s=0.3,
    )


async def record(root, config, *answers):
    """One fragment with these answers; what lies in its stream's folder."""
    async with open_artifacts(root, ROOMY) as artifacts:
        recording = artifacts.record(config, "1")
        recording.received(0, b"heard", LABEL)
        for result, audio in answers:
            recording.answered(0, result, audio, fragment_id="f", sequence_number=4, processing_ms=5.0)
        assert recording._labels == recording._unanswered == {}
    assert artifacts.lost == 0
    (folder,) = root.iterdir()
    return folder, sorted(path.name for path in folder.iterdir())


async def test_each_language_has_its_own_words_and_sound_and_the_input_lies_there_once(tmp_path) -> None:
    failed = attrs.evolve(FAILED, target_language="de")
    folder, names = await record(
        tmp_path, SEVERAL, (speech("es"), b"es"), (failed, b""), (speech("pt"), b"pt")
    )
    assert names == [
        "000000.1.json",
        "000000.1.out.pcm_s16le",
        "000000.2.json",
        "000000.in.pcm_s16le",
        "000000.json",
        "000000.out.pcm_s16le",
        "stream.json",
    ]
    assert (folder / "000000.1.out.pcm_s16le").read_bytes() == b"es"
    assert (folder / "000000.out.pcm_s16le").read_bytes() == b"pt"
    told = [json.loads((folder / f"000000{end}.json").read_text()) for end in ("", ".1", ".2")]
    assert [one["target_language"] for one in told] == ["pt", "es", "de"]
    assert [one["status"] for one in told] == ["success", "success", "failed"]
    assert {one["in"] for one in told} == {"000000.in.pcm_s16le"}


async def test_one_language_is_recorded_as_it_always_was(tmp_path) -> None:
    folder, names = await record(tmp_path, CONFIG, (speech("pt"), b"pt"))
    assert names == ["000000.in.pcm_s16le", "000000.json", "000000.out.pcm_s16le", "stream.json"]
    assert "target_language" not in json.loads((folder / "000000.json").read_text())


async def test_what_a_stream_asked_for_is_asked_for_again(tmp_path) -> None:
    folder, _ = await record(tmp_path, SEVERAL, (FAILED, b""))
    init = read_recorded(folder).init
    assert (init["target_language"], init["target_languages"]) == ("pt", ["pt", "es", "de"])
    assert (init["voice_profile"], init["seam"], init["verify"]) == ({"es": "alex"}, "carry", 0.1)
    assert init["bed"] == {"mode": "duck", "level_db": -18.0, "ramp_ms": 200}


async def test_a_stream_without_any_of_it_is_asked_for_without_it(tmp_path) -> None:
    folder, _ = await record(tmp_path, CONFIG, (speech("pt"), b"pt"))
    init = read_recorded(folder).init
    assert "target_languages" not in init
    assert "voice_profile" not in init
    assert (init["seam"], init["bed"]) == ("fixed", "none")


async def test_the_languages_of_a_fragment_are_read_back_as_answers_to_it(tmp_path) -> None:
    failed = attrs.evolve(FAILED, target_language="de")
    its = [*((speech(tag), b"x") for tag in ("pt", "es")), (failed, b"")]
    folder, _ = await record(tmp_path, SEVERAL, *its)
    (fragment,) = read_recorded(folder).fragments
    assert fragment.audio == b"heard"
    told = [(answer.target_language, answer.status) for answer in fragment.answers]
    assert told == [("pt", "success"), ("es", "success"), ("de", "failed")]


def answered(language: str | None, text: str = "olá", status: str = "success") -> Processed:
    return Processed(
        fragment_id="f",
        sequence_number=4,
        status=status,
        audio=None,
        transcript="hello",
        translated_text=text,
        stage_timings={},
        metadata={},
        warnings=(),
        error=None,
        processing_time_ms=1,
        target_language=language,
    )


@pytest.mark.parametrize("again", [None, "pt"])
async def test_a_replay_compares_language_by_language(tmp_path, again) -> None:
    folder, _ = await record(tmp_path, SEVERAL, *((speech(tag), b"x") for tag in ("pt", "es", "de")))
    (fragment,) = read_recorded(folder).fragments
    pt, es, de = fragment.answers
    answers = {("f", "pt"): answered("pt"), ("f", "es"): answered("es", "otra")}
    assert compare(fragment, pt, find(answers, "f", "pt")) == "4 pt success → success"
    assert compare(fragment, es, find(answers, "f", "es")) == "4 es success → success 'olá' → 'otra'"
    assert compare(fragment, de, find(answers, "f", "de")) == "4 de success → unanswered"
    # A refusal stands for all; and a recording of one language takes whatever its answer is called.
    assert find({("f", ""): answered(None)}, "f", "de") is not None
    assert find({("f", again or ""): answered(again)}, "f", "") is not None


def test_the_files_of_all_languages_count_as_one_fragment_and_go_together(tmp_path) -> None:
    store = Store(tmp_path, Quota(max_bytes=10**9, max_count=1, retention_s=1e9))
    folder = "stream-" + "0" * 32
    for name in ("000000.in.wav", "000000.json", "000000.9.json", "000000.9.out.wav"):
        store.write(folder, name, b"x", 1.0)
    assert (len(store), store.size) == (1, 4)
    store.write(folder, "000001.json", b"x", 2.0)
    assert [path.name for path in (tmp_path / folder).iterdir()] == ["000001.json"]
