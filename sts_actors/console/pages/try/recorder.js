// In the audio thread: passes on what the microphone hears, in blocks of a twentieth of a second.

class Recorder extends AudioWorkletProcessor {
  #block = new Float32Array(Math.round(sampleRate / 20));
  #filled = 0;

  process([channels]) {
    for (const value of channels?.[0] ?? []) {
      this.#block[this.#filled++] = value;
      if (this.#filled === this.#block.length) {
        this.port.postMessage(this.#block);
        this.#filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("recorder", Recorder);
