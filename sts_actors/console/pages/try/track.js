// One language of a dub: its answers, put in order, become its sound and its phrases.

import { fitted } from "./pcm.js";

/** Texts whose time is not known stand for this at least. */
const SHORTEST_TEXT_MS = 1000;

/**
 * The dub as long as what was sent, to the sample, whatever the service does: a fragment that fails leaves its
 * length of silence. `asked` has the lengths of the fragments sent so far, in samples.
 */
export class Track {
  pieces = [];
  phrases = [];
  failures = [];
  frames = 0;
  #asked;
  #rate_hz;
  #early = new Map();
  #placed = 0;

  constructor(language, asked, rate_hz) {
    this.language = language;
    this.#asked = asked;
    this.#rate_hz = rate_hz;
  }

  get seconds() {
    return this.frames / this.#rate_hz;
  }

  /** Whether all that was asked is answered. */
  get complete() {
    return this.#placed === this.#asked.length;
  }

  /** Take an answer; it has its place as soon as all before it have theirs. */
  take(answer) {
    const number = answer.sequence_number;
    if (number >= this.#asked.length || this.#early.has(number)) return;
    this.#early.set(number, answer);
    // Answers come in order; but a refusal that found no room in the service's line may overtake.
    for (let due; (due = this.#early.get(this.#placed)); ) {
      this.#early.delete(this.#placed);
      if (due.error) this.failures.push(due.error);
      this.#add(fitted(due.audio, this.#asked[this.#placed++]), due, 0);
    }
  }

  /** Take what was left when the last fragment was answered. */
  finish(tail) {
    this.#add(tail.audio, tail, SHORTEST_TEXT_MS);
  }

  #add(samples, { transcript = "", translated_text = "", utterances = [] }, shortest_ms) {
    const begin_ms = Math.floor((this.frames * 1000) / this.#rate_hz);
    this.pieces.push(samples);
    this.frames += samples.length;
    const end_ms = Math.max(Math.floor((this.frames * 1000) / this.#rate_hz), begin_ms + shortest_ms);
    const whole = { start_ms: 0, end_ms: end_ms - begin_ms, transcript, translated_text };
    for (const each of utterances.length ? utterances : [whole]) {
      if (!each.transcript && !each.translated_text) continue;
      this.phrases.push({
        start_ms: begin_ms + Math.round(each.start_ms),
        end_ms: begin_ms + Math.round(each.end_ms),
        transcript: each.transcript,
        translated_text: each.translated_text,
      });
    }
  }
}
