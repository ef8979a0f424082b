// When the next fragment may be sent: what is in flight, and what the service says of backpressure. No I/O.

export class Flow {
  /** Of `slow_down`: how long to wait before each fragment, in milliseconds. */
  delay_ms = 0;
  #most;
  #answers;
  #owed = new Map();
  #paused = false;
  #over = false;
  #waiting = [];

  /** At most `most` fragments in flight, each with as many answers as there are languages. */
  constructor(most, languages) {
    this.#most = most;
    this.#answers = languages;
  }

  get in_flight() {
    return this.#owed.size;
  }

  sent(id) {
    this.#owed.set(id, this.#answers);
  }

  /** From now on at most so many. */
  limit(most) {
    this.#most = most;
    this.#wake();
  }

  /** An answer has come; one without a language stands for all. */
  answered(id, language) {
    const left = (this.#owed.get(id) ?? 0) - 1;
    if (left > 0 && language) this.#owed.set(id, left);
    else this.#owed.delete(id);
    this.#wake();
  }

  /** Obey a `backpressure` event. */
  pressed({ action, recommended_delay_ms }) {
    // To be slower neither begins nor ends a pause.
    if (action !== "slow_down") this.#paused = action === "pause";
    this.delay_ms = action === "slow_down" ? recommended_delay_ms : 0;
    this.#wake();
  }

  /** The stream is over: nobody need wait any more. */
  end() {
    this.#over = true;
    this.#wake();
  }

  /** Wait until one more may be sent; false where none ever will. */
  async room() {
    while (!this.#over && (this.#paused || this.in_flight >= this.#most)) {
      await new Promise((resolve) => this.#waiting.push(resolve));
    }
    return !this.#over;
  }

  #wake() {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
