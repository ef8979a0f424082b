// How loud a sound is along its way, as little as a picture of it needs. Grows with the sound.

/** Peaks per second. */
export const PEAKS_HZ = 20;

export class Peaks {
  values = [];
  /** The loudest of all. */
  most = 0;
  #step;
  #open = 0;
  #filled = 0;

  constructor(rate_hz) {
    this.#step = rate_hz / PEAKS_HZ;
  }

  get seconds() {
    return this.values.length / PEAKS_HZ;
  }

  /** Take more of the sound, 16-bit samples. */
  add(samples) {
    for (const value of samples) {
      this.#open = Math.max(this.#open, Math.abs(value));
      if (++this.#filled >= this.#step) {
        this.values.push(this.#open / 32768);
        this.most = Math.max(this.most, this.#open / 32768);
        this.#open = this.#filled = 0;
      }
    }
  }

  /** The loudest from `from_s` to `to_s`, 0 … 1. */
  loudest(from_s, to_s) {
    const from = Math.floor(from_s * PEAKS_HZ);
    const to = Math.max(from + 1, Math.floor(to_s * PEAKS_HZ));
    let most = 0;
    for (let at = from; at < Math.min(to, this.values.length); at++) most = Math.max(most, this.values[at]);
    return most;
  }
}
