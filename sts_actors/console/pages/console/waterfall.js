// Waterfalls drawn: thick where a stage works, thin where a fragment waits for it, a line at the deadline.

import { seconds } from "./figures.js";
import { drawing, element, setAttribute, setText } from "./nodes.js";
import { deadline, lanes, ticks } from "./spans.js";

const LANE = 14;
const HEIGHTS = { queue: 3, held: 3, open: 3, work: 9 };
const STAGES = new Set(["session", "asr", "translation", "tts"]);
const SAID = { queue: "waits", work: "works", held: "is held for its turn", open: "goes on" };

function percent(at, across) {
  return `${((Math.max(at, 0) / across) * 100).toFixed(3)}%`;
}

/** The time above all waterfalls. */
export class Ruler {
  #across = 0;
  #svg = drawing("svg", { class: "ruler-scale", height: 16 });

  /** @param {Element} beside stands in the column of the lanes' names. */
  constructor(beside) {
    setAttribute(this.#svg, "aria-hidden", "true");
    this.node = element("div", { class: "ruler" }, beside, this.#svg);
  }

  update(across) {
    if (across === this.#across) return;
    this.#across = across;
    const marks = ticks(across).filter((at) => at / across < 0.97);
    this.#svg.replaceChildren(
      ...marks.map((at) => {
        const anchor = at === 0 ? "start" : "middle";
        return drawing("text", { x: percent(at, across), y: 12, "text-anchor": anchor }, `${at} s`);
      }),
    );
  }
}

/** One fragment's. */
export class Waterfall {
  #labels = element("ol", { class: "lanes" });
  #svg = drawing("svg", { class: "bars", role: "img" });
  #grid = drawing("g", { class: "grid" });
  #marks = drawing("g");
  #deadline = drawing("line", { class: "deadline", y1: 0, y2: "100%" });
  #across = 0;

  constructor() {
    this.#svg.append(this.#grid, this.#marks, this.#deadline);
    this.node = element("div", { class: "waterfall" }, this.#labels, this.#svg);
    setAttribute(this.#labels, "aria-hidden", "true");
  }

  /** Show a fragment; see `spans.lanes` and `spans.reach`. */
  update(fragment, now, across) {
    const drawn = lanes(fragment, Math.min(now, fragment.deadline_s));
    const height = Math.max(drawn.length, 1) * LANE + 2;
    setAttribute(this.#svg, "height", height);
    setAttribute(this.#svg, "data-across-s", across);
    this.#rule(across);
    this.#label(drawn);
    this.#draw(drawn, across);
    const at = percent(deadline(fragment), across);
    setAttribute(this.#deadline, "x1", at);
    setAttribute(this.#deadline, "x2", at);
    setAttribute(this.#svg, "aria-label", told(fragment, drawn));
  }

  #rule(across) {
    if (across === this.#across) return;
    this.#across = across;
    const lines = ticks(across).map((at) => percent(at, across));
    this.#grid.replaceChildren(...lines.map((x) => drawing("line", { x1: x, x2: x, y1: 0, y2: "100%" })));
  }

  #label(drawn) {
    while (this.#labels.children.length > drawn.length) this.#labels.lastElementChild.remove();
    while (this.#labels.children.length < drawn.length) this.#labels.append(element("li"));
    drawn.forEach((lane, row) => setText(this.#labels.children[row], lane.label));
  }

  #draw(drawn, across) {
    const wanted = drawn.flatMap((lane, row) => [
      ...lane.marks.map((mark) => ({ ...mark, row })),
      ...(lane.answered === null ? [] : [{ kind: "answered", stage: "", from: lane.answered, row }]),
    ]);
    while (this.#marks.children.length > wanted.length) this.#marks.lastElementChild.remove();
    while (this.#marks.children.length < wanted.length) this.#marks.append(drawing("rect"));
    wanted.forEach((mark, place) => this.#place(this.#marks.children[place], mark, across));
  }

  #place(rect, mark, across) {
    const isAnswer = mark.kind === "answered";
    const height = isAnswer ? LANE - 2 : HEIGHTS[mark.kind];
    const stage = STAGES.has(mark.stage) ? ` stage-${mark.stage}` : "";
    setAttribute(rect, "class", `${mark.kind}${stage}${mark.code ? " failed" : ""}`);
    setAttribute(rect, "x", percent(mark.from, across));
    setAttribute(rect, "y", mark.row * LANE + (LANE - height) / 2 + 1);
    setAttribute(rect, "width", isAnswer ? 2 : percent(Math.max(mark.until - mark.from, 0), across));
    setAttribute(rect, "height", height);
    setAttribute(rect, "rx", mark.kind === "work" ? 1.5 : null);
  }
}

/** The picture in words. */
function told(fragment, drawn) {
  const parts = drawn.flatMap((lane) =>
    lane.marks
      .filter((mark) => mark.until - mark.from >= 0.001)
      .map((mark) => `${mark.stage || lane.label} ${SAID[mark.kind]} ${seconds(mark.until - mark.from)}`),
  );
  return `${parts.join(", ")}; deadline after ${seconds(deadline(fragment))}`;
}
