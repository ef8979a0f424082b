"""Each code of the contract, brought about by what really causes it, and told where the contract says."""

import base64
from functools import partial

import attrs
import numpy as np
import pytest
import trio
from deepl_stand_in import open_deepl_stand_in
from desk import open_desk
from running import QUICK, RATE_HZ, dubbing, marked, running

from sts_actors.client import ConnectFailed, ServerWarning, open_client
from sts_actors.engines import kokoro, whisper
from sts_actors.engines.kokoro_voices import find_voices
from sts_actors.engines.ports import SynthesisedAudio
from sts_actors.engines.weights.assets import asset_folder, known_assets
from sts_actors.errors import EngineError, ErrorCode
from sts_actors.memory import pressure
from sts_actors.profiles import prepare
from sts_actors.settings import load_settings
from sts_actors.wire.fragments import MAX_AUDIO_BYTES

INIT = {"source_language": "en", "target_language": "pt", "sample_rate_hz": RATE_HZ}
SPEECH = base64.b64encode(marked(1, 1)).decode()
EDGE_STAGE = "asr"
"""What never came to a stage is answered as of the first."""


@attrs.frozen(kw_only=True)
class Told:
    """What a worker was told of a fragment, or of its stream where there is none."""

    error: dict | None = None
    answer: dict | None = None
    levels: tuple[str, ...] = ()


async def tell(socket, *, error, answer):
    """What comes until both that are expected have come; nothing else of either kind may follow."""
    told, levels = {}, []
    with trio.fail_after(30):
        while ("error" in told) < error or ("fragment:processed" in told) < answer:
            event, payload = await socket.next()
            if event == "backpressure":
                levels.append(payload["action"])
            elif event in {"error", "fragment:processed"}:
                assert event not in told
                told[event] = payload
    await trio.testing.wait_all_tasks_blocked()
    assert not [event for event, _ in socket.inbox if event in {"error", "fragment:processed"} - set(told)]
    levels += [payload["action"] for event, payload in socket.inbox if event == "backpressure"]
    return Told(error=told.get("error"), answer=told.get("fragment:processed"), levels=tuple(levels))


async def fragment(socket, *, error=False, **fields):
    socket.send("fragment:data", {"fragment_id": "f", "sequence_number": 0, "audio": SPEECH, **fields})
    return await tell(socket, error=error, answer=True)


async def opened(desk, **init):
    socket = await desk.connect()
    socket.send("stream:init", {**INIT, **init})
    await socket.next_named("stream:ready")
    return socket


# -- what is refused at the edge


async def without_a_stream(desk):
    return await fragment(await desk.connect(), error=True)


async def refused_init(desk, **init):
    socket = await desk.connect()
    socket.send("stream:init", {**INIT, **init})
    return await tell(socket, error=True, answer=False)


async def with_no_number(desk):
    return await fragment(await opened(desk), error=True, sequence_number="seven")


async def with_too_much_audio(desk):
    return await fragment(await opened(desk), error=True, audio=bytes(MAX_AUDIO_BYTES + 2))


async def with_a_dub_too_large(desk):
    socket = await opened(desk, sample_rate_hz=96_000, channels=2)
    return await fragment(socket, error=True, audio=bytes(8 * 2**20))


async def while_paused(desk):
    socket = await opened(desk)
    socket.send("stream:pause")
    return await fragment(socket, error=True)


async def once_the_service_is_to_end(desk):
    socket = await opened(desk)
    desk.dubbing.drain.begin()
    await socket.next_named("stream:complete")
    return await fragment(socket, error=True)


async def one_too_many(desk):
    socket = await opened(desk)
    for number in range(1, 11):
        socket.send("fragment:data", {"sequence_number": number, "audio": SPEECH})
    socket.send("fragment:data", {"fragment_id": "f", "sequence_number": 11, "audio": SPEECH})
    error = await socket.next_named("error")
    while (answer := await socket.next_named("fragment:processed"))["status"] != "failed":
        pass
    return Told(error=error, answer=answer)


