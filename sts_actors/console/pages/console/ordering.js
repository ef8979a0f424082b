// Which streams are listed, and in which order. Nothing here touches the page.

import { languages } from "./figures.js";

const LEVELS = ["low", "medium", "high", "critical"];
const LATE_MS = 1500;
const NAMES = new Intl.Collator("en", { numeric: true });

/** The list's columns: `value` is what they are ordered by, `first` the direction of the first click. */
export const COLUMNS = [
  { name: "stream", title: "Stream", value: (stream) => stream.stream_id, first: "ascending" },
  { name: "languages", title: "Languages", value: languages, first: "ascending" },
  { name: "state", title: "State", value: (stream) => stream.state, first: "ascending" },
  { name: "level", title: "Pressure", value: (stream) => LEVELS.indexOf(stream.level), first: "descending" },
  { name: "in_flight", title: "In flight", value: (stream) => stream.in_flight, first: "descending" },
  { name: "lag", title: "Lag", value: (stream) => stream.lag_ms, first: "descending" },
  { name: "success", title: "OK", value: (stream) => stream.success, first: "descending" },
  { name: "partial", title: "Partial", value: (stream) => stream.partial, first: "descending" },
  { name: "failed", title: "Failed", value: (stream) => stream.failed, first: "descending" },
];

/** Whether an operator should look at a stream. */
export function inTrouble(stream) {
  return (
    stream.failed > 0 ||
    stream.restarts > 0 ||
    stream.lag_ms >= LATE_MS ||
    stream.state === "failed" ||
    LEVELS.indexOf(stream.level) > 0
  );
}

const WHICH = {
  all: () => true,
  live: (stream) => stream.open,
  trouble: inTrouble,
  ended: (stream) => !stream.open,
};

/** The streams of a kind (`all`, `live`, `trouble`, `ended`) in whose words each word of `text` is found. */
export function filtered(streams, text, which) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return streams.filter((stream) => {
    if (!WHICH[which](stream)) return false;
    const said = [stream.stream_id, stream.worker_id, languages(stream), stream.state, stream.level];
    const searched = said.join("\n").toLowerCase();
    return words.every((word) => searched.includes(word));
  });
}

/** The streams by a column, or as they came where `name` is "". Equal ones stay as they came. */
export function ordered(streams, name, direction) {
  const column = COLUMNS.find((each) => each.name === name);
  if (!column) return streams;
  const sign = direction === "descending" ? -1 : 1;
  return streams
    .map((stream, place) => ({ stream, place, value: column.value(stream) }))
    .sort((one, other) => sign * compared(one.value, other.value) || one.place - other.place)
    .map(({ stream }) => stream);
}

function compared(one, other) {
  if (typeof one === "string") return NAMES.compare(one, other);
  return one - other;
}
