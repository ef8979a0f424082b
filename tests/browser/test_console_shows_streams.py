import time

from browser_chromium import until
from console_page import every, listed, next_beat, one, report_of, row, show
from selenium.webdriver.common.keys import Keys

HOSTILE = '<img src=x onerror="window.hit=1">'


def focused(browser):
    return browser.switch_to.active_element


def test_a_running_stream_shows_within_two_seconds(browser, service, workers):
    show(browser, service)
    worker = workers.open(stream_id="shows", worker_id="studio-7", target_languages=("pt", "es"))
    opened = time.monotonic()
    shown = until(browser, lambda: row(browser, worker).text)
    assert time.monotonic() - opened < 2
    for word in ("shows", "studio-7", "en → pt, es", "ready", "low", "0/3"):
        assert word in shown


def test_the_figures_of_a_stream_are_those_of_its_worker(browser, service, workers):
    worker = workers.open(stream_id="figures")
    show(browser, service)
    workers.feed(worker, 3)
    until(browser, lambda: row(browser, worker).find_element("css selector", ".of-success").text == "3")
    workers.end(worker)
    assert [answer.status for answer in worker.answers] == ["success"] * 3
    until(browser, lambda: "complete" in row(browser, worker).text)
    assert "ended" in row(browser, worker).get_attribute("class")


def test_names_that_are_markup_are_shown_as_they_are(browser, service, workers):
    worker = workers.open(stream_id=HOSTILE, worker_id=HOSTILE, number=5)
    workers.feed(worker, 1)
    show(browser, service, worker)
    until(browser, lambda: "stream 5 fragment 0" in one(browser, ".words").text)
    shown = row(browser, worker)
    assert shown.find_element("css selector", ".stream-name").text == HOSTILE
    assert HOSTILE in shown.find_element("css selector", ".under").text
    assert HOSTILE in [title.text for title in every(browser, ".branch-title")]
    next_beat(browser)
    assert not every(browser, "img")
    assert browser.execute_script("return window.hit === undefined")


def test_the_list_is_filtered_by_words_and_by_kind(browser, service, workers):
    for name, worker_id in (("red", "north"), ("green", "south"), ("blue", "north")):
        workers.open(stream_id=f"filter-{name}", worker_id=worker_id)
    show(browser, service)
    one(browser, "#filter").send_keys("filter NORTH")
    assert listed(browser) == ["filter-red", "filter-blue"]
    assert "2 shown" in one(browser, "#streams-count").text
    one(browser, "#which").send_keys("Ended")
    assert listed(browser) == []
    assert "fits the filter" in one(browser, "#streams-empty").text


def test_a_columns_head_orders_the_list_and_says_so(browser, service, workers):
    many = [workers.open(stream_id=f"order-{number}") for number in (2, 10, 1)]
    workers.feed(many[1], 2)
    workers.feed(many[2], 1)
    show(browser, service)
    one(browser, "#filter").send_keys("order-")
    until(browser, lambda: row(browser, many[1]).find_element("css selector", ".of-success").text == "2")
    until(browser, lambda: row(browser, many[2]).find_element("css selector", ".of-success").text == "1")
    assert listed(browser) == ["order-2", "order-10", "order-1"]
    by_name, by_success = (one(browser, f"th.of-{name}") for name in ("stream", "success"))
    by_name.find_element("css selector", "button").click()
    assert listed(browser) == ["order-1", "order-2", "order-10"]
    assert by_name.get_attribute("aria-sort") == "ascending"
    by_success.find_element("css selector", "button").click()
    assert listed(browser) == ["order-10", "order-1", "order-2"]
    assert by_success.get_attribute("aria-sort") == "descending"
    assert by_name.get_attribute("aria-sort") is None