async def with_audio(desk, audio):
    return await fragment(await opened(desk), error=True, audio=audio)


# -- what befalls it in the line


async def in_the_line(desk, **init):
    return await fragment(await opened(desk, **init))


async def with_a_slow(desk, name):
    async def slow(request, **context):
        del request, context
        await trio.sleep(60)

    setattr(desk.models, name, slow)
    began = trio.current_time()
    told = await fragment(await opened(desk, timeout_ms=1000))
    assert trio.current_time() - began < 1, "answered after its worker had given up"
    return told


async def with_an_engine(desk, name, engine, **misled):
    """A real engine in the model's place, asked for what it cannot do."""

    async def ask(request, **context):
        del context
        (result,) = await trio.to_thread.run_sync(engine.run, [attrs.evolve(request, **misled)])
        if isinstance(result, EngineError):
            raise result
        return result

    setattr(desk.models, name, ask)
    return await fragment(await opened(desk, timeout_ms=30_000))


async def with_an_endless_dub(desk):
    async def ramble(request, **context):
        del request, context
        return SynthesisedAudio(pcm=np.full(16_000 * 5, 0.1, np.float32), sample_rate_hz=16_000)

    desk.models.synthesiser = ramble
    return await in_the_line(desk)


async def with_a_bug(desk):
    async def broken(request, **context):
        del request, context
        return 1 / 0

    desk.models.synthesiser = broken
    return await in_the_line(desk)


@attrs.frozen(kw_only=True)
class Row:
    code: ErrorCode
    provoke: object
    error: bool = False
    answer: bool = True
    stage: str = EDGE_STAGE
    retryable: bool = False
    deaths: tuple | None = None


C = ErrorCode
NEVER: frozenset[int] = frozenset()
DIES = {"deaths": (frozenset({0, 1}), NEVER, NEVER)}
BOTH = {"error": True, "answer": True}
ERROR = {"error": True, "answer": False}
TABLE = {
    "no stream": Row(code=C.STREAM_NOT_FOUND, provoke=without_a_stream, **BOTH),
    "bad config": Row(code=C.INVALID_CONFIG, provoke=partial(refused_init, channels=9), **ERROR),
    "no such voice": Row(
        code=C.INVALID_VOICE_PROFILE, provoke=partial(refused_init, voice_profile="nobody"), **ERROR
    ),
    "no language": Row(
        code=C.UNSUPPORTED_LANGUAGE, provoke=partial(refused_init, target_language="?"), **ERROR
    ),
    "no number": Row(code=C.INVALID_SEQUENCE, provoke=with_no_number, **BOTH),
    "too much audio": Row(code=C.FRAGMENT_TOO_LARGE, provoke=with_too_much_audio, **BOTH),
    "a dub too large": Row(code=C.FRAGMENT_TOO_LARGE, provoke=with_a_dub_too_large, **BOTH),
    "paused": Row(code=C.STREAM_PAUSED, provoke=while_paused, retryable=True, **BOTH),
    "shutting down": Row(code=C.SERVER_DRAINING, provoke=once_the_service_is_to_end, retryable=True, **BOTH),
    "one too many": Row(code=C.BACKPRESSURE_EXCEEDED, provoke=one_too_many, retryable=True, **BOTH),
    "bad base64": Row(code=C.INVALID_AUDIO_FORMAT, provoke=partial(with_audio, audio="*"), **BOTH),
    "odd length": Row(code=C.INVALID_AUDIO_FORMAT, provoke=partial(with_audio, audio=b"abc"), **BOTH),
    "a WAV of nothing": Row(
        code=C.INVALID_AUDIO_FORMAT, provoke=partial(with_audio, audio=b"RIFF\0\0\0\0WAVE"), **BOTH
    ),
    "late in recognition": Row(
        code=C.TIMEOUT, provoke=partial(with_a_slow, name="recogniser"), stage="asr", retryable=True
    ),
    "late in translation": Row(
        code=C.TIMEOUT, provoke=partial(with_a_slow, name="translator"), stage="translation", retryable=True
    ),
    "late in synthesis": Row(
        code=C.TIMEOUT, provoke=partial(with_a_slow, name="synthesiser"), stage="tts", retryable=True
    ),
    "a model that dies twice": Row(code=C.MODEL_UNAVAILABLE, provoke=in_the_line, retryable=True, **DIES),
    "a dub without end": Row(code=C.DURATION_MISMATCH_EXCEEDED, provoke=with_an_endless_dub, stage="tts"),
    "a bug": Row(code=C.UNKNOWN_ERROR, provoke=with_a_bug, stage="tts"),
}


