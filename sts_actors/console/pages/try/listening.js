// Listening: the player with its button, its slider and its picture, for the language that is chosen.

import { clock, languageName, make } from "./make.js";
import { Peaks } from "./peaks.js";
import { Player } from "./player.js";
import { drawWaveform } from "./waveform.js";
import { markWords, onPhrase, showWords } from "./words.js";

const play = document.querySelector("#play");
const seek = document.querySelector("#seek");
const time = document.querySelector("#clock");
const hear = document.querySelector("#hear");
const wave = document.querySelector("#wave");
const names = { source: document.querySelector("#wave-source"), dub: document.querySelector("#wave-dub") };

/** A picture of less would jump with every piece. */
const SHORTEST_PICTURE_S = 12;

let player = null;
let shown = null; // what `listen` was given, the track that is heard, whether it is whole

/** Make the player: to be called in answer to a click, or the browser keeps it silent. */
export async function prepare(rate_hz) {
  player?.close();
  player = new Player(rate_hz);
  await player.resume();
}

/** Listen to the first of `tracks`; `source` has the original's peaks, `length_s()` tells how long it is. */
export function listen(tracks, source_language, source, rate_hz, length_s) {
  const peaks = new Map(tracks.map((track) => [track, new Peaks(rate_hz)]));
  shown = { tracks, track: tracks[0], peaks, source, source_language, length_s };
  hear.replaceChildren(
    ...tracks.map((track) => {
      const button = make("button", { type: "button" }, languageName(track.language));
      button.addEventListener("click", () => change(track));
      return button;
    }),
  );
  hear.hidden = tracks.length < 2;
  change(tracks[0]);
  play.disabled = seek.disabled = false;
}

/** A track has grown by a piece. */
export function grown(track) {
  const peaks = shown.peaks.get(track);
  peaks.taken ??= 0;
  for (const piece of track.pieces.slice(peaks.taken)) peaks.add(piece);
  peaks.taken = track.pieces.length;
  if (track !== shown.track) return;
  player.refresh();
  showWords(track.phrases, { source: shown.source_language, target: track.language });
}

/** Show the original alone: nothing is dubbed yet. */
export function preview(source, length_s) {
  shown = null;
  hear.hidden = true;
  showWords([], {}, { afresh: true });
  player?.close();
  player = null;
  play.disabled = seek.disabled = true;
  picture = { source, length_s };
}

/** No more will come. */
export function whole() {
  if (shown) shown.whole = true;
}

let picture = { source: new Peaks(1), length_s: () => 0 };

function change(track) {
  shown.track = track;
  [...hear.children].forEach((button, at) => button.setAttribute("aria-pressed", shown.tracks[at] === track));
  player.use(track);
  showWords(track.phrases, { source: shown.source_language, target: track.language }, { afresh: true });
}

function goTo(position_s) {
  if (!player) return;
  player.seek(position_s);
  player.resume();
}

play.addEventListener("click", async () => {
  if (heardAll() && !player.paused) return goTo(0);
  if (player.paused) await player.resume();
  else await player.pause();
  return undefined;
});
seek.addEventListener("input", () => goTo(Number(seek.value)));
wave.addEventListener("click", ({ offsetX }) => goTo((offsetX / wave.clientWidth) * pictured_s()));
onPhrase(goTo);

function heardAll() {
  return shown.whole && player.waiting && shown.track.seconds > 0;
}

/** How much of time the picture shows. */
function pictured_s() {
  const length = Math.max((shown ?? picture).length_s(), shown?.track.seconds ?? 0);
  return length && Math.max(length, SHORTEST_PICTURE_S);
}

const none = new Peaks(1);

function draw() {
  requestAnimationFrame(draw);
  const position = player && shown ? player.position_s : 0;
  drawWaveform(wave, names, {
    source: (shown ?? picture).source,
    dub: shown?.peaks.get(shown.track) ?? none,
    length_s: pictured_s(),
    heard_s: position,
  });
  if (!player || !shown) return;
  play.textContent = player.paused ? "Play" : heardAll() ? "Again" : "Pause";
  seek.max = pictured_s().toFixed(1);
  seek.value = position.toFixed(1);
  const length = clock(Math.max(shown.length_s(), shown.track.seconds));
  seek.setAttribute("aria-valuetext", `${clock(position)} of ${length}`);
  time.textContent = `${clock(position)} / ${length}`;
  markWords(position > 0 ? position : -1);
}
draw();
