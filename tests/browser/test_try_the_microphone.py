"""The microphone: Chromium's fake device, which hears a file."""

import numpy as np
import pytest
from browser_axe import violations
from browser_chromium import chromium, console_errors, fake_microphone, until
from browser_service import serving
from selenium.webdriver.common.by import By
from try_page import (
    choose_source,
    downloaded,
    figures,
    finished,
    one,
    phrases,
    samples_of,
    show,
    start,
    write_talk,
)

NAME = "dub.example"


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    folder = tmp_path_factory.mktemp("microphone")
    talk = write_talk(folder / "talk.wav", 20, rate_hz=48_000, channels=1)
    # The name is this machine under another one: no secure place, as on a network without https.
    arguments = (*fake_microphone(talk), f"--host-resolver-rules=MAP {NAME} 127.0.0.1")
    with chromium(folder / "profile", *arguments, downloads=folder) as driver:
        driver.downloads = folder
        yield driver


def test_what_is_spoken_is_dubbed_while_it_is_spoken(driver, service):
    show(driver, service.url)
    choose_source(driver, "microphone")
    start(driver)
    until(driver, lambda: figures(driver)[1] >= 6, 60)
    assert phrases(driver)
    one(driver, "#stop").click()
    finished(driver)
    files = downloaded(driver, driver.downloads)
    samples = samples_of(files["microphone.pt.wav"])
    assert len(samples) >= 6 * 16_000
    assert np.abs(samples).max() > 1000
    assert "pt:" in files["microphone.pt.srt"].decode()
    assert console_errors(driver) == []


def test_without_a_secure_page_the_microphone_is_refused_with_the_remedy(driver):
    with serving(STS_AUTH_TOKEN="open sesame") as served:
        driver.get(f"http://{NAME}:{served.url.rpartition(':')[2]}/try")
        until(driver, lambda: one(driver, "#token").is_displayed())
        assert violations(driver) == []
        for given in ("wrong", "open sesame"):
            one(driver, "#token-value").send_keys(given)
            one(driver, "#token button").click()
            until(
                driver,
                lambda: (
                    one(driver, "#token-refused").is_displayed() or not one(driver, "#token").is_displayed()
                ),
            )
        until(driver, lambda: one(driver, "#state").text == "Ready")
        radio = driver.find_element(By.CSS_SELECTOR, 'input[value="microphone"]')
        assert not radio.is_enabled()
        assert "https" in one(driver, "#microphone-says").text
        # It dubs all the same, with the token.
        start(driver)
        until(driver, lambda: phrases(driver), 60)
        one(driver, "#stop").click()
        finished(driver)
        console_errors(driver)  # The two answers without the right token.
