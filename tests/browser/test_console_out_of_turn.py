"""Answers that come late, or not at all, or from a service that does not know what it is asked for."""

import pytest
from browser_chromium import console_errors, until
from console_page import every, next_beat, one, row, show

HOLD = """
  const real = window.fetch;
  window.held = [];
  window.fetch = async (path, options) => {
    const answer = await real(path, options);
    if (!String(path).includes(arguments[0])) return answer;
    await new Promise((resolve, reject) => {
      window.held.push(resolve);
      options.signal.addEventListener("abort", () => reject(options.signal.reason));
    });
    return answer;
  };
"""
ANSWER = "const real = window.fetch; window.fetch = async (path, options) => "
ANSWER += (
    "String(path).includes(arguments[0]) ? new Response('', {status: arguments[1]}) : real(path, options);"
)


def audio(browser, name):
    return browser.execute_script(f"return document.querySelector('audio').{name}")


@pytest.fixture
def two(browser, service, workers):
    streams = [workers.open(stream_id=f"turn-{number}") for number in (1, 2)]
    for worker in streams:
        workers.feed(worker, 2)
    show(browser, service)
    until(browser, lambda: [row(browser, worker) for worker in streams])
    return streams


def test_an_answer_about_a_stream_that_was_left_is_neither_waited_for_nor_shown(browser, two):
    first, second = two
    browser.execute_script(HOLD, first.ready.session_id)
    row(browser, first).click()
    until(browser, lambda: browser.execute_script("return window.held.length"))
    row(browser, second).click()
    until(browser, lambda: one(browser, "#chosen-title").text == "turn-2", timeout_s=6)
    browser.execute_script(
        """
        window.titles = new Set();
        new MutationObserver(() => titles.add(document.getElementById("chosen-title").textContent))
          .observe(document.body, { subtree: true, childList: true, characterData: true });
        window.held.splice(0).forEach(resolve => resolve());
        """
    )
    next_beat(browser)
    next_beat(browser)
    assert browser.execute_script("return [...titles]") == ["turn-2"]


def test_a_sound_that_arrives_late_is_not_heard_in_place_of_the_one_asked_for_after_it(browser, two):
    row(browser, two[0]).click()
    until(browser, lambda: len(every(browser, ".sound")) == 4)
    browser.execute_script(HOLD, "fragments/0/source.wav")
    one(browser, '.sound[aria-label$="source of #0"]').click()
    until(browser, lambda: browser.execute_script("return window.held.length"))
    one(browser, '.sound[aria-label$="source of #1"]').click()
    until(browser, lambda: audio(browser, "currentTime") > 0)
    before = audio(browser, "src")
    browser.execute_script("window.held.splice(0).forEach(resolve => resolve())")
    next_beat(browser)
    assert audio(browser, "src") == before
    assert one(browser, ".player span").text == "source of #1"


def test_a_sound_that_is_no_longer_kept_is_told(browser, two):
    row(browser, two[0]).click()
    until(browser, lambda: len(every(browser, ".sound")) == 4)
    browser.execute_script(ANSWER, ".wav", 404)
    one(browser, '.sound[aria-label$="source of #0"]').click()
    until(browser, lambda: one(browser, ".player span").text == "source of #0 is no longer kept.")


def test_a_service_in_trouble_is_told_like_one_that_is_gone(browser, two):
    browser.execute_script(ANSWER, "overview", 500)
    until(browser, lambda: "No answer from the service since" in one(browser, "#notice-text").text)


def test_a_stream_that_the_service_does_not_know_is_told(browser, service):
    browser.get(f"{service.url}/#session=nobody")
    until(browser, lambda: "no longer knows this stream" in one(browser, "#chosen").text)
    assert not one(browser, "#notice").is_displayed()
    assert all("404" in error for error in console_errors(browser))


def test_an_address_that_was_mistyped_is_a_stream_that_is_not_known(browser, service):
    browser.get(f"{service.url}/#session=%E0%A4%A")
    until(browser, lambda: "no longer knows this stream" in one(browser, "#chosen").text)
    assert all("404" in error for error in console_errors(browser))


def test_a_service_that_answers_its_own_machine_alone_is_told_with_what_to_do(browser, service):
    browser.get(service.url.replace("127.0.0.1", "elsewhere.localhost"))
    until(browser, lambda: "set STS_AUTH_TOKEN" in one(browser, "#notice-text").text)
    assert not one(browser, "#token").is_displayed()
    assert all("403" in error for error in console_errors(browser))


def test_the_pages_own_clock_leaves_nothing_behind(browser, service):
    show(browser, service)
    next_beat(browser)
    next_beat(browser)
    assert browser.execute_script("return performance.getEntriesByType('measure').length") <= 1
