// So many of so many, as little squares: fragments in flight, tokens in use, a channel's fill.

import { drawing, setAttribute } from "./nodes.js";

const STEP = 9;
const MOST = 32;

/** A row of squares; the words beside it say the same, so it is hidden from who listens. */
export class Pips {
  #squares = [];

  constructor() {
    this.node = drawing("svg", { class: "pips", height: 8, "aria-hidden": "true" });
  }

  /** Fill `filled` of `all` squares; `full` marks them as a limit that was reached. */
  update(filled, all, full = false) {
    const shown = Math.min(Math.max(all, 0), MOST);
    while (this.#squares.length > shown) this.#squares.pop().remove();
    while (this.#squares.length < shown) {
      const x = this.#squares.length * STEP;
      const square = drawing("rect", { x: x + 0.5, y: 0.5, width: 7, height: 7, rx: 1.5 });
      this.#squares.push(square);
      this.node.append(square);
    }
    setAttribute(this.node, "width", Math.max(shown * STEP - 1, 0));
    const share = all > MOST ? Math.ceil((filled * MOST) / all) : filled;
    this.#squares.forEach((square, place) => {
      setAttribute(square, "class", place < share ? (full ? "filled full" : "filled") : null);
    });
  }
}
