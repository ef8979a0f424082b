"""Whisper in batches beside the same fragments one by one: warm, in turn, medians of several rounds.

python bench/recognition.py --rounds 5
"""

import argparse
import statistics
import time
import wave

from sts_actors.audio.codecs import decode
from sts_actors.audio.pcm import downmix, resample
from sts_actors.engines import whisper
from sts_actors.engines.ports import RECOGNISER_RATE_HZ, RecogniseRequest
from sts_actors.engines.weights.assets import package_file
from sts_actors.engines.whisper.files import find_model
from sts_actors.messages import AudioFormat, Container

SIZES = (1, 2, 4, 8)


def fragments(seconds):
    """The packaged recordings, cut without mercy; a last rest without speech is left out."""
    for name in ("two_cities", "beckett"):
        with wave.open(str(package_file("moonshine_voice", f"assets/{name}.wav"))) as sound:
            rate = sound.getframerate()
            label = AudioFormat(
                container=Container.PCM_S16LE, sample_rate_hz=rate, channels=sound.getnchannels()
            )
            while data := sound.readframes(seconds * rate):
                pcm = resample(downmix(decode(data, label).samples), rate, RECOGNISER_RATE_HZ)
                if pcm.size > seconds * RECOGNISER_RATE_HZ / 2:
                    yield RecogniseRequest(pcm=pcm, language="en")


def timed(engine, requests, size):
    """Milliseconds a fragment, on the clock and of the processors, and what was heard."""
    heard = []
    began = time.perf_counter(), time.process_time()
    for start in range(0, len(requests), size):
        heard += engine.run(requests[start : start + size])
    ended = time.perf_counter(), time.process_time()
    return tuple(1000 * (b - a) / len(requests) for a, b in zip(began, ended, strict=True)), heard


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="base", help="a size or a folder")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compute-type", default="int8")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6, help="of a fragment")
    its = parser.parse_args()
    engine = whisper.load(find_model(its.model), its.device, its.compute_type, its.threads)
    requests = list(fragments(its.seconds))[: max(SIZES)]
    _, alone = timed(engine, requests, 1)
    took = {size: [] for size in SIZES}
    for number in range(its.rounds):
        for size in SIZES:
            ms, heard = timed(engine, requests, size)
            if heard != alone:
                raise SystemExit(f"in batches of {size} something else was heard")
            took[size].append(ms)
        lone = took[1][-1][0]
        ratios = (f"{size}: x {lone / took[size][-1][0]:.2f}" for size in SIZES)
        print(f"round {number + 1}: {', '.join(ratios)}", flush=True)
    print(f"{len(requests)} fragments of {its.seconds} s, {its.rounds} rounds, {its.threads} threads")
    for size in SIZES:
        clock, work = (statistics.median(round_[kind] for round_ in took[size]) for kind in (0, 1))
        gains = [
            statistics.median(one[kind] / many[kind] for one, many in zip(took[1], took[size], strict=True))
            for kind in (0, 1)
        ]
        print(
            f"batch {size}: {clock:6.0f} ms a fragment, {work:6.0f} ms of processors; "
            f"one by one takes x {gains[0]:.2f} and x {gains[1]:.2f}"
        )


if __name__ == "__main__":
    main()
