// A fragment's waterfall as figures: lanes of marks, in seconds since the fragment was received. Nothing here
// touches the page.

const TICKS_S = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];
const MOST_TICKS = 8;

/**
 * A lane for each stage, or, with several languages, one for each language behind the stages they share.
 *
 * A mark is a stage's queue (`queue`), its work (`work`), the time a result was held for its turn (`held`),
 * or what goes on right now (`open`); `until` is where it ends.
 *
 * @param {object} fragment as the service tells it.
 * @param {number} now seconds since the stream was opened: how far something unfinished reaches.
 * @returns {{label: string, marks: {kind: string, stage: string, from: number, until: number}[],
 *   answered: number | null}[]}
 */
export function lanes(fragment, now) {
  const since = (at) => at - fragment.received_s;
  const several = new Set(fragment.spans.map((span) => span.language).filter(Boolean)).size > 1;
  const found = new Map();
  for (const span of fragment.spans) {
    const label = several && span.language ? span.language : span.stage;
    if (!found.has(label)) found.set(label, { label, marks: [], answered: null, language: span.language });
    const { stage } = span;
    found.get(label).marks.push(
      { kind: "queue", stage, from: since(span.queued_s), until: since(span.began_s) },
      { kind: "work", stage, from: since(span.began_s), until: since(span.ended_s), code: span.code },
    );
  }
  const drawn = [...found.values()];
  finish(fragment, drawn, since, since(now));
  return drawn;
}

/** The last lane of each language goes on until its answer, or until now where there is none. */
function finish(fragment, drawn, since, now) {
  const answered = Object.entries(fragment.answered_s);
  if (!drawn.length && !answered.length) drawn.push({ label: "waiting", marks: [], answered: null, language: "" });
  for (const [language, at] of answered) {
    const lane = drawn.findLast((each) => each.language === language) ?? drawn.at(-1);
    if (!lane) continue; // Refused before any stage had it.
    lane.answered = since(at);
    const from = lane.marks.at(-1).until;
    if (lane.answered > from) lane.marks.push({ kind: "held", stage: "", from, until: lane.answered });
  }
  const last = new Map(drawn.map((lane) => [lane.language, lane]));
  if (last.size > 1) last.delete(""); // What all share is over once a language has begun.
  for (const lane of last.values()) {
    const from = lane.marks.at(-1)?.until ?? 0;
    if (lane.answered === null && now > from) lane.marks.push(open(from, now));
  }
}

function open(from, until) {
  return { kind: "open", stage: "", from, until };
}

/** From receipt to the deadline, in seconds. */
export function deadline(fragment) {
  return fragment.deadline_s - fragment.received_s;
}

/**
 * How many seconds the width of all waterfalls stands for.
 *
 * @param {boolean} close whether only the work must fit, and not the deadlines.
 */
export function reach(fragments, now, close) {
  let most = 0.1;
  for (const fragment of fragments) {
    if (!close) most = Math.max(most, deadline(fragment));
    for (const lane of lanes(fragment, Math.min(now, fragment.deadline_s))) {
      most = Math.max(most, lane.answered ?? 0, ...lane.marks.map((mark) => mark.until));
    }
  }
  const tick = tickOf(most * 1.04);
  return close ? Math.ceil((most * 1.02) / (tick / 2)) * (tick / 2) : most * 1.04;
}

function tickOf(across) {
  return TICKS_S.find((each) => across / each <= MOST_TICKS) ?? Math.ceil(across / MOST_TICKS);
}

/** Where the ruler's marks stand, in seconds. */
export function ticks(across) {
  const step = tickOf(across);
  const found = [];
  for (let at = 0; at <= across + 1e-9; at += step) found.push(Math.round(at * 1000) / 1000);
  return found;
}
