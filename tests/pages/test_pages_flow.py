"""When the page sends the next piece."""

import pytest

FLOW = """
const { Flow } = await page("try/flow.js");
const flow = new Flow(given.most ?? 2, given.languages ?? 1);
const told = [];
const asked = () => {
  const entry = { room: null };
  flow.room().then((room) => (entry.room = room));
  told.push(entry);
};
for (const [name, ...args] of given.steps) {
  if (name === "asked") asked();
  else flow[name](...args);
  await new Promise((resolve) => setTimeout(resolve));
}
const { in_flight, delay_ms } = flow;
return { told: told.map(({ room }) => room), in_flight, delay_ms };
"""


def pressed(action, delay_ms=0):
    return ["pressed", {"action": action, "recommended_delay_ms": delay_ms}]


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([["asked"]], [True]),
        ([["sent", "0"], ["sent", "1"], ["asked"]], [None]),
        ([["sent", "0"], ["sent", "1"], ["asked"], ["answered", "0", "pt"]], [True]),
        ([pressed("pause"), ["asked"]], [None]),
        ([pressed("pause"), ["asked"], pressed("none")], [True]),
        ([pressed("pause"), ["asked"], pressed("slow_down", 500)], [None]),
        ([pressed("slow_down", 500), ["asked"]], [True]),
        ([pressed("pause"), ["asked"], ["end"]], [False]),
        ([["end"], ["asked"]], [False]),
        ([["limit", 1], ["sent", "0"], ["asked"]], [None]),
        ([["limit", 1], ["sent", "0"], ["asked"], ["limit", 2]], [True]),
    ],
)
def test_a_piece_waits_for_room_and_for_the_end_of_a_pause(js, steps, told):
    assert js(FLOW, steps=steps)["told"] == told


def test_to_be_slower_lasts_until_all_is_well(js):
    assert js(FLOW, steps=[pressed("slow_down", 500)])["delay_ms"] == 500
    assert js(FLOW, steps=[pressed("slow_down", 500), pressed("none")])["delay_ms"] == 0


def test_a_piece_is_in_flight_until_all_its_languages_are_answered(js):
    sent = [["sent", "0"], ["answered", "0", "pt"]]
    assert js(FLOW, languages=2, steps=sent)["in_flight"] == 1
    assert js(FLOW, languages=2, steps=[*sent, ["answered", "0", "es"]])["in_flight"] == 0


def test_an_answer_without_a_language_stands_for_all(js):
    assert js(FLOW, languages=2, steps=[["sent", "0"], ["answered", "0", None]])["in_flight"] == 0
