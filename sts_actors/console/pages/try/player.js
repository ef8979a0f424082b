// Plays a track while it grows, its pieces one right after the other; may pause, go elsewhere, change the track.

import { toFloat32 } from "./pcm.js";

/** How far ahead sound is given to the browser. */
const AHEAD_S = 20;

/** The browser needs this long to begin on time. */
const LEAD_S = 0.06;

export class Player {
  #context;
  #rate_hz;
  #track = { pieces: [], seconds: 0 };
  #sources = new Set();
  #playing = []; // {from: of the context's clock, at: in the track, length}, in order
  #piece = 0; // the next to be given
  #skip_s = 0; // of which this much is left out
  #due = 0; // when, by the context's clock
  #rest_s = 0; // where we stand while nothing was given

  /** To be made in answer to a click, or the browser keeps it silent. */
  constructor(rate_hz) {
    this.#rate_hz = rate_hz;
    // The context runs at the sound's own rate: pieces converted one by one would click where they meet.
    this.#context = new AudioContext({ sampleRate: rate_hz });
  }

  /** What is being heard, in seconds from the track's start. */
  get position_s() {
    const now = this.#context.currentTime;
    const current = this.#playing.findLast(({ from }) => from <= now);
    return current ? current.at + Math.min(now - current.from, current.length) : this.#rest_s;
  }

  get paused() {
    return this.#context.state !== "running";
  }

  /** Whether all there is has been heard. */
  get waiting() {
    return this.position_s >= this.#track.seconds - 0.01;
  }

  /** Play another track, from where we stand. */
  use(track) {
    const here = this.position_s;
    this.#track = track;
    this.seek(here);
  }

  /** The track has grown. */
  refresh() {
    const now = this.#context.currentTime;
    while (this.#piece < this.#track.pieces.length && this.#due - now < AHEAD_S) {
      const samples = this.#track.pieces[this.#piece++];
      const length = samples.length / this.#rate_hz - this.#skip_s;
      if (length > 0) this.#give(samples, length, now);
      this.#skip_s = 0;
    }
  }

  seek(position_s) {
    for (const source of this.#sources) source.disconnect();
    this.#sources.clear();
    this.#playing = [];
    this.#rest_s = Math.max(0, Math.min(position_s, this.#track.seconds));
    this.#due = 0;
    this.#piece = 0;
    this.#skip_s = this.#rest_s;
    for (const { length } of this.#track.pieces) {
      if (this.#skip_s < length / this.#rate_hz) break;
      this.#skip_s -= length / this.#rate_hz;
      this.#piece++;
    }
    this.refresh();
  }

  pause() {
    return this.#context.suspend();
  }

  resume() {
    return this.#context.resume();
  }

  close() {
    return this.#context.state === "closed" ? undefined : this.#context.close();
  }

  #give(samples, length, now) {
    const buffer = this.#context.createBuffer(1, samples.length, this.#rate_hz);
    buffer.copyToChannel(toFloat32(samples), 0);
    const source = this.#context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#context.destination);
    // Where the pieces before have run out, silence has been heard; the clock goes on from now.
    const from = this.#due > now ? this.#due : now + LEAD_S;
    const last = this.#playing.at(-1);
    const at = last ? last.at + last.length : this.#rest_s;
    source.start(from, this.#skip_s);
    source.onended = () => {
      if (this.#sources.delete(source)) this.refresh();
    };
    this.#sources.add(source);
    this.#playing.push({ from, at, length });
    this.#due = from + length;
  }
}
