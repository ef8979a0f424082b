// The open stream's line from left to right: its actors, and between them the channels with their fills.

import { counted } from "./figures.js";
import { doings, groups, isPressed, isSeveral, waits } from "./line.js";
import { element, setAttribute, setText } from "./nodes.js";
import { Pips } from "./pips.js";
import { Rows } from "./rows.js";

export class Flow {
  #parts = element("div");
  #rows = new Rows(this.#parts, (part) => part.key, () => new Part());

  constructor() {
    this.node = element("div", { class: "flow-part" }, element("h3", {}, "Line"), this.#parts);
  }

  /** Show a stream's part of an overview; nothing where it has ended. */
  update(overview, stream) {
    const group = stream.open
      ? groups(overview).find((each) => each.stream === stream.stream_id)
      : undefined;
    this.node.hidden = !group;
    if (!group) return;
    const several = isSeveral(group);
    const doing = doings(group);
    const stations = group.members.map((each) => ({
      ...each,
      several,
      doing: doing.get(each.name),
      key: `${each.kind} ${each.name}`,
    }));
    this.#rows.show(parts(stations, several));
  }
}

/** All in one row, or with several languages a row for each between what they share. */
function parts(stations, several) {
  if (!several) return [{ key: "line", stations }];
  const found = [];
  for (const station of stations) {
    if (found.at(-1)?.language !== station.language) {
      found.push({ key: `${found.length} ${station.language}`, language: station.language, stations: [] });
    }
    found.at(-1).stations.push(station);
  }
  return found;
}

class Part {
  node = element("ol", { class: "flow" });
  #rows = new Rows(this.node, (each) => each.key, (each) => new Station(each));

  update({ stations }) {
    this.#rows.show(stations);
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
      this.#pips.update(member.fill, member.capacity, isPressed(member));
      setText(this.#name, `${member.fill} of ${member.capacity}`);
      const waiting = waits(member, { several: member.several });
      setAttribute(this.node, "title", waiting ? `${member.name}: ${waiting}` : member.name);
      setAttribute(this.node, "class", `station channel${isPressed(member) ? " pressed" : ""}`);
      return;
    }
    setText(this.#name, member.language ? `${member.language} ${member.short}` : member.short);
    const words = [member.state === "running" ? member.doing : member.state];
    if (member.restarts) words.push(counted(member.restarts, "restart"));
    setText(this.#told, words.join(", "));
    const manner = member.state !== "running" || member.doing === "blocked" ? "pressed" : member.doing;
    setAttribute(this.node, "class", `station actor ${manner === "at work" ? "busy" : manner}`);
  }
}
