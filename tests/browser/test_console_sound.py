import pytest
from browser_chromium import until
from console_page import every, one, show
from selenium.webdriver.common.by import By

DURATION_S = 2.5


@pytest.fixture
def opened(browser, service, workers):
    worker = workers.open(stream_id="sound", duration_s=DURATION_S)
    workers.feed(worker, 2)
    show(browser, service, worker)
    until(browser, lambda: len(every(browser, ".sound")) == 4)
    return browser


def audio(browser, name):
    return browser.execute_script(f"return document.querySelector('audio').{name}")


def sound(browser, what):
    return browser.find_element(By.CSS_SELECTOR, f'.sound[aria-label$="{what}"]')


@pytest.mark.parametrize("what", ["source of #0", "dub of #1 in pt"])
def test_a_fragments_sound_plays_and_lasts_as_long_as_the_fragment(opened, what):
    sound(opened, what).click()
    until(opened, lambda: audio(opened, "currentTime") > 0.2)
    assert audio(opened, "duration") == pytest.approx(DURATION_S, abs=0.05)
    assert not audio(opened, "paused")
    assert sound(opened, what).get_attribute("aria-label") == f"Pause {what}"
    at = audio(opened, "currentTime")
    until(opened, lambda: audio(opened, "currentTime") > at)
    sound(opened, what).click()
    until(opened, lambda: sound(opened, what).get_attribute("aria-label") == f"Play {what}")
    assert audio(opened, "paused")


def test_one_sound_is_heard_at_a_time_and_none_of_a_stream_that_was_closed(opened):
    sound(opened, "source of #0").click()
    until(opened, lambda: audio(opened, "currentTime") > 0)
    sound(opened, "source of #1").click()
    until(opened, lambda: sound(opened, "source of #1").get_attribute("aria-label").startswith("Pause"))
    assert sound(opened, "source of #0").get_attribute("aria-label").startswith("Play")
    assert one(opened, ".player span").text == "source of #1"
    one(opened, ".chosen .panel-head button").click()
    assert audio(opened, "paused")
    assert not one(opened, ".player").is_displayed()