def check(row, told):
    assert (told.error is not None, told.answer is not None) == (row.error, row.answer)
    if told.error is not None:
        assert (told.error["code"], told.error["retryable"]) == (row.code, row.retryable)
        assert told.error["message"]
    if told.error is not None and told.answer is not None:
        assert told.error["fragment_id"] == told.answer["fragment_id"] == "f"
    if told.answer is not None:
        assert told.answer["status"] == "failed"
        assert "dubbed_audio" not in told.answer
        fault = told.answer["error"]
        assert (fault["code"], fault["stage"], fault["retryable"]) == (row.code, row.stage, row.retryable)
        assert fault["message"]


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
async def test_a_cause_is_told_with_its_code_its_stage_and_whether_to_try_again(row, caplog) -> None:
    async with open_desk(deaths=row.deaths) as desk:
        check(row, await row.provoke(desk))
    if row.code is ErrorCode.UNKNOWN_ERROR:
        assert "ZeroDivisionError" in caplog.text, "a bug is logged with its traceback"


async def test_a_wrong_token_is_refused_as_the_connection_is_made() -> None:
    async with running(auth_token="sesame") as service:
        with pytest.raises(ConnectFailed, match="AUTH_FAILED"):
            async with dubbing(service):
                pass


DEEPL = {
    # More faults than a call is repeated within its deadline; one would pass unnoticed.
    "too many requests": ("429", C.RATE_LIMIT_EXCEEDED, True),
    "out of order": ("503", C.TRANSLATION_API_UNAVAILABLE, True),
    "connection reset": ("reset", C.TRANSLATION_API_UNAVAILABLE, True),
    "nonsense": ("wrong json", C.TRANSLATION_API_UNAVAILABLE, True),
    "quota used up": ("456", C.QUOTA_EXCEEDED, True),
    "a bad key": ("403", C.TRANSLATION_FAILED, False),
    "a refused text": ("400", C.TRANSLATION_FAILED, False),
}


@pytest.mark.parametrize(("fault", "code", "retryable"), DEEPL.values(), ids=DEEPL)
async def test_what_the_translation_service_answers_is_told_with_its_code(fault, code, retryable) -> None:
    row = Row(code=code, provoke=None, stage="translation", retryable=retryable)
    async with open_deepl_stand_in() as deepl:
        its = {"translation_engine": "deepl", "deepl_auth_key": "canary-key", "deepl_server_url": deepl.url}
        async with running(**QUICK, **its) as service, open_client(service.url) as client:
            await client.emit("stream:init", {**INIT, "timeout_ms": 2000})
            told, warnings = {}, []
            with trio.fail_after(30):
                while "stream:ready" not in told:
                    event = await anext(client.events)
                    told[event.name] = event.args[0]
                deepl.misbehave(fault, times=100)
                await client.emit(
                    "fragment:data", {"fragment_id": "f", "sequence_number": 0, "audio": SPEECH}
                )
                while "fragment:processed" not in told:
                    event = await anext(client.events)
                    told[event.name] = event.args[0]
                if code is C.QUOTA_EXCEEDED:
                    warnings = [await anext(client.events)]
        check(row, Told(error=told.get("error"), answer=told["fragment:processed"]))
    assert told["fragment:processed"]["transcript"]
    assert "canary-key" not in repr(told)
    assert [warning.args[0]["code"] for warning in warnings] == ["QUOTA_EXCEEDED"] * len(warnings)


