// Does something each second for as long as somebody can see the page.

/** Runs `beat` again and again, never two at once; a beat that throws makes the pauses longer. */
export class Pulse {
  #beat;
  #everyMs;
  #mostMs;
  #failures = 0;
  #timer = null;
  #running = false;
  #again = false;
  #stopped = false;

  constructor(beat, { everyMs = 1000, mostMs = 5000 } = {}) {
    this.#beat = beat;
    this.#everyMs = everyMs;
    this.#mostMs = mostMs;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.now();
    });
  }

  /** Beat at once, and then go on. */
  now() {
    this.#stopped = false;
    clearTimeout(this.#timer);
    if (this.#running) this.#again = true;
    else void this.#run();
  }

  /** Beat no more until `now` is called. */
  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #run() {
    if (document.hidden) return;
    const began = performance.now();
    this.#running = true;
    this.#again = false;
    try {
      await this.#beat();
      this.#failures = 0;
    } catch {
      this.#failures += 1;
    } finally {
      this.#running = false;
    }
    if (this.#stopped) return;
    const pause = Math.min(this.#everyMs * 2 ** Math.min(this.#failures, 10), this.#mostMs);
    const wanted = this.#failures > 1 ? pause : this.#everyMs;
    const left = this.#again ? 0 : Math.max(wanted - (performance.now() - began), wanted / 4);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#run(), left);
  }
}
