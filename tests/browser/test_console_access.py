import pytest
from browser_chromium import console_errors, until
from browser_service import serving
from browser_workers import Workers
from console_page import listed, next_beat, one, show

SECRET = "a long secret of this test"
ASKED = """
  const asked = performance.getEntriesByType("resource");
  return asked.filter(entry => entry.name.endsWith("/overview")).map(entry => entry.startTime);
"""
QUICK = {"FAKE_ASR_LATENCY": 0, "FAKE_TRANSLATION_LATENCY": 0, "FAKE_TTS_LATENCY": 0}


@pytest.fixture(scope="module")
def guarded():
    with serving(STS_AUTH_TOKEN=SECRET, **QUICK) as served:
        yield served


def test_a_token_is_asked_for_until_it_is_right_and_kept_for_the_tab(browser, guarded):
    browser.get(guarded.url)
    until(browser, lambda: one(browser, "#token").is_displayed())
    assert not one(browser, "#token-refused").is_displayed()
    assert "wants its token" in one(browser, "#notice-text").text
    one(browser, "#token-value").send_keys("wrong\n")
    until(browser, lambda: one(browser, "#token-refused").is_displayed())
    one(browser, "#token-value").send_keys(SECRET + "\n")
    until(browser, lambda: one(browser, "#version").text)
    assert not one(browser, "#notice").is_displayed()
    refused = console_errors(browser)
    assert refused
    assert all("401" in error for error in refused)
    browser.refresh()
    until(browser, lambda: one(browser, "#version").text)
    assert not one(browser, "#token").is_displayed()
    stored = "return [JSON.stringify(localStorage).includes(arguments[0]), location.href.includes('secret')]"
    assert browser.execute_script(stored, SECRET) == [False, False]


def test_who_gives_no_token_is_not_asked_again_unbidden(browser, guarded):
    browser.get(guarded.url)
    until(browser, lambda: one(browser, "#token").is_displayed())
    one(browser, "#token-later").click()
    browser.execute_async_script("setTimeout(arguments[0], 1500)")
    assert not one(browser, "#token").is_displayed()
    one(browser, "#notice-token").click()
    assert one(browser, "#token").is_displayed()
    assert all("401" in error for error in console_errors(browser))


def test_a_page_that_nobody_sees_asks_nothing_and_one_that_is_seen_again_asks_at_once(browser, service):
    show(browser, service)
    next_beat(browser)
    watched = browser.current_window_handle
    browser.execute_script(
        "window.hides = []; addEventListener('visibilitychange', () => hides.push(performance.now()))"
    )
    browser.switch_to.new_window("tab")
    browser.execute_async_script("setTimeout(arguments[0], 3000)")
    browser.close()
    browser.switch_to.window(watched)
    hidden, shown = browser.execute_script("return window.hides")
    next_beat(browser)
    asked = browser.execute_script(ASKED)
    # One may have been under way as the page was hidden.
    assert [start for start in asked if hidden + 50 < start < shown - 50] == []
    assert [start for start in asked if shown - 50 <= start < shown + 900]


def test_a_service_that_is_gone_is_told_and_its_return_seen(browser, guarded):
    port = int(guarded.url.rpartition(":")[2])
    browser.get(guarded.url)
    browser.execute_script("sessionStorage.setItem('sts-token', arguments[0])", SECRET)
    with Workers(guarded.url) as workers:
        workers.open(stream_id="before", token=SECRET)
        show(browser, guarded)
        until(browser, lambda: listed(browser) == ["before"])
    console_errors(browser)
    guarded.stop()
    until(browser, lambda: one(browser, "#notice").is_displayed())
    assert "No answer from the service since" in one(browser, "#notice-text").text
    assert one(browser, "#state").text == "not connected"
    assert listed(browser) == ["before"]
    with serving(port=port, STS_AUTH_TOKEN=SECRET, **QUICK):
        until(browser, lambda: not one(browser, "#notice").is_displayed())
        assert one(browser, "#state").text == "ready"
        assert listed(browser) == []
        # The fixture leaves the page while there is somebody to answer it.
        browser.get("about:blank")
    assert all("ERR_CONNECTION" in error for error in console_errors(browser))
