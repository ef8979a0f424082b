"""What the page says when the service cannot, or is no longer there."""

from browser_chromium import console_errors, until
from browser_service import serving
from try_page import (
    choose_file,
    every,
    finished,
    one,
    phrases,
    show,
    start,
    state,
    write_talk,
)


def test_a_service_that_goes_leaves_what_was_dubbed_and_says_so(browser, tmp_path):
    with serving(FAKE_ASR_LATENCY=0.05, FAKE_TRANSLATION_LATENCY=0.0, FAKE_TTS_LATENCY=0.5) as served:
        show(browser, served.url)
        choose_file(browser, write_talk(tmp_path / "talk.wav", 120))
        start(browser)
        until(browser, lambda: phrases(browser))
        served.process.kill()
        finished(browser, "Ended early")
    assert "connection to the service was lost" in one(browser, "#trouble").text
    assert {link.get_attribute("download") for link in every(browser, "#downloads a")} == {
        "talk.pt.wav",
        "talk.pt.srt",
        "talk.en.srt",
    }
    console_errors(browser)


def test_a_voice_that_has_gone_is_refused_in_words(browser, service, tmp_path):
    show(browser, service.url)
    choose_file(browser, write_talk(tmp_path / "talk.wav", 2))
    one(browser, ".more summary").click()
    browser.execute_script(
        """const field = document.querySelector("#voices");
        const select = document.createElement("select");
        select.dataset.language = "pt";
        select.append(new Option("nobody", "nobody"));
        field.append(select);"""
    )
    start(browser)
    finished(browser, "Ended early")
    assert "does not have this voice" in one(browser, "#trouble").text
    assert "nobody" in one(browser, "#trouble").text


def test_without_a_network_it_says_that_nobody_answers(browser, service):
    show(browser, service.url)
    browser.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    try:
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
        start(browser)
        until(browser, lambda: state(browser) == "Could not begin")
        assert "does not answer" in one(browser, "#trouble").text
    finally:
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", {**offline, "offline": False})
    console_errors(browser)
