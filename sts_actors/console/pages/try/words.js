// The words: each phrase as it was said and as it is spoken, the one that is heard marked.

import { clock, make } from "./make.js";

const list = document.querySelector("#words");
const none = document.querySelector("#no-words");
const seekers = new Set();
let phrases = [];
let current = -1;

/** Show the phrases of a track, of which some may be shown already; `afresh` where they are another's. */
export function showWords(all, languages, { afresh = false } = {}) {
  if (afresh) {
    list.replaceChildren();
    current = -1;
  }
  phrases = all;
  none.hidden = all.length > 0;
  const follow = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  for (const phrase of all.slice(list.children.length)) {
    const button = make(
      "button",
      { type: "button", className: "word" },
      make("time", {}, clock(Math.max(0, phrase.start_ms) / 1000)),
      make("span", { className: "said", lang: languages.source }, phrase.transcript),
      make("span", { className: "spoken", lang: languages.target }, phrase.translated_text),
    );
    button.addEventListener("click", () => seekers.forEach((seek) => seek(Math.max(0, phrase.start_ms) / 1000)));
    list.append(make("li", {}, button));
  }
  if (follow && current < 0) list.scrollTop = list.scrollHeight;
}

/** Mark the phrase that is heard at a moment; -1 for none. */
export function markWords(position_s) {
  const now = position_s < 0 ? -1 : phrases.findLastIndex(({ start_ms }) => start_ms <= position_s * 1000);
  if (now === current) return;
  list.children[current]?.firstChild.removeAttribute("aria-current");
  current = now;
  const row = list.children[current];
  if (!row) return;
  row.firstChild.setAttribute("aria-current", "true");
  // Within the list alone: the page itself must not move under its reader.
  if (list.scrollHeight > list.clientHeight) list.scrollTop = row.offsetTop - list.offsetTop - list.clientHeight / 3;
}

/** Be told, in seconds, where a phrase that was pressed begins. */
export function onPhrase(seek) {
  seekers.add(seek);
}
