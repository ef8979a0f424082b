"""Write the pictures of the console in docs/pictures/, of a service that dubs speech: `just pictures`."""

import argparse
import tempfile
import wave
from pathlib import Path

from browser_chromium import chromium, resized, until
from browser_service import serving
from browser_workers import Workers
from console_page import every, listed, next_beat, one, show

from sts_actors.cli.demo import find_speech

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
FRAGMENT_S = 6.0
WIDE, PHONE = (1440, 900), (390, 844)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("speech", "crowd"), help="the real dub, or the hundred streams")
    asked = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium(folder, "--hide-scrollbars") as browser:
        if asked.only != "crowd":
            with serving("embedded") as served, Workers(served.url) as workers:
                take_speech(browser, served, workers)
        if asked.only != "speech":
            slow = {"FAKE_ASR_LATENCY": 0.35, "FAKE_TRANSLATION_LATENCY": 0.15, "FAKE_TTS_LATENCY": 0.45}
            with serving(MAX_CONCURRENT_STREAMS=100, **slow) as served, Workers(served.url) as workers:
                take_crowd(browser, served, workers)


def take_speech(browser, served, workers):
    """One stream that is dubbed for real, others that are quiet."""
    with wave.open(str(find_speech())) as file:
        rate_hz, speech = file.getframerate(), file.readframes(file.getnframes())
    reader = workers.open(
        duration_s=FRAGMENT_S,
        speech=speech,
        stream_id="two-cities",
        worker_id="reading-room",
        sample_rate_hz=rate_hz,
    )
    for name, worker_id in (("evening-news", "studio-1"), ("match-7", "stadium"), ("parliament", "studio-2")):
        workers.open(stream_id=name, worker_id=worker_id)
    workers.open(stream_id="weather", worker_id="studio-1", source_language="pt", target_language="en")
    workers.feed(reader, 7, pace_s=FRAGMENT_S)
    resized(browser, *WIDE, scheme="light")
    show(browser, served, reader)
    until(browser, lambda: len(every(browser, ".outcome .good, .outcome .warn")) >= 4, timeout_s=90)
    take(browser, "console-speech")


def take_crowd(browser, served, workers):
    """A hundred streams, of which some have more to do than is done in time."""
    towns = ("lisbon", "porto", "faro", "braga", "évora", "coimbra", "aveiro", "viseu", "leiria", "beja")
    streams = []
    for number in range(100):
        target = {"target_language": "pt", "target_languages": ("pt", "es", "de") if number == 3 else None}
        name = f"{towns[number % 10]}-{number // 10 + 1}"
        streams.append(workers.open(number, stream_id=name, worker_id=f"studio-{number % 7 + 1}", **target))
    for number in range(12):
        workers.feed(streams[number], 60, pace_s=0.4 + number % 3)
    resized(browser, *WIDE, scheme="dark")
    show(browser, served, streams[3])
    until(browser, lambda: len(listed(browser)) == 100)
    until(browser, lambda: len(every(browser, ".outcome .good")) >= 6, timeout_s=60)
    one(browser, "th.of-success button").click()
    take(browser, "console-many")
    resized(browser, *WIDE, scheme="light")
    show(browser, served, streams[1])
    until(browser, lambda: len(every(browser, ".outcome .good")) >= 6, timeout_s=60)
    browser.execute_script("document.querySelector('.chosen-scroller').scrollTop = 260")
    take(browser, "console-light")
    resized(browser, *PHONE, scheme="light")
    browser.execute_script("document.querySelector('.fragments-part').scrollIntoView()")
    take(browser, "console-phone")


def take(browser, name):
    """The page after its next news."""
    next_beat(browser)
    path = FOLDER / f"{name}.png"
    path.write_bytes(browser.get_screenshot_as_png())
    print(f"{path}  {path.stat().st_size // 1024} KB")  # noqa: T201 - it is a script


if __name__ == "__main__":
    main()
