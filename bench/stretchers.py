"""The two stretchers side by side on speech: time, length, how long the loop is held, what is understood.

For each tempo: the median of seven runs, the longest that a Trio loop went without a turn while one ran in a
thread, and the word error rate of what Whisper base hears, against what it hears in the unstretched speech.
"""

import argparse
import time
import wave
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import jiwer
import numpy as np
import trio

from sts_actors.audio.pcm import resample
from sts_actors.audio.tempo import stretch
from sts_actors.engines import kokoro, whisper
from sts_actors.engines.kokoro_voices import find_voices
from sts_actors.engines.ports import RECOGNISER_RATE_HZ, RecogniseRequest, SynthesiseRequest
from sts_actors.engines.weights.assets import join, known_assets, package_file

RUNS = 7
TEMPOS = (0.8, 0.9, 1.1, 1.2)
SECONDS = 6
FRAGMENTS = 7
TURN_S = 0.001
SENTENCE = (
    "The harbour was quiet that morning, and the old ferry left a little later than it should have, "
    "because its captain had stopped to talk."
)
NORMAL = jiwer.Compose(
    [jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.RemoveMultipleSpaces(), jiwer.Strip()]
)


def human():
    """The sample's fragments."""
    with wave.open(str(package_file("moonshine_voice", "assets/two_cities.wav"))) as sample:
        rate = sample.getframerate()
        parts = [sample.readframes(SECONDS * rate) for _ in range(FRAGMENTS)]
    return [np.frombuffer(part, "<i2").astype(np.float32) / 32768 for part in parts], rate


def made():
    """A sentence of Kokoro's."""
    engine = kokoro.load(join(known_assets()["kokoro"]) / "model.onnx", find_voices(), 2)
    request = SynthesiseRequest(text=SENTENCE, language="en", voice="", speed=1.0)
    (audio,) = engine.run([request])
    return [audio.pcm], audio.sample_rate_hz


def hear(recogniser, pieces, rate):
    requests = [
        RecogniseRequest(pcm=resample(piece, rate, RECOGNISER_RATE_HZ), language="en") for piece in pieces
    ]
    return [NORMAL(answer.text) for answer in recogniser.run(requests)]


async def longest_wait(work):
    """The longest ms that a turn of the loop came too late while `work` ran in a thread."""
    longest = 0.0

    async def take_turns():
        nonlocal longest
        while True:
            began = time.perf_counter()
            await trio.sleep(TURN_S)
            longest = max(longest, time.perf_counter() - began - TURN_S)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_turns)
        await trio.to_thread.run_sync(work)
        nursery.cancel_scope.cancel()
    return longest * 1000


def milliseconds(work):
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def measure(name, tempo, pieces, rate, recogniser, words):
    one = pieces[0]
    work = partial(stretch, one, rate, tempo, name)
    work()
    took = median(milliseconds(work) for _ in range(RUNS))
    waits = sorted(trio.run(longest_wait, work) for _ in range(RUNS))
    stretched = [stretch(piece, rate, tempo, name) for piece in pieces]
    off = max(abs(len(s) - round(len(p) / tempo)) for s, p in zip(stretched, pieces, strict=True))
    errors = jiwer.wer(words, hear(recogniser, stretched, rate))
    return took, median(waits), waits[-1], off, errors


def picture(one, rate, folder):
    """Spectrograms of one fragment, as it is and stretched by each, where matplotlib is installed."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    sounds = {
        "as spoken": one,
        **{f"{name} 1.2": stretch(one, rate, 1.2, name) for name in ("atempo", "rubberband")},
    }
    figure, axes = plt.subplots(len(sounds), 1, figsize=(10, 9), layout="constrained")
    for axis, (title, sound) in zip(axes, sounds.items(), strict=True):
        axis.specgram(sound, NFFT=1024, Fs=rate, noverlap=768)
        axis.set(title=title, ylim=(0, 8000))
    figure.savefig(folder / "stretchers.png")


def main(pictures):
    recogniser = whisper.load(join(known_assets()["whisper-base"]), "cpu", "int8", 2)
    print("| speech | stretcher | tempo | ms | loop held: median, worst ms | frames off | WER % |")
    print("|---|---|---|---|---|---|---|")
    for speech, (pieces, rate) in (("human", human()), ("Kokoro", made())):
        words = hear(recogniser, pieces, rate)
        for name in ("atempo", "rubberband"):
            for tempo in TEMPOS:
                took, held, worst, off, wrong = measure(name, tempo, pieces, rate, recogniser, words)
                print(
                    f"| {speech}, {rate} Hz | {name} | {tempo} | {took:.1f} "
                    f"| {held:.1f}, {worst:.1f} | {off} | {wrong * 100:.1f} |",
                    flush=True,
                )
        if speech == "human" and pictures and find_spec("matplotlib"):
            picture(pieces[0], rate, pictures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, help="a folder for spectrograms")
    main(parser.parse_args().pictures)
