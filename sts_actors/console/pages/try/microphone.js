// The microphone as a source: fragments as they are spoken, until it is stopped.

import { FRAGMENT_S, RATE_HZ, SHORTEST_S, toInt16 } from "./pcm.js";

/** Why there can be no microphone here; "" where there can. */
export function withoutMicrophone() {
  if (!window.isSecureContext) {
    return "The browser gives the microphone to secure pages alone: open this one by https, or on the machine itself as http://localhost.";
  }
  return navigator.mediaDevices?.getUserMedia ? "" : "This browser gives pages no microphone.";
}

/** Ask for the microphone; rejects as `getUserMedia` does. */
export async function openMicrophone() {
  const media = await navigator.mediaDevices.getUserMedia({
    // The dub is heard in the same room.
    audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  });
  const { context, input } = tapped(media);
  await context.audioWorklet.addModule(new URL("./recorder.js", import.meta.url));
  await context.resume();
  return new Microphone(media, context, input);
}

// Some browsers do not convert between a microphone's rate and ours: the stream then has the microphone's.
function tapped(media) {
  for (const options of [{ sampleRate: RATE_HZ }, {}]) {
    const context = new AudioContext(options);
    try {
      return { context, input: context.createMediaStreamSource(media) };
    } catch (problem) {
      context.close();
      if (problem.name !== "NotSupportedError") throw problem;
    }
  }
  throw new DOMException("the microphone's rate is not supported", "NotSupportedError");
}

class Microphone {
  length_s = 0; // of what was heard; it grows
  /** Is told each block as it is heard. */
  onheard = () => {};
  #media;
  #context;
  #blocks = [];
  #stopped = false;
  #wake = () => {};

  constructor(media, context, input) {
    this.#media = media;
    this.#context = context;
    this.rate_hz = context.sampleRate;
    const recorder = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    recorder.port.onmessage = ({ data }) => this.#heard(toInt16(data));
    input.connect(recorder);
    // A microphone that is unplugged ends what is said.
    for (const track of media.getAudioTracks()) track.addEventListener("ended", () => this.stop());
  }

  async *fragments() {
    const size = Math.round(FRAGMENT_S * this.rate_hz);
    let pending = [];
    let length = 0;
    for await (const block of this.#each()) {
      pending.push(block);
      length += block.length;
      if (length < size) continue;
      yield joined(pending, length);
      pending = [];
      length = 0;
    }
    if (length >= SHORTEST_S * this.rate_hz) yield joined(pending, length);
  }

  /** Listen no more; what was heard is still given out. */
  stop() {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const track of this.#media.getTracks()) track.stop();
    this.#context.close();
    this.#wake();
  }

  async *#each() {
    while (this.#blocks.length || !this.#stopped) {
      if (this.#blocks.length) yield this.#blocks.shift();
      else await new Promise((resolve) => (this.#wake = resolve));
    }
  }

  #heard(block) {
    if (this.#stopped) return;
    this.length_s += block.length / this.rate_hz;
    this.#blocks.push(block);
    this.onheard(block);
    this.#wake();
  }
}

function joined(blocks, length) {
  const whole = new Int16Array(length);
  let at = 0;
  for (const block of blocks) {
    whole.set(block, at);
    at += block.length;
  }
  return whole;
}
