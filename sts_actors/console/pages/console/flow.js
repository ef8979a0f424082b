// The open stream's line from left to right: its actors, and between them the channels with their fills.

import { groups, isPressed, waits } from "./line.js";
import { element, setAttribute, setText } from "./nodes.js";
import { Pips } from "./pips.js";
import { Rows } from "./rows.js";

export class Flow {
  #list = element("ol", { class: "flow" });
  #rows = new Rows(this.#list, (each) => each.key, (each) => new Station(each));

  constructor() {
    const title = element("h3", {}, "Line");
    const way = element("div", { class: "sideways", tabindex: 0, role: "group", "aria-label": "Line" }, this.#list);
    this.node = element("div", { class: "flow-part" }, title, way);
  }

  /** Show a stream's part of an overview; nothing where it has ended. */
  update(overview, stream) {
    const group = stream.open
      ? groups(overview).find((each) => each.stream === stream.stream_id)
      : undefined;
    this.node.hidden = !group;
    if (!group) return;
    const several = group.members.some((each) => each.short === "fan");
    this.#rows.show(
      group.members.map((each) => ({ ...each, several, key: `${each.kind} ${each.name}` })),
    );
  }
}

class Station {
  #name = element("bdi", { class: "station-name" });
  #told = element("span", { class: "small soft" });
  #pips = null;

  constructor({ kind }) {
    if (kind === "channel") this.#pips = new Pips();
    this.node = element("li", { class: `station ${kind}` }, ...(this.#pips ? [this.#pips.node] : []));
    this.node.append(this.#name, this.#told);
  }

  update(member) {
    if (this.#pips) {
      const full = member.fill >= member.capacity;
      this.#pips.update(member.fill, member.capacity, full);
      setText(this.#name, `${member.fill}/${member.capacity}`);
      setText(this.#told, waits(member, { several: member.several }));
      setAttribute(this.node, "title", member.language ? `${member.language} ${member.short}` : member.short);
      setAttribute(this.node, "class", `station channel${isPressed(member) ? " pressed" : ""}`);
      return;
    }
    setText(this.#name, member.language ? `${member.language} ${member.short}` : member.short);
    const words = member.restarts ? [`${member.restarts} restarts`] : [];
    if (member.state !== "running") words.unshift(member.state);
    setText(this.#told, words.join(", "));
    setAttribute(this.node, "class", `station actor${member.state === "running" ? "" : " pressed"}`);
  }
}
