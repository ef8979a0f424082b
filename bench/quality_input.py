"""Half an hour of English with known words: the corpus, spoken once by Kokoro and kept in the cache.

`corpus/NAME-DIGEST/` holds `clean.wav`, `reference.txt` and `utterances.json` (who said what from when to
when), and, made by code from it, `noise15.wav`, `noise10.wav`, `music.wav` and `telephone.wav`. What has been
spoken is kept line by line, so that it can be stopped and go on.
"""

import argparse
import hashlib
import json
import wave

import numpy as np
from quality_script import LEAD_S, scripts
from quality_sounds import CONDITIONS
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sts_actors.engines.kokoro import RATE_HZ, load
from sts_actors.engines.kokoro_voices import fetch_voices
from sts_actors.engines.ports import SynthesiseRequest
from sts_actors.engines.weights.assets import cache_folder, known_assets, verify

SILENCE = 10 ** (-45 / 20)
PEAK = 0.9


def corpus_folder():
    """Where it is kept."""
    return cache_folder() / "corpus"


def folder_of(script):
    """Where one text's recordings are."""
    return corpus_folder() / f"{script.name}-{script.digest}"


def write_wav(path, pcm, rate_hz=RATE_HZ):
    """Mono samples as 16-bit WAV, whole or not at all."""
    partial = path.with_suffix(".part")
    with wave.open(str(partial), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes((np.clip(pcm, -1, 1) * 32767).round().astype("<i2").tobytes())
    partial.replace(path)


def read_wav(path):
    """A mono 16-bit WAV as float samples, and its rate."""
    with wave.open(str(path)) as sound:
        pcm = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(np.float32) / 32768
        return pcm, sound.getframerate()


def trimmed(pcm):
    """Without the silence at both ends, but 20 ms."""
    loud = np.flatnonzero(np.abs(pcm) > SILENCE)
    if not loud.size:
        return pcm[:0]
    margin = round(0.02 * RATE_HZ)
    return pcm[max(loud[0] - margin, 0) : loud[-1] + margin]


def line_path(line):
    """Where one line's sound is kept."""
    digest = hashlib.sha256(f"{line.voice}\n{line.text}".encode()).hexdigest()[:20]
    return corpus_folder() / "lines" / f"{digest}.wav"


def speak(lines, console):
    """Speak what is not there yet, one line after the other."""
    missing = [line for line in lines if not line_path(line).is_file()]
    if not missing:
        return
    line_path(missing[0]).parent.mkdir(parents=True, exist_ok=True)
    voices = fetch_voices()
    kokoro = load(verify(known_assets()["kokoro"]) / "model.onnx", voices, 1)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} lines"),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=console,
    )  # fmt: skip
    with bar:
        for line in bar.track(missing, description="speaking"):
            request = SynthesiseRequest(text=line.text, language="en", voice=line.voice)
            (audio,) = kokoro.run([request])
            if isinstance(audio, Exception):
                raise audio
            write_wav(line_path(line), trimmed(audio.pcm))


def placed(script):
    """All lines on one track, and each line's place on it in seconds."""
    sounds = [read_wav(line_path(line))[0] for line in script.lines]
    end, starts = 0, []
    for line, sound in zip(script.lines, sounds, strict=True):
        start = max(end + round(line.after_s * RATE_HZ), starts[-1] if starts else 0)
        starts.append(start)
        end = max(end, start + sound.size)
    track = np.zeros(end + round(LEAD_S * RATE_HZ), np.float32)
    for start, sound in zip(starts, sounds, strict=True):
        track[start : start + sound.size] += sound
    utterances = [
        {
            "speaker": line.speaker,
            "voice": line.voice,
            "text": line.text,
            "start_s": round(start / RATE_HZ, 3),
            "end_s": round((start + sound.size) / RATE_HZ, 3),
        }
        for line, start, sound in zip(script.lines, starts, sounds, strict=True)
    ]
    return track * (PEAK / max(float(np.abs(track).max()), PEAK)), utterances


def make(script, console, conditions=tuple(CONDITIONS)):
    """One text's folder, complete."""
    folder = folder_of(script)
    if not (folder / "utterances.json").is_file():
        speak(script.lines, console)
        track, utterances = placed(script)
        folder.mkdir(parents=True, exist_ok=True)
        write_wav(folder / "clean.wav", track)
        said = "\n".join(line.text for line in script.lines) + "\n"
        (folder / "reference.txt").write_text(said, "utf-8")
        (folder / "utterances.json").write_text(json.dumps(utterances, indent=1), "utf-8")
    for name in conditions:
        if not (folder / f"{name}.wav").is_file():
            clean, rate_hz = read_wav(folder / "clean.wav")
            write_wav(folder / f"{name}.wav", CONDITIONS[name](clean, rate_hz))
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="of texts; all by default")
    chosen = parser.parse_args().names
    console, total_s = Console(), 0.0
    for script in scripts():
        if chosen and script.name not in chosen:
            continue
        folder = make(script, console)
        pcm, rate_hz = read_wav(folder / "clean.wav")
        total_s += pcm.size / rate_hz
        words = sum(len(line.text.split()) for line in script.lines)
        console.print(
            f"{script.name:12} {pcm.size / rate_hz:6.1f} s {words:5} words  {folder}", soft_wrap=True
        )
    console.print(f"{total_s / 60:.1f} minutes")


if __name__ == "__main__":
    main()
