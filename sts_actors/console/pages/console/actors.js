// The tree of actors: what all streams share, then a branch for each stream, open where somebody opened it.

import { showChip } from "./chip.js";
import { count, counted } from "./figures.js";
import { doings, groups, hasTrouble, isPressed, isSeveral, waits } from "./line.js";
import { byId, element, setAttribute, setText } from "./nodes.js";
import { Pips } from "./pips.js";
import { Rows } from "./rows.js";

export class ActorTree {
  #rows = new Rows(byId("actors"), (group) => group.key, (group) => new Branch(group));

  /** Show what an overview says. */
  update(overview) {
    this.#rows.show(groups(overview));
    const pressed = overview.channels.filter(isPressed).length;
    const words = [counted(overview.actors.length, "actor"), counted(overview.channels.length, "channel")];
    if (pressed) words.push(`${count(pressed)} full with somebody waiting`);
    setText(byId("actors-count"), words.join(" · "));
  }
}

class Branch {
  #title = element("bdi", { class: "branch-title" });
  #told = element("span", { class: "soft small" });
  #state = element("span");
  #list = element("ul", { class: "branch" });
  #rows = new Rows(this.#list, (member) => member.key, (member) => new Leaf(member));
  #group = null;

  constructor(group) {
    const summary = element("summary", {}, this.#title, this.#told, this.#state);
    this.node = element("details", {}, summary, this.#list);
    this.node.open = group.stream === null && group.members.length < 20;
    this.node.addEventListener("toggle", () => this.#fill());
  }

  update(group) {
    this.#group = group;
    setText(this.#title, group.title);
    const actors = group.members.filter((each) => each.kind === "actor");
    const pressed = group.members.filter((each) => each.kind === "channel" && isPressed(each));
    const restarts = actors.reduce((sum, actor) => sum + actor.restarts, 0);
    const words = [counted(actors.length, "actor")];
    if (pressed.length) words.push(`${pressed[0].short} is full`);
    if (restarts) words.push(counted(restarts, "restart"));
    setText(this.#told, words.join(", "));
    const state = hasTrouble(group) ? ["medium", "look"] : ["running", "running"];
    showChip(this.#state, ...(actors.length ? state : ["", ""]));
    this.#state.hidden = !actors.length;
    if (this.node.open) this.#fill();
  }

  /** Leaves are there only while somebody looks: with 100 streams there are more than a thousand. */
  #fill() {
    const seen = new Map();
    const members = this.node.open ? this.#group.members : [];
    const several = isSeveral(this.#group);
    const doing = doings(this.#group);
    this.#rows.show(
      members.map((member) => {
        const name = `${member.kind} ${member.name}`;
        seen.set(name, (seen.get(name) ?? 0) + 1);
        return { ...member, several, doing: doing.get(member.name), key: `${name} ${seen.get(name)}` };
      }),
    );
  }
}

class Leaf {
  #name = element("bdi", { class: "leaf-name" });
  #first = element("span");
  #second = element("span", { class: "soft small" });
  #pips = null;

  constructor(member) {
    const isChannel = member.kind === "channel";
    if (isChannel) this.#pips = new Pips();
    const glyph = element("span", { class: "glyph", "aria-hidden": "true" });
    const shown = isChannel ? [this.#pips.node, this.#first] : [this.#first];
    const middle = element("span", { class: "leaf-state" }, ...shown);
    this.node = element("li", { class: `leaf ${member.kind}` }, glyph, this.#name, middle, this.#second);
  }

  update(member) {
    setText(this.#name, member.language ? `${member.language} ${member.short}` : member.short);
    if (this.#pips) this.#showChannel(member);
    else this.#showActor(member);
  }

  #showChannel(channel) {
    this.#pips.update(channel.fill, channel.capacity, isPressed(channel));
    setText(this.#first, `${channel.fill} of ${channel.capacity}`);
    setText(this.#second, waits(channel, { several: channel.several }));
    setAttribute(this.#second, "class", isPressed(channel) ? "small pressed" : "soft small");
  }

  #showActor(actor) {
    const inLine = actor.state === "running" && actor.name.startsWith("stream/");
    showChip(this.#first, actor.state, inLine ? actor.doing : actor.state);
    const words = actor.task ? [actor.task] : [];
    if (actor.restarts) words.push(counted(actor.restarts, "restart"));
    setText(this.#second, words.join(", "));
  }
}
