// The dub and its subtitles as files.

import { languageName, make } from "./make.js";
import { subtitles } from "./srt.js";
import { wavFile } from "./wav.js";

const place = document.querySelector("#downloads");
let given = [];

/** Offer what has come: for each track its sound and its subtitles, and those of the source once. */
export function offerDownloads(name, tracks, source_language, rate_hz) {
  withdrawDownloads();
  const said = (field) => (each) => ({ ...each, text: each[field] });
  const srt = (phrases) => new Blob([subtitles(phrases)], { type: "application/x-subrip;charset=utf-8" });
  for (const { language, pieces, phrases } of tracks) {
    offer(`${languageName(language)} dub (WAV)`, `${name}.${language}.wav`, wavFile(pieces, rate_hz));
    offer(`${languageName(language)} subtitles (SRT)`, `${name}.${language}.srt`, srt(phrases.map(said("translated_text"))));
  }
  const source = srt(tracks[0].phrases.map(said("transcript")));
  offer(`${languageName(source_language)} subtitles (SRT)`, `${name}.${source_language}.srt`, source);
  place.hidden = false;
}

/** Take back what was offered. */
export function withdrawDownloads() {
  for (const address of given) URL.revokeObjectURL(address);
  given = [];
  place.replaceChildren();
  place.hidden = true;
}

function offer(label, name, blob) {
  const address = URL.createObjectURL(blob);
  given.push(address);
  place.append(make("a", { className: "button", href: address, download: name }, label));
}
