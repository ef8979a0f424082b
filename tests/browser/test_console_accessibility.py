import pytest
from browser_axe import violations
from browser_chromium import resized, until
from console_page import every, one, show

WIDE, PHONE = (1440, 900), (360, 740)


@pytest.fixture
def busy(browser, service, workers):
    """A stream with an answer in each of two languages, shown with all there is opened."""
    worker = workers.open(stream_id="accessible", target_languages=("pt", "es"))
    workers.feed(worker, 2)
    show(browser, service, worker)
    until(browser, lambda: len(every(browser, ".outcome .good")) == 4)
    browser.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
    every(browser, ".sound")[0].click()
    until(browser, lambda: one(browser, "audio").is_displayed())
    return browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_axe_finds_no_violation(busy, scheme, size):
    resized(busy, *size, scheme=scheme)
    assert violations(busy) == []


def test_axe_finds_no_violation_where_a_token_is_asked_for(browser, service):
    show(browser, service)
    browser.execute_script("document.getElementById('token-refused').hidden = false")
    browser.execute_script("document.getElementById('token').showModal()")
    assert violations(browser) == []


def test_axe_would_find_one(browser, service):
    show(browser, service)
    browser.execute_script("document.getElementById('filter').labels[0].remove()")
    browser.execute_script("document.getElementById('filter').placeholder = ''")
    assert violations(browser)


def test_nothing_reaches_over_the_edge_of_a_phone(busy):
    resized(busy, *PHONE)
    across = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    needed, there = busy.execute_script(across)
    assert needed <= there
    assert one(busy, "#order").is_displayed()


def test_the_button_turns_light_to_dark_for_good(browser, service):
    show(browser, service)
    colour = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(colour)
    one(browser, "[data-theme-switch]").click()
    dark = browser.execute_script(colour)
    assert dark != light
    browser.refresh()
    assert browser.execute_script(colour) == dark
    assert one(browser, "[data-theme-switch]").text == "Light"
