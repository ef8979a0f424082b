// Samples: from WebAudio's floats to 16 bits, to base64 and back, and cut into fragments.

/** Samples per second of all that is sent and played: more than recognition needs, and enough for a voice. */
export const RATE_HZ = 16_000;

/** The length of a fragment, in seconds. */
export const FRAGMENT_S = 6;

/** A rest below this stays with the last fragment: half a word gives the recogniser nothing to go by. */
export const SHORTEST_S = 0.5;

const BASE64_STEP = 0x6000;

/** Floats in -1 … 1 as 16-bit samples. */
export function toInt16(floats) {
  return Int16Array.from(floats, (value) => Math.max(-32768, Math.min(32767, Math.round(value * 32767))));
}

/** 16-bit samples as floats in -1 … 1. */
export function toFloat32(samples) {
  return Float32Array.from(samples, (value) => value / 32768);
}

/** Samples as base64 of little-endian 16-bit. */
export function encodePcm(samples) {
  const view = new DataView(new ArrayBuffer(samples.length * 2));
  samples.forEach((value, at) => view.setInt16(at * 2, value, true));
  const bytes = new Uint8Array(view.buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += BASE64_STEP) {
    text += String.fromCharCode(...bytes.subarray(at, at + BASE64_STEP));
  }
  return btoa(text);
}

/** The opposite. */
export function decodePcm(base64) {
  const text = atob(base64);
  const view = new DataView(Uint8Array.from(text, (character) => character.charCodeAt(0)).buffer);
  return Int16Array.from({ length: text.length >> 1 }, (_, at) => view.getInt16(at * 2, true));
}

/** Channels of floats mixed to one. */
export function mixed(channels) {
  if (channels.length === 1) return channels[0];
  return channels[0].map((_, at) => channels.reduce((sum, channel) => sum + channel[at], 0) / channels.length);
}

/** `samples` in fragments of `size`; a rest shorter than `shortest` stays with the last. */
export function cut(samples, size, shortest) {
  const fragments = [];
  for (let at = 0; at < samples.length; ) {
    const end = samples.length - at - size < shortest ? samples.length : at + size;
    fragments.push(samples.subarray(at, end));
    at = end;
  }
  return fragments;
}

/** `samples` cut or filled with silence to a length. */
export function fitted(samples, length) {
  if (samples.length === length) return samples;
  const whole = new Int16Array(length);
  whole.set(samples.subarray(0, length));
  return whole;
}
