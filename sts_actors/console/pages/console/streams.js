// The list of streams: filtered, ordered, walked with the keyboard, updated in place.

import { showChip } from "./chip.js";
import { age, count, counted, languages, milliseconds } from "./figures.js";
import { byId, element, setAttribute, setText } from "./nodes.js";
import { COLUMNS, filtered, ordered } from "./ordering.js";
import { Pips } from "./pips.js";
import { Rows } from "./rows.js";

const STEPS = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

export class StreamList {
  #rows;
  #streams = [];
  #order = { name: "", direction: "ascending" };
  #chosen = null;
  #current = null;
  #heads = new Map();
  #body = byId("streams-rows");

  /** @param {(sessionId: string) => void} choose is told of the stream that was opened. */
  constructor(choose) {
    this.#rows = new Rows(this.#body, (stream) => stream.session_id, () => new StreamRow());
    this.#makeHeads();
    byId("filter").addEventListener("input", () => this.#show());
    byId("which").addEventListener("change", () => this.#show());
    this.#body.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (row && getSelection().isCollapsed) choose(row.dataset.session);
    });
    this.#body.addEventListener("focusin", (event) => this.#makeCurrent(event.target.closest("tr").dataset.session));
    this.#body.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Enter" || event.key === " ") choose(this.#current);
      else if (event.key in STEPS) this.#step(STEPS[event.key]);
      else return;
      event.preventDefault();
    });
  }

  /** Show what the service says of its streams. */
  update(streams) {
    this.#streams = streams;
    this.#show();
  }

  /** Mark a stream as the open one; null for none. */
  mark(sessionId) {
    this.#chosen = sessionId;
    this.#show();
  }

  /** Give the keyboard back to a stream's row, or to the list where it is gone. */
  focus(sessionId) {
    const row = this.#rows.get(sessionId)?.node ?? this.#body.firstElementChild;
    (row ?? byId("streams")).focus();
  }

  #show() {
    const hadFocus = this.#body.contains(document.activeElement);
    const before = [...this.#body.children].indexOf(document.activeElement);
    const found = filtered(this.#streams, byId("filter").value, byId("which").value);
    this.#rows.show(ordered(found, this.#order.name, this.#order.direction));
    for (const row of this.#body.children) {
      setAttribute(row, "aria-selected", row.dataset.session === this.#chosen ? "true" : "false");
    }
    if (hadFocus && !this.#body.contains(document.activeElement)) {
      // The row that had the focus is gone: its neighbour takes it.
      this.#body.children[Math.min(before, this.#body.children.length - 1)]?.focus({ preventScroll: true });
    }
    if (!this.#rows.get(this.#current)) {
      this.#makeCurrent(this.#body.firstElementChild?.dataset.session ?? null);
    } else {
      this.#makeCurrent(this.#current);
    }
    this.#tellCounts(found.length);
  }

  #tellCounts(shown) {
    const live = this.#streams.filter((stream) => stream.open).length;
    const ended = this.#streams.length - live;
    const parts = [`${count(live)} live`];
    if (ended) parts.push(`${count(ended)} ended`);
    if (shown !== this.#streams.length) parts.push(`${count(shown)} shown`);
    setText(byId("streams-count"), parts.join(" · "));
    setText(
      byId("streams-empty"),
      this.#streams.length
        ? `None of ${counted(this.#streams.length, "stream")} fits the filter.`
        : "No stream yet. It shows here as soon as a worker opens one.",
    );
    byId("streams-empty").hidden = shown > 0;
  }

  #step(by) {
    const rows = [...this.#body.children];
    const place = rows.findIndex((row) => row.dataset.session === this.#current);
    const next = rows[Math.min(Math.max(place + by, 0), rows.length - 1)];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  /** Of all rows, Tab reaches the current one alone. */
  #makeCurrent(sessionId) {
    this.#current = sessionId;
    for (const row of this.#body.children) {
      setAttribute(row, "tabindex", row.dataset.session === sessionId ? 0 : -1);
    }
  }

  #makeHeads() {
    const choice = byId("order");
    choice.append(element("option", { value: "" }, "Order: opening"));
    for (const column of COLUMNS) {
      const button = element("button", { type: "button", class: "head-button" }, column.title);
      const head = element("th", { role: "columnheader", scope: "col", class: `of-${column.name}` }, button);
      this.#heads.set(column.name, head);
      byId("streams-head").append(head);
      button.addEventListener("click", () => this.#turn(column));
      choice.append(element("option", { value: column.name }, `Order: ${column.title.toLowerCase()}`));
    }
    choice.addEventListener("change", () => {
      const column = COLUMNS.find((each) => each.name === choice.value);
      this.#orderBy(choice.value, column?.first ?? "ascending");
    });
  }

  /** A column's first click orders by it, the second the other way round, the third as they came. */
  #turn(column) {
    const other = column.first === "ascending" ? "descending" : "ascending";
    if (this.#order.name !== column.name) this.#orderBy(column.name, column.first);
    else if (this.#order.direction === column.first) this.#orderBy(column.name, other);
    else this.#orderBy("", "ascending");
  }

  #orderBy(name, direction) {
    this.#order = { name, direction };
    byId("order").value = name;
    for (const [each, head] of this.#heads) setAttribute(head, "aria-sort", each === name ? direction : null);
    this.#show();
  }
}

class StreamRow {
  #name = element("bdi", { class: "stream-name" });
  #under = element("span", { class: "under" });
  #languages = cell("languages");
  #state = element("span");
  #level = element("span");
  #pips = new Pips();
  #inFlight = element("span");
  #lag = cell("lag", "number");
  #success = cell("success", "number");
  #partial = cell("partial", "number");
  #failed = cell("failed", "number");

  constructor() {
    this.node = element(
      "tr",
      { role: "row", tabindex: -1 },
      cell("stream", "", this.#name, this.#under),
      this.#languages,
      cell("state", "", this.#state),
      cell("level", "", this.#level),
      cell("in_flight", "nowrap", this.#pips.node, this.#inFlight),
      this.#lag,
      this.#success,
      this.#partial,
      this.#failed,
    );
  }

  update(stream) {
    setAttribute(this.node, "data-session", stream.session_id);
    setAttribute(this.node, "class", stream.open ? null : "ended");
    setText(this.#name, stream.stream_id);
    const worker = stream.worker_id ? `${stream.worker_id} · ` : "";
    setText(this.#under, `${worker}${age(stream.age_s)}`);
    setText(this.#languages, languages(stream));
    showChip(this.#state, stream.state);
    showChip(this.#level, stream.level);
    this.#pips.update(stream.in_flight, stream.max_inflight);
    setText(this.#inFlight, `${stream.in_flight}/${stream.max_inflight}`);
    setText(this.#lag, milliseconds(stream.lag_ms));
    setText(this.#success, count(stream.success));
    showCount(this.#partial, stream.partial, "partial", "warn");
    showCount(this.#failed, stream.failed, "failed", "bad");
  }
}

function showCount(node, number, name, manner) {
  setText(node, count(number));
  setAttribute(node, "class", `of-${name} number ${number ? `answers-${manner}` : "answers-none"}`);
}

function cell(name, manner = "", ...children) {
  return element("td", { role: "gridcell", class: `of-${name} ${manner}`.trim() }, ...children);
}
