"""A file, dubbed by engines that pretend: what is heard, read and downloaded."""

import re
from itertools import pairwise

import numpy as np
import pytest
from browser_chromium import chromium, console_errors, until
from browser_service import serving
from selenium.webdriver.common.keys import Keys
from try_page import (
    choose_file,
    downloaded,
    every,
    finished,
    one,
    phrases,
    samples_of,
    show,
    start,
    state,
    write_talk,
)

SECONDS = 14.3

LISTEN_IN = """
window.played = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (when, offset) {
  window.played.push([when, offset, this.buffer.duration, this.context.sampleRate]);
  return start.call(this, when, offset);
};
"""


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def quick():
    with serving(FAKE_ASR_LATENCY=0.05, FAKE_TRANSLATION_LATENCY=0.0, FAKE_TTS_LATENCY=0.05) as served:
        yield served


@pytest.fixture(scope="module")
def page(quick, tmp_path_factory, downloads):
    """The page after a file was dubbed into two languages."""
    folder = tmp_path_factory.mktemp("profile")
    talk = write_talk(tmp_path_factory.mktemp("talk") / "talk.wav", SECONDS)
    with chromium(folder, downloads=downloads) as driver:
        show(driver, quick.url)
        driver.execute_script(LISTEN_IN)
        choose_file(driver, talk)
        one(driver, 'input[name="into"][value="es"]').click()
        start(driver)
        finished(driver)
        yield driver
        assert console_errors(driver) == []


@pytest.fixture(scope="module")
def files(page, downloads):
    return downloaded(page, downloads)


def test_a_dub_is_as_long_as_the_file_and_its_tail_and_has_something_to_hear(files):
    for language in ("pt", "es"):
        samples = samples_of(files[f"talk.{language}.wav"])
        assert SECONDS * 16_000 - 2 <= len(samples) < (SECONDS + 3.5) * 16_000
        assert np.abs(samples).max() > 1000


def test_subtitles_of_all_languages_can_be_downloaded(files):
    assert {"talk.en.srt", "talk.es.srt", "talk.pt.srt"} <= set(files)
    for language in ("pt", "es"):
        text = files[f"talk.{language}.srt"].decode()
        assert re.match(r"1\n00:00:\d\d,\d\d\d --> 00:00:\d\d,\d\d\d\n", text)
        assert f"{language}:" in text


def test_the_words_stand_side_by_side(page):
    shown = phrases(page)
    assert all(said and spoken.startswith("pt: ") for said, spoken in shown if said)
    assert len(shown) >= 2


def test_another_language_is_heard_and_read_at_a_press(page):
    spanish, portuguese = every(page, "#hear button")[::-1]
    assert [spanish.text, portuguese.text] == ["Spanish", "Portuguese"]
    spanish.click()
    assert spanish.get_attribute("aria-pressed") == "true"
    assert all(spoken.startswith("es: ") for _, spoken in phrases(page) if spoken)
    portuguese.click()
    assert all(spoken.startswith("pt: ") for _, spoken in phrases(page) if spoken)


def test_pieces_are_played_one_right_after_the_other_at_their_own_rate(page):
    played = page.execute_script("return window.played")
    assert {rate for *_, rate in played} == {16_000}
    pairs = [(a, b) for a, b in pairwise(played) if b[1] == 0 and b[0] > a[0]]
    gaps = [b[0] - (a[0] + a[2] - a[1]) for a, b in pairs]
    assert gaps
    # Nothing overlaps; and all but what came too late follows to the sample.
    assert min(gaps) > -1e-6
    assert sum(abs(gap) < 1e-6 for gap in gaps) >= 1


def test_a_phrase_that_is_pressed_is_heard_from_its_beginning(page):
    last = every(page, ".word")[-1]
    begins = sum(
        int(part) * unit for part, unit in zip(last.text.split()[0].split(":"), (60, 1), strict=True)
    )
    one(page, "#seek").send_keys(Keys.HOME)
    last.send_keys(Keys.ENTER)
    until(page, lambda: float(one(page, "#seek").get_property("value")) >= begins)
    until(page, lambda: last.get_attribute("aria-current") == "true")


def test_play_stops_and_goes_on(page):
    every(page, ".word")[0].click()
    until(page, lambda: one(page, "#play").text == "Pause")
    one(page, "#play").click()
    until(page, lambda: one(page, "#play").text == "Play")
    stood = one(page, "#seek").get_property("value")
    one(page, "#play").click()
    until(page, lambda: one(page, "#seek").get_property("value") != stood)


def test_the_same_page_dubs_again(page):
    one(page, 'input[name="into"][value="es"]').click()
    start(page)
    until(page, lambda: not every(page, "#downloads a"))
    finished(page)
    assert len(every(page, "#downloads a")) == 3


def test_a_file_that_is_no_sound_is_told_in_words(page, tmp_path):
    (tmp_path / "text.wav").write_text("This is no sound.")
    choose_file(page, tmp_path / "text.wav")
    start(page)
    until(page, lambda: state(page) == "Could not begin")
    assert "cannot read sound" in one(page, "#trouble").text


def test_without_a_file_or_a_language_it_does_not_begin(page):
    page.refresh()
    until(page, lambda: state(page) == "Ready")
    one(page, 'input[name="source"][value="file"]').click()
    start(page)
    assert one(page, "#trouble").text == "Choose a file first."
    one(page, 'input[name="source"][value="sample"]').click()
    for each in every(page, "#into input:checked"):
        each.click()
    start(page)
    assert one(page, "#trouble").text == "Choose a language to dub into."
