// A recording as a source: decoded whole, given out in fragments.

import { FRAGMENT_S, RATE_HZ, SHORTEST_S, cut, mixed, toInt16 } from "./pcm.js";

/** Decode a file of sound into mono 16-bit samples; rejects where the browser cannot. */
export async function decodeRecording(bytes) {
  const context = new OfflineAudioContext(1, 1, RATE_HZ);
  const sound = await context.decodeAudioData(bytes);
  const channels = Array.from({ length: sound.numberOfChannels }, (_, at) => sound.getChannelData(at));
  return toInt16(mixed(channels));
}

/** The recording `samples`, its fragments each when it would have been spoken (`live`) or at once. */
export class Recording {
  rate_hz = RATE_HZ;
  #live;
  #stop;

  constructor(samples, { live }) {
    this.samples = samples;
    this.#live = live;
    this.length_s = samples.length / RATE_HZ;
    this.stopped = new Promise((resolve) => {
      this.#stop = () => resolve(true);
    });
  }

  async *fragments() {
    const began = performance.now();
    let spoken_s = 0;
    for (const fragment of cut(this.samples, FRAGMENT_S * RATE_HZ, SHORTEST_S * RATE_HZ)) {
      spoken_s += fragment.length / RATE_HZ;
      const due_ms = this.#live ? began + spoken_s * 1000 - performance.now() : 0;
      const elapsed = new Promise((resolve) => setTimeout(() => resolve(false), due_ms));
      if (await Promise.race([this.stopped, elapsed])) return;
      yield fragment;
    }
  }

  /** Send no more of it. */
  stop() {
    this.#stop();
  }
}
