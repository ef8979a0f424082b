// One dubbing stream over a connection: what a worker says, and what it is told.

import { Flow } from "./flow.js";
import { decodePcm, encodePcm } from "./pcm.js";
import { Lost } from "./socketio.js";

/** The contract's: `stream:ready` comes within 10 s of `stream:init`. */
const READY_MS = 10_000;

/** A service that takes longer for a piece is given one at a time: a second would only run into its deadline. */
const AT_EASE_MS = 10_000;

/** What the service does not do, in its own words. */
export class ServiceError extends Error {
  name = "ServiceError";

  constructor({ code, message }) {
    super(message ?? code);
    this.code = code;
  }
}

/**
 * Open a stream. Its `listener` is told `processed(answer)`, `complete(summary)`, `error(problem)`,
 * `warning(problem)`, `pressed(level)` and, where the connection goes before the end, `lost(reason)`; sound comes
 * as Int16Array in `audio`. `hurried` is for a source that does not wait: the first piece goes alone, so that it is
 * heard soon, and the next ones together only while the service is quick. Rejects with `ServiceError` where the service refuses, with `Lost` where it is gone.
 */
export function openStream(socket, init, listener, { hurried = false } = {}) {
  return new Promise((resolve, reject) => {
    const patience = setTimeout(() => settle(() => reject(new Lost("no answer to stream:init"))), READY_MS);
    const settle = (how) => {
      clearTimeout(patience);
      how();
    };
    socket.ondisconnect = (reason) => settle(() => reject(new Lost(reason)));
    socket.onevent = (name, payload) => {
      if (name === "error") settle(() => reject(new ServiceError(payload)));
      if (name === "stream:ready") settle(() => resolve(new DubbingStream(socket, payload, init, listener, hurried)));
    };
    socket.emit("stream:init", init);
  });
}

class DubbingStream {
  #socket;
  #listener;
  #flow;
  #rate_hz;
  #number = 0;
  #over = false;
  #most;
  #hurried;
  #sent_at = new Map();

  constructor(socket, ready, init, listener, hurried) {
    this.languages = ready.target_languages;
    this.session_id = ready.session_id;
    this.#socket = socket;
    this.#listener = listener;
    this.#rate_hz = init.sample_rate_hz;
    this.#hurried = hurried;
    this.#most = ready.max_inflight;
    this.#flow = new Flow(hurried ? 1 : this.#most, ready.target_languages.length);
    socket.onevent = (name, payload) => this.#hear(name, payload);
    socket.ondisconnect = (reason) => this.#gone(reason);
  }

  get in_flight() {
    return this.#flow.in_flight;
  }

  /** Wait until the service would take a fragment; false once the stream is over. */
  async room() {
    const room = await this.#flow.room();
    if (!room || !this.#flow.delay_ms) return room;
    await new Promise((resolve) => setTimeout(resolve, this.#flow.delay_ms));
    return this.#flow.room();
  }

  /** Send the next fragment, an Int16Array; its number. */
  send(samples) {
    const number = this.#number++;
    this.#flow.sent(String(number));
    this.#sent_at.set(String(number), performance.now());
    this.#socket.emit("fragment:data", {
      fragment_id: String(number),
      sequence_number: number,
      timestamp: Date.now(),
      duration_ms: Math.round((samples.length * 1000) / this.#rate_hz),
      audio: encodePcm(samples),
    });
    return number;
  }

  /** No more will come: what was sent is still answered, then the stream is complete. */
  end() {
    if (!this.#over) this.#socket.emit("stream:end");
  }

  /** Give up what is still to come. */
  leave() {
    this.#finish();
    this.#socket.disconnect();
  }

  #hear(name, payload) {
    if (this.#over) return;
    switch (name) {
      case "fragment:processed":
        this.#answered(payload);
        return this.#listener.processed({ ...payload, audio: sound(payload) });
      case "backpressure":
        this.#flow.pressed(payload);
        return this.#listener.pressed(payload);
      case "error":
        // One that names a fragment is answered for it as well.
        return payload.fragment_id ? undefined : this.#listener.error(payload);
      case "warning":
        return this.#listener.warning(payload);
      case "stream:complete":
        this.#finish();
        this.#listener.complete({
          ...payload,
          tail: (payload.tail ?? []).map((each) => ({ ...each, audio: sound(each) })),
        });
        return this.#socket.disconnect();
      default:
        return undefined;
    }
  }

  #answered({ fragment_id, target_language }) {
    if (this.#hurried) {
      const took_ms = performance.now() - (this.#sent_at.get(fragment_id) ?? 0);
      this.#flow.limit(took_ms < AT_EASE_MS ? this.#most : 1);
    }
    this.#flow.answered(fragment_id, target_language);
  }

  #gone(reason) {
    if (this.#over) return;
    this.#finish();
    this.#listener.lost(reason);
  }

  #finish() {
    this.#over = true;
    this.#flow.end();
  }
}

function sound({ dubbed_audio }) {
  return typeof dubbed_audio === "string" ? decodePcm(dubbed_audio) : new Int16Array(0);
}
