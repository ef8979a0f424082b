// The open stream: what it is, its line, what went wrong, its fragments.

import { showChip } from "./chip.js";
import { age, count, languages, milliseconds, seconds } from "./figures.js";
import { Flow } from "./flow.js";
import { Fragments } from "./fragments.js";
import { byId, element, setAttribute, setText } from "./nodes.js";
import { Player } from "./player.js";
import { Rows } from "./rows.js";

export class ChosenStream {
  #panel = byId("chosen");
  #title = element("h2", { id: "chosen-title" });
  #name = element("bdi");
  #state = element("span");
  #facts = element("dl", { class: "facts" });
  #factRows = new Rows(this.#facts, (fact) => fact.title, () => new Fact());
  #flow = new Flow();
  #notes = element("ul", { class: "notes" });
  #noteRows = new Rows(this.#notes, (note) => note.key, () => new Note());
  #player = new Player(() => this.#fragments?.showPlaying());
  #fragments = new Fragments(this.#player);
  #hint = element("p", { class: "empty" });
  #body;
  #close = element("button", { type: "button", class: "quiet" }, "Close");
  #sessionId = null;

  /** @param {() => void} close is told when somebody wants to see no stream. */
  constructor(close) {
    this.#title.append(this.#name);
    const head = element("div", { class: "panel-head" }, this.#title, this.#state, this.#close);
    const scroller = element("div", { class: "scroller chosen-scroller", tabindex: 0, role: "group" });
    setAttribute(scroller, "aria-labelledby", "chosen-title");
    scroller.append(this.#facts, this.#flow.node, this.#notes, this.#fragments.node);
    this.#body = element("div", { class: "chosen-body" }, scroller, this.#player.node);
    this.#panel.append(head, this.#body, this.#hint);
    this.#close.addEventListener("click", close);
    this.#panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#sessionId !== null) close();
    });
    this.open(null);
  }

  /** Show this stream from now on; null for none. */
  open(sessionId) {
    if (sessionId !== this.#sessionId) this.#player.stop();
    this.#sessionId = sessionId;
    this.#body.hidden = true;
    this.#state.hidden = true;
    this.#close.hidden = sessionId === null;
    this.#hint.hidden = false;
    setText(this.#name, sessionId === null ? "No stream open" : "Stream");
    setText(
      this.#hint,
      sessionId === null
        ? "Open a stream to see its fragments on their way, read what was said, and hear it."
        : "Asking …",
    );
  }

  /** The keyboard goes to the stream that was opened. */
  focus() {
    this.#panel.focus({ preventScroll: true });
    if (this.#panel.getBoundingClientRect().top > innerHeight * 0.7) this.#panel.scrollIntoView();
  }

  /** The service does not know the stream any more. */
  showGone() {
    this.#body.hidden = true;
    this.#hint.hidden = false;
    setText(this.#hint, "The service no longer knows this stream.");
  }

  /** Show what the service says of the stream, beside the overview of the same second. */
  update(report, overview) {
    const { stream } = report;
    this.#hint.hidden = true;
    this.#body.hidden = this.#state.hidden = false;
    setText(this.#name, stream.stream_id);
    showChip(this.#state, stream.state);
    this.#factRows.show(facts(stream));
    this.#flow.update(overview, stream);
    const notes = notesOf(report);
    this.#notes.hidden = !notes.length;
    this.#noteRows.show(notes);
    this.#fragments.update(stream, report.fragments);
  }
}

function facts(stream) {
  const answers = [`${count(stream.success)} ok`, `${count(stream.partial)} partial`, `${count(stream.failed)} failed`];
  const found = [
    ["Languages", languages(stream)],
    ["Worker", stream.worker_id || "unnamed"],
    ["Pressure", stream.level],
    ["In flight", `${stream.in_flight} of ${stream.max_inflight}`],
    ["Lag", milliseconds(stream.lag_ms)],
    ["Answers", answers.join(", ")],
    ["Seams", stream.seam],
    [stream.open ? "Open for" : "Lasted", age(stream.age_s)],
  ];
  if (stream.restarts) found.push(["Restarts", count(stream.restarts)]);
  return found.map(([title, text]) => ({ title, text }));
}

class Fact {
  #title = element("dt");
  #text = element("dd");

  constructor() {
    this.node = element("div", {}, this.#title, this.#text);
  }

  update({ title, text }) {
    setText(this.#title, title);
    setText(this.#text, text);
  }
}

/** Restarts and refusals, the latest first. */
function notesOf({ restarts, refusals }) {
  const notes = [
    ...restarts.map((each) => ({
      at: each.at_s,
      text: `${each.actor} was started anew`,
      more: each.cause ?? "",
      manner: "bad",
    })),
    ...refusals.map((each) => ({
      at: each.at_s,
      text: each.fragment_id ? `${each.code} for fragment ${each.fragment_id}` : each.code,
      more: each.message,
      manner: "warn",
    })),
  ];
  return notes
    .sort((one, other) => other.at - one.at)
    .map((note) => ({ ...note, key: `${note.at} ${note.text}` }));
}

class Note {
  #at = element("span", { class: "soft small nowrap" });
  #text = element("span");
  #more = element("span", { class: "soft small" });

  constructor() {
    this.node = element("li", {}, this.#at, this.#text, this.#more);
  }

  update({ at, text, more, manner }) {
    setText(this.#at, `at ${seconds(at)}`);
    setText(this.#text, text);
    setText(this.#more, more);
    setAttribute(this.#text, "class", `note-${manner}`);
  }
}
