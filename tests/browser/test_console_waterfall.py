import pytest
from browser_chromium import until
from console_page import every, one, report_of, show

STAGES = ("session", "asr", "translation", "tts")
DRAWN = """
  const bars = document.querySelector(`[data-index="${arguments[0]}"] .bars`);
  const across = Number(bars.dataset.acrossS);
  const figure = (node, name) => parseFloat(node.getAttribute(name)) / 100 * across;
  return {
    marks: [...bars.querySelectorAll("rect")].map(rect => ({
      names: rect.getAttribute("class").split(" "),
      x: figure(rect, "x"), width: figure(rect, "width"), y: Number(rect.getAttribute("y")),
      seen: rect.getBoundingClientRect().width / bars.getBoundingClientRect().width * across,
    })),
    deadline: figure(bars.querySelector(".deadline"), "x1"),
    told: bars.getAttribute("aria-label"),
  };
"""


def drawn(browser, fragment):
    return browser.execute_script(DRAWN, fragment["index"])


def all_answered(browser, count):
    return until(browser, lambda: len(every(browser, ".outcome .good")) == count)


@pytest.mark.parametrize("zoomed", [False, True])
def test_the_bars_are_the_times_of_the_report(browser, service, workers, zoomed):
    worker = workers.open(stream_id=f"bars-{zoomed}")
    workers.feed(worker, 3)
    show(browser, service, worker)
    all_answered(browser, 3)
    if zoomed:
        one(browser, ".zoom").click()
    for fragment in report_of(service, worker)["fragments"]:
        picture = drawn(browser, fragment)
        received = fragment["received_s"]
        near = pytest.approx(0, abs=2e-4)
        works = [mark for mark in picture["marks"] if "work" in mark["names"]]
        queues = [mark for mark in picture["marks"] if "queue" in mark["names"]]
        assert [span["stage"] for span in fragment["spans"]] == list(STAGES)
        for span, work, queue in zip(fragment["spans"], works, queues, strict=True):
            assert f"stage-{span['stage']}" in work["names"]
            assert work["x"] - (span["began_s"] - received) == near
            assert work["width"] - (span["ended_s"] - span["began_s"]) == near
            assert queue["x"] - (span["queued_s"] - received) == near
            assert queue["width"] - (span["began_s"] - span["queued_s"]) == near
            assert work["seen"] == pytest.approx(work["width"], abs=0.03)
        assert [work["y"] for work in works] == sorted({work["y"] for work in works})
        [answer] = [mark for mark in picture["marks"] if "answered" in mark["names"]]
        assert answer["x"] - (fragment["answered_s"]["pt"] - received) == near
        assert picture["deadline"] - (fragment["deadline_s"] - received) == near


def test_the_bars_agree_with_what_the_worker_measured_itself(browser, service, workers):
    worker = workers.open(stream_id="agrees")
    workers.feed(worker, 2, pace_s=1.0)
    show(browser, service, worker)
    all_answered(browser, 2)
    for fragment, result in zip(report_of(service, worker)["fragments"], worker.answers, strict=True):
        number = fragment["sequence_number"]
        marks = drawn(browser, fragment)["marks"]
        for stage in ("asr", "translation", "tts"):
            [work] = [mark for mark in marks if {"work", f"stage-{stage}"} <= set(mark["names"])]
            assert work["width"] * 1000 == pytest.approx(result.stage_timings[f"{stage}_ms"], abs=25)
        [answer] = [mark for mark in marks if "answered" in mark["names"]]
        elapsed = worker.answered_at[number, "pt"] - worker.sent_at[number]
        assert answer["x"] <= elapsed + 0.05
        assert answer["x"] * 1000 == pytest.approx(result.processing_time_ms, abs=100)


def test_several_languages_have_a_lane_each_behind_what_they_share(browser, service, workers):
    worker = workers.open(stream_id="lanes", target_languages=("pt", "es"))
    workers.feed(worker, 1)
    show(browser, service, worker)
    all_answered(browser, 2)
    assert [lane.text for lane in every(browser, ".lanes li")] == ["session", "asr", "pt", "es"]
    assert {word.text for word in every(browser, ".words dt")} == {"en", "pt", "es"}


def test_a_waterfall_is_told_in_words_and_in_figures(browser, service, workers):
    worker = workers.open(stream_id="words")
    workers.feed(worker, 1)
    show(browser, service, worker)
    all_answered(browser, 1)
    [fragment] = report_of(service, worker)["fragments"]
    told = drawn(browser, fragment)["told"]
    assert "asr works" in told
    assert "deadline after 7.50 s" in told
    one(browser, ".figures summary").click()
    lines = [line.text.split()[0] for line in every(browser, ".figures tbody tr")]
    assert lines == list(STAGES)


def test_words_come_while_a_fragment_is_still_at_work(browser, service, workers):
    worker = workers.open(stream_id="early", number=9)
    show(browser, service, worker)
    browser.execute_script(
        """
        window.seen = [];
        new MutationObserver(() => {
          const fragment = document.querySelector(".fragment");
          if (!fragment) return;
          const words = [...fragment.querySelectorAll(".words dd")].map(each => each.textContent);
          window.seen.push([fragment.querySelectorAll(".outcome .good").length, ...words]);
        }).observe(document.body, { subtree: true, childList: true, characterData: true });
        """
    )
    workers.feed(worker, 6, pace_s=0.35)
    all_answered(browser, 6)
    last = browser.execute_script("return window.seen.at(-1)")
    assert last == [1, "stream 9 fragment 5", "pt: stream 9 fragment 5"]
    rows = [row.text for row in every(browser, ".words div")]
    assert len(rows) == 12
