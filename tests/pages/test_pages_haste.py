"""A source that does not wait, and a service that is quick or slow."""

import pytest

HASTE = """
const { openStream } = await page("try/stream.js");
let now = 0;
performance.now = () => now;
try {
  const socket = { emit() {}, disconnect() {} };
  const listener = { processed() {} };
  const opening = openStream(socket, { sample_rate_hz: 16000 }, listener, { hurried: given.hurried });
  socket.onevent("stream:ready", { target_languages: ["pt"], max_inflight: 2 });
  const stream = await opening;
  const rooms = async () => {
    let count = 0;
    for (; count < 5; count++) {
      const none = new Promise((resolve) => setTimeout(() => resolve(false), 5));
      if (!(await Promise.race([stream.room(), none]))) break;
      stream.send(new Int16Array(16000));
    }
    return count;
  };
  const sent = [await rooms()];
  for (const took_ms of given.took_ms) {
    now += took_ms;
    const number = sent.length - 1;
    const answer = { fragment_id: String(number), sequence_number: number, target_language: "pt" };
    socket.onevent("fragment:processed", answer);
    sent.push(await rooms());
  }
  return sent;
} finally {
  delete performance.now;
}
"""


WAITED = """
const { openStream } = await page("try/stream.js");
const real = setTimeout;
const waited = [];
globalThis.setTimeout = (then, ms) => (waited.push(ms), real(then, 0));
try {
  const socket = { emit() {}, disconnect() {} };
  const opening = openStream(socket, { sample_rate_hz: 16000 }, { pressed() {} });
  socket.onevent("stream:ready", { target_languages: ["pt"], max_inflight: 2 });
  const stream = await opening;
  waited.splice(0);
  for (const action of given.told) socket.onevent("backpressure", { action, recommended_delay_ms: 500 });
  return [await stream.room(), waited];
} finally {
  globalThis.setTimeout = real;
}
"""


@pytest.mark.parametrize(
    ("told", "waited"),
    [([], []), (["slow_down"], [500]), (["slow_down", "none"], []), (["pause", "none"], [])],
)
def test_as_long_as_it_is_told_to_slow_down_each_piece_waits_as_long_as_was_said(js, told, waited):
    assert js(WAITED, told=told) == [True, waited]


@pytest.mark.parametrize(
    ("hurried", "took_ms", "sent"),
    [
        (True, [500], [1, 2]),
        (True, [20_000], [1, 1]),
        (True, [20_000, 500], [1, 1, 2]),
        (True, [500, 20_000], [1, 2, 0]),
        (False, [20_000], [2, 1]),
    ],
)
def test_a_slow_service_is_given_one_piece_at_a_time_by_a_source_that_can_wait(js, hurried, took_ms, sent):
    assert js(HASTE, hurried=hurried, took_ms=took_ms) == sent
