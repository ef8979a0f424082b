// The page that dubs: from the form to the run, and from the run to what is heard and read.

import { askBlob, askJson, token } from "../console/service.js";
import { admitted } from "./access.js";
import { chosen, incomplete, lock, showOptions } from "./choices.js";
import { offerDownloads, withdrawDownloads } from "./downloads.js";
import { grown, listen, prepare, preview, whole } from "./listening.js";
import { openMicrophone } from "./microphone.js";
import { RATE_HZ } from "./pcm.js";
import { Peaks } from "./peaks.js";
import { inPlainWords } from "./plain_words.js";
import { Recording, decodeRecording } from "./recording.js";
import { Run } from "./run.js";

const LOOK_AGAIN_MS = 1000;

const stop = document.querySelector("#stop");
const state = document.querySelector("#state");
const figures = document.querySelector("#figures");
const trouble = document.querySelector("#trouble");
const engines = document.querySelector("#engines");

let run = null;

/** Say how things stand; `kind` is the chip's colour. */
function tell(text, kind = "") {
  if (state.textContent !== text) state.textContent = text;
  state.className = `chip ${kind}`;
}

/** Say what went wrong; `silent` pieces of the dub are missing for it. */
function complain(problem, silent = 0) {
  const gaps = silent ? `${silent === 1 ? "One piece" : `${silent} pieces`} of the dub stayed silent. ` : "";
  trouble.textContent = problem ? gaps + inPlainWords(problem) : "";
  trouble.hidden = !problem;
}

async function look() {
  try {
    const options = await admitted(() => askJson("/try/options"));
    if (!options.ready) {
      tell(`Loading ${options.missing.join(", ")}`, "warn");
      setTimeout(look, LOOK_AGAIN_MS);
      return;
    }
    complain(null);
    showOptions(options);
    engines.textContent = `Recognised by ${options.engines.asr}, translated by ${options.engines.translation}, spoken by ${options.engines.tts}.`;
    tell("Ready", "good");
  } catch (problem) {
    tell("Not available", "bad");
    complain(problem);
    setTimeout(look, LOOK_AGAIN_MS * 3);
  }
}

/** The source that was chosen, with the picture of it: `{source, name, peaks, length_s}`. */
async function opened(choice) {
  if (choice.source === "microphone") {
    const source = await openMicrophone();
    const peaks = new Peaks(source.rate_hz);
    source.onheard = (block) => peaks.add(block);
    return { source, name: "microphone", peaks, length_s: () => source.length_s };
  }
  const name = choice.source === "sample" ? "sample" : choice.file.name.replace(/\.[^.]*$/, "");
  const file = choice.source === "sample" ? await admitted(() => askBlob("/try/sample.wav")) : choice.file;
  const source = new Recording(await decodeRecording(await file.arrayBuffer()), choice);
  const peaks = new Peaks(source.rate_hz);
  peaks.add(source.samples);
  return { source, name, peaks, length_s: () => source.length_s };
}

async function dub() {
  const missing = incomplete();
  complain(missing ? { message: missing } : null);
  if (missing) return;
  const choice = chosen();
  lock(true);
  withdrawDownloads();
  figures.textContent = "";
  tell("Opening the sound", "warn");
  try {
    const { source, name, peaks, length_s } = await opened(choice);
    preview(peaks, length_s);
    await prepare(source.rate_hz);
    const began = performance.now();
    const watch = {
      ready() {
        tell(choice.source === "microphone" ? "Listening: speak" : "Waiting for the first words", "good");
        listen(run.tracks, choice.source_language, peaks, source.rate_hz, length_s);
      },
      sent: () => showFigures(),
      grown(track) {
        if (choice.source !== "microphone") tell("Dubbing", "good");
        grown(track);
        showFigures();
        complainOfGaps();
      },
      noted: (problem) => complain(problem),
      ended(problem) {
        whole();
        const took_s = (performance.now() - began) / 1000;
        const gaps = complainOfGaps();
        tell(problem ? "Ended early" : "Done", problem ? "bad" : gaps ? "warn" : "good");
        if (problem) complain(problem, gaps);
        const dubbed = run.tracks[0]?.seconds ?? 0;
        if (!dubbed) return;
        figures.textContent = `${dubbed.toFixed(0)} s dubbed in ${took_s.toFixed(0)} s`;
        offerDownloads(name, run.tracks, choice.source_language, source.rate_hz);
      },
    };
    run = new Run(source, watch);
    stop.hidden = false;
    tell("Connecting", "warn");
    await run.through(location.origin, token(), choice);
  } catch (problem) {
    tell("Could not begin", "bad");
    complain(problem);
  }
  stop.hidden = true;
  lock(false);
}

/** Tell of pieces that failed; how many. */
function complainOfGaps() {
  const failures = run.tracks.flatMap((track) => track.failures);
  if (failures.length) complain(failures[0], failures.length);
  return failures.length;
}

function showFigures() {
  figures.textContent = `${run.seconds_sent.toFixed(0)} s sent, ${run.tracks[0].seconds.toFixed(0)} s dubbed`;
}

document.querySelector("#ask").addEventListener("submit", (event) => {
  event.preventDefault();
  dub();
});
stop.addEventListener("click", () => {
  tell("Finishing", "warn");
  run?.stop();
});
addEventListener("pagehide", () => run?.leave());

preview(new Peaks(RATE_HZ), () => 0);
look();