async def test_a_translation_quota_that_is_nearly_used_up_is_warned_of_once() -> None:
    async with open_deepl_stand_in() as deepl:
        deepl.used, deepl.limit = 9_500, 10_000
        its = {"translation_engine": "deepl", "deepl_auth_key": "canary-key", "deepl_server_url": deepl.url}
        async with running(**QUICK, **its) as service, dubbing(service) as stream:
            for number in range(2):
                await stream.send_fragment(number, marked(1, 1), 1000)
            await stream.end()
            told = [event async for event in stream.events]
    (warning,) = [event for event in told if isinstance(event, ServerWarning)]
    assert warning.code == "QUOTA_NEAR_LIMIT"


def test_every_code_of_the_contract_is_brought_about_here() -> None:
    elsewhere = {C.AUTH_FAILED, C.ASR_FAILED, C.GPU_OOM, C.SYNTHESIS_FAILED}
    brought_about = {row.code for row in TABLE.values()} | {code for _, code, _ in DEEPL.values()} | elsewhere
    assert brought_about == set(ErrorCode)


@pytest.fixture(scope="module")
def folders():
    settings = load_settings(profile="embedded", environment={})
    prepare(settings)
    return {name: asset_folder(asset) for name, asset in known_assets().items()}


@pytest.mark.models
async def test_a_recognition_that_the_library_refuses_is_told_with_its_code(folders) -> None:
    engine = await trio.to_thread.run_sync(whisper.load, folders["whisper-base"], "cpu", "int8", 2)
    row = Row(code=C.ASR_FAILED, provoke=None, retryable=True)
    async with open_desk() as desk:
        check(row, await with_an_engine(desk, "recogniser", engine, language="klingon"))


@pytest.mark.models
async def test_a_recognition_that_finds_no_memory_is_told_and_slows_its_worker_down_for_a_while(
    folders, monkeypatch
) -> None:
    monkeypatch.setattr(pressure, "AFTER_RUNNING_OUT_S", 1.0)
    engine = await trio.to_thread.run_sync(whisper.load, folders["whisper-base"], "cpu", "int8", 2)
    endless = np.broadcast_to(np.float32(0.5), (2**46,))
    row = Row(code=C.GPU_OOM, provoke=None, retryable=True)
    async with open_desk() as desk:
        served, told = desk.models.recogniser, []

        async def out_of_memory_once(request, **context):
            if told:
                await trio.sleep(0.2)
                return await served(request, **context)
            told.append(request)
            (result,) = await trio.to_thread.run_sync(engine.run, [attrs.evolve(request, pcm=endless)])
            raise result

        desk.models.recogniser = out_of_memory_once
        socket = await opened(desk, timeout_ms=30_000)
        for number in range(3):
            socket.send("fragment:data", {"fragment_id": "f", "sequence_number": number, "audio": SPEECH})
        answers, levels = [], []
        with trio.fail_after(30):
            # Two more are under way: the release does not come before the alarm.
            while len(answers) < 3 or levels[-1:] == ["slow_down"]:
                event, payload = await socket.next()
                if event == "fragment:processed":
                    answers.append(payload)
                elif event == "backpressure":
                    levels.append(payload["action"])
    check(row, Told(answer=answers[0]))
    assert {answer["status"] for answer in answers[1:]} == {"success"}
    assert levels == ["slow_down", "none"]


@pytest.mark.models
async def test_a_synthesis_that_the_library_refuses_is_told_with_its_code(folders) -> None:
    engine = await trio.to_thread.run_sync(kokoro.load, folders["kokoro"] / "model.onnx", find_voices(), 2)
    row = Row(code=C.SYNTHESIS_FAILED, provoke=None, stage="tts")
    async with open_desk() as desk:
        check(row, await with_an_engine(desk, "synthesiser", engine, voice="nobody"))
