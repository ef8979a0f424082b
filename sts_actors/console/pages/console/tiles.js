// The service at a glance: a handful of figures over everything else.

import { age, count, seconds } from "./figures.js";
import { byId, element, setAttribute, setText } from "./nodes.js";
import { Pips } from "./pips.js";

export class Tiles {
  #tiles = new Map();
  #tokens = new Pips();

  constructor() {
    for (const [name, title] of [
      ["live", "Live streams"],
      ["in_flight", "In flight"],
      ["answers", "Answers"],
      ["tokens", "Tokens in use"],
      ["loop", "Loop lag, p99"],
      ["uptime", "Up for"],
    ]) {
      const figure = element("span", { class: "figure" });
      const note = element("span", { class: "soft small note" });
      const tile = element("div", { class: "tile" }, element("dt", {}, title), element("dd", {}, figure, note));
      if (name === "tokens") figure.after(this.#tokens.node);
      this.#tiles.set(name, { tile, figure, note });
      byId("tiles").append(tile);
    }
  }

  /** Show what an overview says. */
  update(overview) {
    const live = overview.streams.filter((stream) => stream.open);
    const sum = (field, of = live) => of.reduce((total, stream) => total + stream[field], 0);
    this.#show("live", count(live.length), waiting(live));
    this.#show("in_flight", count(sum("in_flight")), `of ${count(sum("max_inflight"))}`);
    const all = overview.streams;
    const [partial, failed] = [sum("partial", all), sum("failed", all)];
    this.#show("answers", count(sum("success", all)), `${count(partial)} partial, ${count(failed)} failed`);
    setAttribute(this.#tiles.get("answers").tile, "class", failed ? "tile bad" : partial ? "tile warn" : "tile");
    const { tokens, tokens_free: free } = overview.scheduler;
    this.#show("tokens", count(tokens - free), `of ${count(tokens)}`);
    this.#tokens.update(tokens - free, tokens, free === 0);
    const loop = overview.loop;
    const stalls = `${count(loop.stalls)} ${loop.stalls === 1 ? "stall" : "stalls"}`;
    const longest = loop.stalls ? `, longest ${seconds(loop.longest_stall_s)}` : "";
    this.#show("loop", seconds(loop.lag_s_p99), `${stalls}${longest}`);
    setAttribute(this.#tiles.get("loop").tile, "class", loop.lag_s_p99 > 0.05 ? "tile warn" : "tile");
    this.#show("uptime", age(overview.uptime_s), `${count(loop.tasks)} tasks`);
  }

  #show(name, figure, note) {
    const tile = this.#tiles.get(name);
    setText(tile.figure, figure);
    setText(tile.note, note);
  }
}

function waiting(live) {
  const pressed = live.filter((stream) => stream.level !== "low").length;
  return pressed ? `${count(pressed)} under pressure` : "none under pressure";
}
