"""What is done to clean speech, by code and always alike: noise, a bed of music, a telephone line."""

from functools import partial

import numpy as np

LOUD = 10 ** (-40 / 20)
A_MINOR, F_MAJOR, C_MAJOR = (220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (130.8, 164.8, 196.0, 261.6)
CHORDS_HZ = (A_MINOR, F_MAJOR, C_MAJOR, (196.0, 246.9, 293.7))
CHORD_S = 2.4
BED_DB = 12.0
"""How far the bed lies under the speech: about what broadcasters do."""
TELEPHONE_HZ = (300.0, 3400.0)


def level(pcm):
    """The root mean square of what is not silence."""
    loud = pcm[np.abs(pcm) > LOUD]
    return float(np.sqrt(np.mean(loud**2))) if loud.size else 0.0


def noise(pcm, rate_hz, *, snr_db):
    """Pink noise, `snr_db` under the speech."""
    generator = np.random.default_rng(20)
    frequencies = np.fft.rfftfreq(pcm.size, 1 / rate_hz)
    spectrum = generator.normal(size=frequencies.size) + 1j * generator.normal(size=frequencies.size)
    spectrum /= np.sqrt(np.maximum(frequencies, 40.0))
    return below(pcm, np.fft.irfft(spectrum, pcm.size), snr_db)


def below(pcm, other, distance_db):
    """Both together, `other` at a level of its own; softer where they would clip."""
    scaled = other * (level(pcm) / np.sqrt(np.mean(other**2)) * 10 ** (-distance_db / 20))
    mixed = pcm + scaled
    return (mixed / max(float(np.abs(mixed).max()), 1.0)).astype(np.float32)


def music(pcm, rate_hz):
    """Slow chords with a beat, each tone with overtones and an envelope of its own."""
    times = np.arange(pcm.size) / rate_hz
    within = times % CHORD_S
    swell = np.minimum(within / 0.08, 1.0) * np.exp(-within / 1.8)
    which = (times // CHORD_S).astype(int) % len(CHORDS_HZ)
    bed = np.zeros(pcm.size)
    for number, chord in enumerate(CHORDS_HZ):
        tones = sum(np.sin(2 * np.pi * hz * k * times) / k**1.5 for hz in chord for k in (1, 2, 3))
        bed += np.where(which == number, tones, 0.0)
    beat = np.random.default_rng(21).normal(size=pcm.size) * np.exp(-(times % (CHORD_S / 4)) / 0.03)
    return below(pcm, bed * swell + 0.8 * beat, BED_DB)


def telephone(pcm, rate_hz):
    """A telephone line's band, its coarse steps (mu-law, 8 bits), and a little hiss."""
    frequencies = np.fft.rfftfreq(pcm.size, 1 / rate_hz)
    low, high = TELEPHONE_HZ
    # Slopes of an octave or so: a line is no brick wall.
    slope = 1 / np.sqrt((1 + (low / np.maximum(frequencies, 1.0)) ** 6) * (1 + (frequencies / high) ** 12))
    narrow = np.fft.irfft(np.fft.rfft(pcm) * slope, pcm.size)
    narrow = below(narrow, np.random.default_rng(22).normal(size=pcm.size), 35.0).astype(float)
    narrow *= 0.9 / max(float(np.abs(narrow).max()), 1e-9)
    squeezed = np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256)
    steps = np.round(squeezed * 127) / 127
    return (np.sign(steps) * np.expm1(np.abs(steps) * np.log(256)) / 255).astype(np.float32)


CONDITIONS = {
    "noise15": partial(noise, snr_db=15.0),
    "noise10": partial(noise, snr_db=10.0),
    "music": music,
    "telephone": telephone,
}