def test_all_can_be_done_from_the_keyboard(browser, service, workers):
    first, second = (workers.open(stream_id=f"keys-{number}") for number in (1, 2))
    show(browser, service)
    one(browser, "body").send_keys(Keys.TAB)
    assert focused(browser).text == "Skip to the streams"
    focused(browser).send_keys(Keys.ENTER)
    assert focused(browser).get_attribute("id") == "streams"
    focused(browser).send_keys(Keys.TAB)
    assert focused(browser).get_attribute("id") == "filter"
    focused(browser).send_keys("keys-")
    until(browser, lambda: listed(browser) == ["keys-1", "keys-2"])
    while focused(browser).tag_name != "tr":
        focused(browser).send_keys(Keys.TAB)
    assert focused(browser) == row(browser, first)
    focused(browser).send_keys("j")
    assert focused(browser) == row(browser, second)
    focused(browser).send_keys(Keys.ARROW_UP)
    assert focused(browser) == row(browser, first)
    focused(browser).send_keys(Keys.END)
    focused(browser).send_keys(Keys.ENTER)
    until(browser, lambda: one(browser, "#chosen-title").text == "keys-2")
    assert focused(browser).get_attribute("id") == "chosen"
    assert row(browser, second).get_attribute("aria-selected") == "true"
    focused(browser).send_keys(Keys.ESCAPE)
    assert focused(browser) == row(browser, second)
    assert one(browser, "#chosen-title").text == "No stream open"


def test_news_leave_focus_selection_scroll_and_nodes_as_they_are(browser, service, workers):
    worker = workers.open(stream_id="stays")
    workers.feed(worker, 4)
    show(browser, service, worker)
    until(browser, lambda: len(every(browser, ".fragment")) == 4)
    until(browser, lambda: len(every(browser, ".outcome .good")) == 4)
    browser.execute_script(
        """
        const row = document.querySelector(`[data-session="${arguments[0]}"]`);
        const words = document.querySelectorAll(".words dd");
        row.kept = words[0].kept = true;
        document.querySelector(".chosen-scroller").scrollTop = 90;
        row.focus();
        getSelection().selectAllChildren(words[0]);
        """,
        worker.ready.session_id,
    )
    before = row(browser, worker).text
    next_beat(browser)
    until(browser, lambda: row(browser, worker).text != before)
    assert focused(browser) == row(browser, worker)
    kept = "const words = document.querySelector('.words dd'); return [words.kept, String(getSelection()), "
    kept += "document.querySelector('.chosen-scroller').scrollTop, document.activeElement.kept]"
    assert browser.execute_script(kept) == [
        True,
        report_of(service, worker)["fragments"][-1]["transcript"],
        90,
        True,
    ]


def test_a_row_that_moves_up_takes_the_focus_with_it(browser, service, workers):
    second = [workers.open(stream_id=f"moves-{number}") for number in (1, 2)][1]
    show(browser, service)
    one(browser, "#filter").send_keys("moves-")
    one(browser, "th.of-success button").click()
    until(browser, lambda: listed(browser) == ["moves-1", "moves-2"])
    browser.execute_script("arguments[0].focus()", row(browser, second))
    workers.feed(second, 1)
    until(browser, lambda: listed(browser) == ["moves-2", "moves-1"])
    assert focused(browser) == row(browser, second)


def test_the_open_stream_is_part_of_the_address(browser, service, workers):
    worker = workers.open(stream_id="address")
    show(browser, service)
    until(browser, lambda: row(browser, worker)).click()
    until(browser, lambda: one(browser, "#chosen-title").text == "address")
    assert browser.current_url.endswith(f"#session={worker.ready.session_id}")
    browser.refresh()
    until(browser, lambda: one(browser, "#chosen-title").text == "address")
    browser.back()
    until(browser, lambda: one(browser, "#chosen-title").text == "No stream open")


def test_actors_are_shown_with_their_channels_and_who_waits_on_whom(browser, service, workers):
    worker = workers.open(stream_id="a/b")
    show(browser, service)
    branch = "//*[@id='actors']//details[.//bdi[text()='a/b']]"
    found = until(browser, lambda: browser.find_element("xpath", branch))
    found.find_element("css selector", "summary").click()
    names = ["submitted", "session", "fragments", "asr", "transcripts", "translation", "translations"]
    names += ["tts", "speeches", "sequencer", "results"]

    def leaves():
        return [leaf.text.split("\n") for leaf in found.find_elements("css selector", ".leaf")]

    until(browser, lambda: [leaf[0] for leaf in leaves()] == names)
    until(browser, lambda: leaves()[2] == ["fragments", "0 of 1", "asr waits for session"])
    assert leaves()[3][1] == "idle"
    workers.end(worker)


def test_models_and_tokens_are_those_of_the_scheduler(browser, service, workers):
    show(browser, service)
    rows = until(browser, lambda: [line.text for line in every(browser, "#scheduler tbody tr")])
    assert [line.split("\n")[0].split()[0] for line in rows] == ["asr", "translation", "tts"]
    assert all("loaded" in line for line in rows)
    assert "of 8 tokens in use" in one(browser, "#scheduler .tokens").text
