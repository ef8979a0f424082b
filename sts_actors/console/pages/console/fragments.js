// The latest fragments of the open stream: waterfall, words, sounds; the newest on top.

import { showChip } from "./chip.js";
import { milliseconds, seconds } from "./figures.js";
import { drawing, element, setAttribute, setText } from "./nodes.js";
import { dubPath, sourcePath } from "./player.js";
import { Rows } from "./rows.js";
import { reach } from "./spans.js";
import { Ruler, Waterfall } from "./waterfall.js";

const PLAY = "M3 1.5v11l9-5.5z";
const PAUSE = "M3 2h3v10H3zM8 2h3v10H8z";

export class Fragments {
  #player;
  #list = element("ol", { class: "fragments" });
  #empty = element("p", { class: "empty" }, "No fragment yet.");
  #scale = element("button", { type: "button", class: "zoom", "aria-pressed": "false" }, "Zoom");
  #ruler = new Ruler(this.#scale);
  #rows;
  #close = false;
  #seen = null;

  /** @param player plays the sounds; see `player.Player`. */
  constructor(player) {
    this.#player = player;
    this.#rows = new Rows(this.#list, (fragment) => String(fragment.index), () => new FragmentRow(player));
    setAttribute(this.#scale, "title", "As wide as the work, not as the deadline");
    this.#scale.addEventListener("click", () => {
      this.#close = !this.#close;
      setAttribute(this.#scale, "aria-pressed", this.#close);
      if (this.#seen) this.update(...this.#seen);
    });
    const head = element("div", { class: "fragments-head" }, element("h3", {}, "Fragments"), legend());
    this.node = element("div", { class: "fragments-part" }, head, this.#ruler.node, this.#list, this.#empty);
  }

  /** Show a stream's fragments. */
  update(stream, fragments) {
    const { session_id: sessionId, source_language: source, age_s: now } = stream;
    this.#seen = [stream, fragments];
    this.#empty.hidden = fragments.length > 0;
    this.#ruler.node.hidden = !fragments.length;
    if (!fragments.length) {
      this.#rows.show([]);
      return;
    }
    const across = reach(fragments, now, this.#close);
    this.#ruler.update(across);
    this.#rows.show(fragments.map((each) => ({ ...each, sessionId, source, now, across })).reverse());
  }

  /** The sound that is heard has changed. */
  showPlaying() {
    if (this.#seen) this.update(...this.#seen);
  }
}

function legend() {
  const kinds = [
    ["stage-session", "session"],
    ["stage-asr", "asr"],
    ["stage-translation", "translation"],
    ["stage-tts", "tts"],
  ];
  const keys = kinds.map(([kind, word]) => key(drawing("rect", { class: `work ${kind}`, y: 2, width: 14, height: 8 }), word));
  const thin = drawing("rect", { class: "queue", y: 5, width: 14, height: 3 });
  const line = drawing("line", { class: "deadline", x1: 7, x2: 7, y1: 0, y2: 12 });
  return element("p", { class: "legend small soft" }, ...keys, key(thin, "waiting"), key(line, "deadline"));
}

function key(mark, word) {
  const svg = drawing("svg", { width: 14, height: 12, "aria-hidden": "true" }, mark);
  return element("span", { class: "key" }, svg, word);
}

class FragmentRow {
  #player;
  #number = element("span", { class: "fragment-number" });
  #when = element("span", { class: "soft small" });
  #outcomes = element("span", { class: "outcomes" });
  #outcomeRows = new Rows(this.#outcomes, (each) => each.language, () => new Outcome());
  #sounds = element("span", { class: "sounds" });
  #soundRows;
  #waterfall = new Waterfall();
  #words = element("dl", { class: "words" });
  #wordRows = new Rows(this.#words, (each) => each.key, () => new Words());
  #figures = element("tbody");
  #details;
  #fragment = null;

  constructor(player) {
    this.#player = player;
    this.#soundRows = new Rows(this.#sounds, (each) => each.path, () => new SoundButton(player));
    const head = element("div", { class: "fragment-head" }, this.#number, this.#when, this.#outcomes, this.#sounds);
    this.#details = element("details", { class: "figures" }, element("summary", {}, "Figures"));
    const titles = ["Stage", "Queued for", "Worked for", "Ended at"];
    const heads = titles.map((title, at) => element("th", { scope: "col", class: at ? "number" : "" }, title));
    const top = element("thead", {}, element("tr", {}, ...heads));
    this.#details.append(element("table", { class: "plain" }, top, this.#figures));
    this.#details.addEventListener("toggle", () => this.#showFigures());
    this.node = element("li", { class: "fragment" }, head, this.#waterfall.node, this.#words, this.#details);
  }

  update(fragment) {
    this.#fragment = fragment;
    setAttribute(this.node, "data-index", fragment.index);
    setText(this.#number, `#${fragment.sequence_number}`);
    setText(this.#when, `${milliseconds(fragment.duration_ms)}, received at ${seconds(fragment.received_s)}`);
    this.#outcomeRows.show(outcomes(fragment));
    this.#soundRows.show(sounds(fragment));
    this.#waterfall.update(fragment, fragment.now, fragment.across);
    this.#wordRows.show(words(fragment));
    this.#showFigures();
  }

  #showFigures() {
    if (!this.#details.open) return;
    const { spans, received_s: received } = this.#fragment;
    const lines = spans.map((span) => [
      span.language ? `${span.stage} ${span.language}` : span.stage,
      seconds(span.began_s - span.queued_s),
      seconds(span.ended_s - span.began_s),
      seconds(span.ended_s - received),
    ]);
    while (this.#figures.children.length > lines.length) this.#figures.lastElementChild.remove();
    while (this.#figures.children.length < lines.length) {
      const cells = [0, 1, 2, 3].map((at) => element("td", at ? { class: "number" } : {}));
      this.#figures.append(element("tr", {}, ...cells));
    }
    lines.forEach((line, row) => {
      line.forEach((text, at) => setText(this.#figures.children[row].children[at], text));
    });
  }
}

function outcomes(fragment) {
  const languages = Object.keys(fragment.outcome);
  if (!languages.length) return [{ language: "", outcome: "", words: "at work" }];
  return languages.map((language) => {
    const outcome = fragment.outcome[language];
    const code = fragment.code?.[language];
    const lag = fragment.lag_ms?.[language];
    const speed = fragment.speed?.[language];
    const told = [language, outcome, ...(code ? [code] : [])];
    const answered = fragment.answered_s[language];
    const notes = [];
    if (answered !== undefined) notes.push(`after ${seconds(answered - fragment.received_s)}`);
    if (lag) notes.push(`${milliseconds(lag)} behind`);
    if (speed && Math.abs(speed - 1) >= 0.005) notes.push(`speed ${speed.toFixed(2)}`);
    return { language, outcome, words: told.join(" "), notes: notes.join(", ") };
  });
}

class Outcome {
  #chip = element("span");
  #notes = element("span", { class: "soft small" });

  constructor() {
    this.node = element("span", { class: "outcome" }, this.#chip, this.#notes);
  }

  update({ outcome, words: said, notes = "" }) {
    showChip(this.#chip, outcome, said);
    setText(this.#notes, notes);
  }
}

function sounds(fragment) {
  const { sessionId, index, sequence_number: number } = fragment;
  const found = [];
  if (fragment.source_audio) {
    found.push({ path: sourcePath(sessionId, index), word: "source", title: `source of #${number}` });
  }
  for (const language of fragment.dub_audio) {
    const title = `dub of #${number} in ${language}`;
    found.push({ path: dubPath(sessionId, index, language), word: language, title });
  }
  return found;
}

class SoundButton {
  #shape = drawing("path");
  #word = element("span");
  #sound = null;
  #player;

  constructor(player) {
    this.#player = player;
    const icon = drawing("svg", { viewBox: "0 0 14 14", "aria-hidden": "true" }, this.#shape);
    this.node = element("button", { type: "button", class: "sound" }, icon, this.#word);
    this.node.addEventListener("click", () => void player.toggle(this.#sound.path, this.#sound.title));
  }

  update(sound) {
    this.#sound = sound;
    const playing = this.#player.isPlaying(sound.path);
    setText(this.#word, sound.word);
    setAttribute(this.#shape, "d", playing ? PAUSE : PLAY);
    setAttribute(this.node, "class", playing ? "sound playing" : "sound");
    setAttribute(this.node, "aria-label", `${playing ? "Pause" : "Play"} ${sound.title}`);
  }
}

function words(fragment) {
  const found = [{ key: "", language: fragment.source, text: fragment.transcript }];
  for (const [language, text] of Object.entries(fragment.translations)) {
    found.push({ key: language, language, text });
  }
  return found.filter((each) => each.text); // A fragment may well have no words.
}

class Words {
  #language = element("dt");
  #text = element("dd", { dir: "auto" });

  constructor() {
    this.node = element("div", {}, this.#language, this.#text);
  }

  update({ language, text }) {
    setText(this.#language, language);
    setAttribute(this.#text, "lang", language);
    setText(this.#text, text);
  }
}
