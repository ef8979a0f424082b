"""The page that dubs, for everybody: contrast, names, keyboard, phones."""

import pytest
from browser_axe import violations
from browser_chromium import resized, until
from selenium.webdriver.common.keys import Keys
from try_page import choose_file, every, finished, one, phrases, show, start, state, write_talk

WIDE, PHONE = (1440, 900), (360, 740)


@pytest.fixture
def fresh(browser, service):
    show(browser, service.url)
    one(browser, ".more summary").click()
    return browser


@pytest.fixture
def dubbed(fresh, tmp_path):
    """The page with all there is to see: words, downloads, two languages."""
    choose_file(fresh, write_talk(tmp_path / "talk.wav", 8))
    one(fresh, 'input[name="into"][value="es"]').click()
    start(fresh)
    finished(fresh)
    return fresh


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_axe_finds_no_violation_before_a_dub(fresh, scheme, size):
    resized(fresh, *size, scheme=scheme)
    assert violations(fresh) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_axe_finds_no_violation_in_a_dub(dubbed, scheme, size):
    resized(dubbed, *size, scheme=scheme)
    every(dubbed, ".word")[0].click()
    until(dubbed, lambda: every(dubbed, ".word[aria-current]"))
    assert violations(dubbed) == []


def test_axe_finds_no_violation_where_something_went_wrong(fresh):
    one(fresh, 'input[name="source"][value="file"]').click()
    start(fresh)
    assert one(fresh, "#trouble").is_displayed()
    assert violations(fresh) == []


def test_nothing_reaches_over_the_edge_of_a_phone(dubbed):
    resized(dubbed, *PHONE)
    across = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    needed, there = dubbed.execute_script(across)
    assert needed <= there


def test_the_keyboard_alone_dubs(browser, service, tmp_path):
    show(browser, service.url)
    one(browser, "#file").send_keys(str(write_talk(tmp_path / "talk.wav", 3)))
    one(browser, 'input[name="source"][value="sample"]').send_keys(Keys.ARROW_DOWN)
    assert one(browser, "#file").is_displayed()
    one(browser, 'input[name="source"][value="file"]').send_keys(Keys.ENTER)
    finished(browser)
    assert phrases(browser)


def test_the_state_is_told_to_who_does_not_see_it(dubbed):
    chip = one(dubbed, "#state")
    assert (chip.get_attribute("role"), state(dubbed)) == ("status", "Done")
    assert one(dubbed, "#trouble").get_attribute("role") == "alert"
