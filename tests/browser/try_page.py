"""Looking at the page that dubs, and using it."""

import io
import wave

import numpy as np
from browser_chromium import until
from selenium.webdriver.common.by import By

PATIENCE_S = 150
"""For real models on a machine with other work."""


def one(browser, selector):
    return browser.find_element(By.CSS_SELECTOR, selector)


def every(browser, selector):
    return browser.find_elements(By.CSS_SELECTOR, selector)


def state(browser):
    return one(browser, "#state").text


def show(browser, url):
    """Open the page, and wait until it knows what the service can do."""
    browser.get(f"{url}/try")
    until(browser, lambda: state(browser) == "Ready", 60)


def choose_source(browser, source):
    one(browser, f'input[name="source"][value="{source}"]').click()


def choose_file(browser, path):
    choose_source(browser, "file")
    one(browser, "#file").send_keys(str(path))


def start(browser):
    one(browser, "#start").click()


def finished(browser, how="Done", timeout_s=PATIENCE_S, *, excused=""):
    """Wait for the end of a dub; it must be the right one. Trouble that says `excused` is none."""
    ends = {"Done", "Ended early", "Could not begin"}
    until(browser, lambda: state(browser) in ends, timeout_s)
    trouble = one(browser, "#trouble").text
    assert state(browser) == how, trouble
    assert how != "Done" or not trouble or (excused and excused in trouble), trouble


def phrases(browser):
    """What was said and what is spoken, phrase by phrase."""
    return [
        (row.find_element(By.CLASS_NAME, "said").text, row.find_element(By.CLASS_NAME, "spoken").text)
        for row in every(browser, ".word")
    ]


def figures(browser):
    """Seconds sent and dubbed, while it goes on."""
    words = one(browser, "#figures").text.split()
    return (int(words[0]), int(words[3])) if "sent," in words else (0, 0)


def downloaded(browser, folder):
    """Press all that is offered; the files by their names."""
    links = every(browser, "#downloads a")
    names = [link.get_attribute("download") for link in links]
    for link in links:
        link.click()
    until(browser, lambda: all((folder / name).exists() for name in names))
    return {name: (folder / name).read_bytes() for name in names}


def samples_of(wav):
    with wave.open(io.BytesIO(wav)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16_000, 1, 2)
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2")


def write_talk(path, seconds, rate_hz=44_100, channels=2):
    """A recording with something to hear in it, at a rate and in channels that are not the wire's."""
    frames = round(seconds * rate_hz)
    times = np.arange(frames) / rate_hz
    loud = 0.1 + 0.08 * np.sin(2 * np.pi * times / 3)
    tone = (loud * np.sin(2 * np.pi * 220 * times) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(rate_hz)
        sound.writeframes(np.repeat(tone[:, None], channels, axis=1).tobytes())
    return path
