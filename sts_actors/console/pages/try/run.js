// One dub from its source to its end: connects, sends as the service has room, puts the answers in order.

import { connect } from "./socketio.js";
import { openStream } from "./stream.js";
import { Track } from "./track.js";

/** The longest that the wire allows: here, a late dub is better than none. */
const TIMEOUT_MS = 30_000;

/** Keeps recognition and synthesis busy at once; more would only queue. */
const IN_FLIGHT = 2;

/**
 * `request` has `source_language`, `target_languages`, `voices` (by language), `bed` and `live`; `source` gives
 * `fragments()`. `watch` is told `ready()`, `grown(track)`, `sent(samples)`, `noted(problem)` and
 * `ended({code, message} or null)`.
 */
export class Run {
  tracks = [];
  sent = [];
  #source;
  #watch;
  #stream = null;
  #all_sent = false;
  #trouble = null;
  #over = false;

  constructor(source, watch) {
    this.#source = source;
    this.#watch = watch;
  }

  get seconds_sent() {
    return this.sent.reduce((sum, length) => sum + length, 0) / this.#source.rate_hz;
  }

  get in_flight() {
    return this.#stream?.in_flight ?? 0;
  }

  /** Dub it all; resolves when `ended` has been told. */
  async through(base, token, request) {
    try {
      const socket = await connect(base, token ? { token } : null);
      this.#stream = await openStream(socket, this.#init(request), this, { hurried: !request.live });
      this.tracks = this.#stream.languages.map((each) => new Track(each, this.sent, this.#source.rate_hz));
      this.#watch.ready();
      await this.#send();
    } catch (problem) {
      this.#end(problem);
    }
    await this.#ended;
  }

  /** Send no more; what was sent is still dubbed. */
  stop() {
    this.#source.stop();
  }

  /** Give up. */
  leave() {
    this.#source.stop();
    this.#stream?.leave();
    this.#end(null);
  }

  #init({ source_language, target_languages, voices, bed, live }) {
    return {
      source_language,
      target_languages,
      voice_profile: voices,
      bed: bed ? "duck" : "none",
      sample_rate_hz: this.#source.rate_hz,
      channels: 1,
      format: "pcm_s16le",
      timeout_ms: TIMEOUT_MS,
      ...(live ? {} : { max_inflight: IN_FLIGHT }),
    };
  }

  async #send() {
    for await (const samples of this.#source.fragments()) {
      if (!(await this.#stream.room())) return;
      this.sent.push(samples.length);
      this.#stream.send(samples);
      this.#watch.sent(samples);
    }
    this.#all_sent = true;
    this.#stream.end();
  }

  // -- what the stream tells --------------------------------------------------------------------------------

  processed(answer) {
    for (const track of this.#of(answer.target_language)) {
      track.take(answer);
      this.#watch.grown(track);
    }
  }

  complete({ tail }) {
    const whole = this.#all_sent && this.tracks.every((track) => track.complete);
    for (const each of tail) {
      for (const track of this.#of(each.target_language)) {
        track.finish(each);
        this.#watch.grown(track);
      }
    }
    if (!whole) return this.#end(this.#trouble ?? { code: "ENDED_EARLY" });
    return this.#end(this.sent.length ? null : { code: "NOTHING_HEARD" });
  }

  error(problem) {
    this.#trouble = problem;
    this.#watch.noted(problem);
  }

  warning(problem) {
    this.#watch.noted(problem);
  }

  pressed() {}

  lost(reason) {
    this.#end(this.#trouble ?? { name: "Lost", reason });
  }

  #of(language) {
    return this.tracks.length === 1 || !language ? this.tracks : this.tracks.filter((each) => each.language === language);
  }

  #tell_ended;
  #ended = new Promise((resolve) => (this.#tell_ended = resolve));

  #end(problem) {
    if (this.#over) return;
    this.#over = true;
    this.#source.stop();
    this.#watch.ended(problem);
    this.#tell_ended();
  }
}
