// The models and who waits for them: tokens, batches, queues.

import { showChip } from "./chip.js";
import { count, counted, seconds } from "./figures.js";
import { byId, element, setText } from "./nodes.js";
import { Pips } from "./pips.js";
import { Rows } from "./rows.js";

const HEADS = ["Stage", "Model", "State", "Waiting", "Running", "Batches", "Size", "Wait", "Restarts"];
const MEANS = { Size: "The mean of requests in a batch", Wait: "The mean of how long a request waited" };
const NUMBERS_FROM = 3;

export class Scheduler {
  #pips = new Pips();
  #tokens = element("span");
  #rows;

  constructor() {
    const head = element("tr", {});
    HEADS.forEach((title, place) => {
      const manner = place < NUMBERS_FROM ? null : "number";
      head.append(element("th", { scope: "col", class: manner, title: MEANS[title] }, title));
    });
    const body = element("tbody");
    this.#rows = new Rows(body, (model) => model.stage, () => new ModelRow());
    const table = element("table", { class: "plain calm" }, element("thead", {}, head), body);
    byId("scheduler").append(
      element("p", { class: "tokens" }, this.#pips.node, this.#tokens),
      element("div", { class: "sideways", tabindex: 0, role: "group", "aria-label": "Models" }, table),
    );
  }

  /** Show what an overview says. */
  update({ scheduler, models }) {
    const used = scheduler.tokens - scheduler.tokens_free;
    this.#pips.update(used, scheduler.tokens, scheduler.tokens_free === 0);
    const waiting = models.reduce((sum, model) => sum + (model.waiting ?? 0), 0);
    const queue = waiting ? `${counted(waiting, "request")} waiting` : "nobody waits";
    setText(this.#tokens, `${count(used)} of ${counted(scheduler.tokens, "token")} in use, ${queue}`);
    this.#rows.show(models);
  }
}

class ModelRow {
  #cells = HEADS.map((_, place) => element("td", place < NUMBERS_FROM ? {} : { class: "number" }));
  #state = element("span");

  constructor() {
    this.#cells[2].append(this.#state);
    this.node = element("tr", {}, ...this.#cells);
  }

  update(model) {
    const [stage, name, , ...figures] = this.#cells;
    setText(stage, model.stage);
    setText(name, model.name ?? "");
    if (!model.loaded) showChip(this.#state, "loading");
    else showChip(this.#state, model.running === false ? "failed" : "loaded");
    const shown = [
      told(model.waiting, count),
      told(model.batches_running, count),
      told(model.batches, count),
      told(model.mean_batch, (size) => size.toFixed(1)),
      told(model.waited_s_mean, seconds),
      told(model.restarts, count),
    ];
    figures.forEach((cell, place) => setText(cell, shown[place]));
  }
}

function told(value, said) {
  return value === undefined || value === null ? "–" : said(value);
}
