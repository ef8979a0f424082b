"""What the page writes is what `sts-actors dub` writes: the same samples, the same subtitles."""

import base64
import io
import tempfile
import wave
from pathlib import Path

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sts_actors.cli.naming import outputs_by_language
from sts_actors.cli.output import DubWriter
from sts_actors.cli.track import fit
from sts_actors.client import Utterance

RATE_HZ = 16_000

LETTERS = st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"], max_codepoint=0x2FFF)
TEXTS = st.one_of(
    st.text(st.sampled_from("ab é-\n\t→>"), max_size=60),
    st.lists(st.text(LETTERS, max_size=50), max_size=12).map(" ".join),
    st.lists(st.sampled_from(["a", "word", "-->", "supercalifragilistic" * 3]), max_size=40).map(" ".join),
)
UTTERANCES = st.builds(
    lambda start, length, said, spoken: {
        "start_ms": start,
        "end_ms": start + length,
        "transcript": said,
        "translated_text": spoken,
    },
    st.integers(-900, 6000),
    st.integers(0, 6000),
    TEXTS,
    TEXTS,
)
ANSWERS = st.fixed_dictionaries(
    {"transcript": TEXTS, "translated_text": TEXTS, "utterances": st.lists(UTTERANCES, max_size=3)}
)

WRITE = """
const { Track } = await page("try/track.js");
const { subtitles } = await page("try/srt.js");
const { wavFile } = await page("try/wav.js");
const { decodePcm } = await page("try/pcm.js");
const track = new Track("pt", given.sizes, given.rate_hz);
for (const each of given.answers) track.take({ ...each, audio: decodePcm(each.audio) });
if (given.tail) track.finish({ ...given.tail, audio: decodePcm(given.tail.audio) });
const said = (field) => subtitles(track.phrases.map((each) => ({ ...each, text: each[field] })));
const wav = Buffer.from(await wavFile(track.pieces, given.rate_hz).arrayBuffer()).toString("base64");
return { en: said("transcript"), pt: said("translated_text"), wav, complete: track.complete };
"""


def written(answers, tail):
    """What the command would write."""
    with tempfile.TemporaryDirectory() as folder:
        (paths,) = outputs_by_language(
            Path(folder) / "talk.wav", Path(folder), source_language="en", target_languages=("pt",)
        )
        paths.part.mkdir()
        with DubWriter(paths, sample_rate_hz=RATE_HZ, channels=1) as writer:
            for answer, add in [(each, writer.add) for each in answers] + [
                (each, writer.add_tail) for each in tail
            ]:
                utterances = [Utterance(**each) for each in answer["utterances"]]
                pcm = fit(base64.b64decode(answer["audio"]), answer["size"], 1)
                add(pcm, answer["transcript"], answer["translated_text"], utterances)
        return {
            "en": paths.partial.source_srt.read_text(),
            "pt": paths.partial.target_srt.read_text(),
        }, paths.partial.wav.read_bytes()


def sounding(answer, number, size):
    audio = np.full(size, number + 1, "<i2").tobytes()
    return {
        **answer,
        "sequence_number": number,
        "size": size,
        "audio": base64.b64encode(audio).decode(),
    }


@settings(max_examples=40, deadline=None)
@given(
    answers=st.lists(st.tuples(ANSWERS, st.integers(1, 100_000)), min_size=1, max_size=5),
    tail=st.none() | st.tuples(ANSWERS, st.integers(0, 9000)),
    order=st.randoms(use_true_random=False),
)
@example(
    answers=[({"transcript": "x" * 43 + " y", "translated_text": "", "utterances": []}, 16_000)],
    tail=None,
    order=None,
)
def test_the_page_writes_what_the_command_writes(js, answers, tail, order):
    answers = [sounding(each, number, size) for number, (each, size) in enumerate(answers)]
    tails = [] if tail is None else [sounding(tail[0], len(answers), tail[1])]
    srt, wav = written(answers, tails)
    arriving = list(answers)
    if order is not None:
        order.shuffle(arriving)
    sizes = [each["size"] for each in answers]
    its = js(WRITE, answers=arriving, tail=tails[0] if tails else None, sizes=sizes, rate_hz=RATE_HZ)
    assert {"en": its["en"], "pt": its["pt"]} == srt
    assert base64.b64decode(its["wav"]) == wav
    assert its["complete"]


def test_a_piece_that_failed_or_never_came_leaves_its_length_of_silence(js):
    answers = [
        {"sequence_number": 0, "audio": base64.b64encode(b"\1\0" * 4).decode()},
        {"sequence_number": 1, "audio": "", "error": {"code": "TIMEOUT"}},
        {"sequence_number": 2, "audio": base64.b64encode(b"\3\0" * 2).decode()},
        {"sequence_number": 2, "audio": base64.b64encode(b"\4\0" * 4).decode()},
        {"sequence_number": 3, "audio": base64.b64encode(b"\5\0" * 4).decode()},
    ]
    its = js(WRITE, answers=answers, tail=None, sizes=[4, 4, 4], rate_hz=RATE_HZ)
    with wave.open(io.BytesIO(base64.b64decode(its["wav"]))) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
    assert samples.tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 3, 3, 0, 0]
    assert its["en"] == ""


@settings(max_examples=50, deadline=None)
@given(samples=st.lists(st.integers(-32768, 32767), max_size=300), repeats=st.sampled_from([1, 200]))
def test_samples_survive_the_way_to_base64_and_back(js, samples, repeats):
    samples = samples * repeats
    its = js(
        """const { decodePcm, encodePcm, toFloat32, toInt16 } = await page("try/pcm.js");
        const text = encodePcm(Int16Array.from(given.samples));
        return { text, back: [...decodePcm(text)] };""",
        samples=samples,
    )
    assert base64.b64decode(its["text"]) == np.array(samples, "<i2").tobytes()
    assert its["back"] == samples


@settings(max_examples=50, deadline=None)
@given(length=st.integers(0, 400), size=st.integers(1, 100), shortest=st.integers(0, 20))
def test_a_recording_is_cut_without_loss_and_no_rest_is_shorter_than_it_may_be(js, length, size, shortest):
    shortest = min(shortest, size)
    pieces = js(
        """const { cut } = await page("try/pcm.js");
        const samples = Int16Array.from({ length: given.length }, (_, at) => at);
        return cut(samples, given.size, given.shortest).map((each) => [...each]);""",
        length=length,
        size=size,
        shortest=shortest,
    )
    assert [sample for piece in pieces for sample in piece] == list(range(length))
    assert all(len(piece) == size for piece in pieces[:-1])
    if len(pieces) > 1:
        assert shortest <= len(pieces[-1]) < size + shortest or len(pieces[-1]) == size


def test_loud_floats_are_held_at_the_limits(js):
    its = js(
        """const { mixed, toInt16 } = await page("try/pcm.js");
        return [...toInt16(mixed([Float32Array.of(2, -2, 0.5), Float32Array.of(2, -2, -0.5)]))];"""
    )
    assert its == [32767, -32768, 0]
