// Subtitles: texts on a timeline as SubRip (.srt). The rules are those of `sts-actors dub`.

const LINE_CHARACTERS = 42;
const CUE_LINES = 2;

/** A phrase's cue may be cut to this by what stood before it, and no shorter. */
const BRIEFEST_CUE_MS = 100;

/** A text laid out from `start_ms` to `end_ms`, each cue as long as its share of the characters. */
export function cues(text, start_ms, end_ms) {
  // An arrow inside a text would read as a time line.
  const lines = wrapped(oneLine(text.replaceAll("-->", "→")));
  const pages = [];
  for (let at = 0; at < lines.length; at += CUE_LINES) pages.push(lines.slice(at, at + CUE_LINES).join("\n"));
  const length = (page) => [...page].length;
  const total = pages.reduce((sum, page) => sum + length(page), 0);
  let said = 0;
  return pages.map((page) => {
    const begin = start_ms + Math.floor(((end_ms - start_ms) * said) / total);
    said += length(page);
    return { start_ms: begin, end_ms: start_ms + Math.floor(((end_ms - start_ms) * said) / total), text: page };
  });
}

/** The subtitles of phrases `{start_ms, end_ms, text}`: in order and one after the other, whatever their times. */
export function subtitles(phrases) {
  let shown_until = 0;
  const laid = phrases.flatMap(({ text, start_ms, end_ms }) => {
    const begin = Math.max(start_ms, shown_until);
    const end = Math.max(end_ms, begin + BRIEFEST_CUE_MS);
    const its = cues(text, begin, end);
    if (its.length) shown_until = end;
    return its;
  });
  return laid
    .map((cue, at) => `${at + 1}\n${stamp(cue.start_ms)} --> ${stamp(cue.end_ms)}\n${cue.text}\n\n`)
    .join("");
}

/** Milliseconds as `HH:MM:SS,mmm`. */
export function stamp(ms) {
  const two = (number) => String(number).padStart(2, "0");
  const seconds = Math.floor(ms / 1000);
  const hours = Math.floor(seconds / 3600);
  return `${two(hours)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)},${String(ms % 1000).padStart(3, "0")}`;
}

/** `text` on one line, without what does not print. */
export function oneLine(text) {
  return text
    .split(/[\t-\r\x1c-\x20\x85\p{Z}]+/u)
    .filter(Boolean)
    .join(" ")
    .replace(/\p{C}/gu, "");
}

/** Words in lines of `LINE_CHARACTERS`; what a longer word has beyond the rest of its line goes on in the next. */
function wrapped(text) {
  const parts = text.split(/( )/).filter(Boolean).map((part) => [...part]);
  const lines = [];
  while (parts.length) {
    const line = [];
    let length = 0;
    if (lines.length && parts[0][0] === " ") parts.shift();
    while (parts.length && length + parts[0].length <= LINE_CHARACTERS) {
      length += parts[0].length;
      line.push(parts.shift().join(""));
    }
    if (parts.length && parts[0].length > LINE_CHARACTERS) {
      line.push(parts[0].splice(0, LINE_CHARACTERS - length).join(""));
    }
    if (!line.at(-1).trim()) line.pop();
    if (line.length) lines.push(line.join(""));
  }
  return lines;
}
