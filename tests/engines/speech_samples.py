"""Real speech that packages bring, as the recogniser gets it, and what is said in it."""

import re
import wave

from sts_actors.audio.codecs import decode
from sts_actors.audio.pcm import downmix, resample
from sts_actors.engines.ports import RECOGNISER_RATE_HZ
from sts_actors.engines.weights.assets import package_file
from sts_actors.messages import AudioFormat, Container

# Charles Dickens, A Tale of Two Cities, 1859.
SPOKEN = """
It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of
foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it
was the season of Darkness, it was the spring of hope, it was the winter of despair, we had everything
before us, we had nothing before us, we were all going direct to Heaven, we were all going direct the other
way, in short, the period was so far like the present period, that some of its noisiest authorities insisted
on its being received, for good or for evil, in the superlative degree of comparison only.
"""


def plain(text):
    """Words alone: what a listener compares."""
    return " ".join(re.sub(r"[^\w\s]", " ", text.lower()).split())


def fragments_of(file):
    """A WAV file as 6-s fragments for the recogniser."""
    with wave.open(str(file)) as sound:
        label = AudioFormat(
            container=Container.PCM_S16LE,
            sample_rate_hz=sound.getframerate(),
            channels=sound.getnchannels(),
        )
        while data := sound.readframes(6 * sound.getframerate()):
            mono = downmix(decode(data, label).samples)
            yield resample(mono, label.sample_rate_hz, RECOGNISER_RATE_HZ)


def spoken_fragments(name):
    """A recording of the package of speech, as 6-s fragments."""
    return list(fragments_of(package_file("moonshine_voice", f"assets/{name}.wav")))
