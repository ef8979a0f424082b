// The form: what can be chosen, by what the service can do, and what was.

import { languageName, make } from "./make.js";
import { withoutMicrophone } from "./microphone.js";

/** More would be refused. */
const MOST_TARGETS = 10;

const form = document.querySelector("#ask");
const from = document.querySelector("#from");
const into = document.querySelector("#into");
const voices = document.querySelector("#voices");
const file = document.querySelector("#file");
const start = document.querySelector("#start");

let options = { languages: {}, voices: {}, default_voices: {}, sample: null };

/** Show what the service can do, as `/try/options` tells it. */
export function showOptions(told) {
  options = told;
  const sources = byName(Object.keys(options.languages));
  from.replaceChildren(...sources.map((code) => new Option(languageName(code), code)));
  from.value = sources.includes("en") ? "en" : sources[0];
  refuse("sample", !options.sample && "It is not installed here: it comes with the embedded profile's packages.");
  refuse("microphone", withoutMicrophone());
  showTargets();
  showSource();
  form.removeAttribute("aria-busy");
  start.disabled = false;
  from.disabled = false;
}

/** What was chosen. */
export function chosen() {
  const targets = checked();
  const named = targets.map((code) => [code, voices.querySelector(`select[data-language="${code}"]`)?.value]);
  return {
    source: form.elements.source.value,
    file: file.files[0],
    source_language: from.value,
    target_languages: targets,
    voices: Object.fromEntries(named.filter(([, voice]) => voice)),
    bed: document.querySelector("#bed").checked,
    live: form.elements.source.value === "microphone" || document.querySelector("#live").checked,
  };
}

/** What is missing before it can begin: a sentence, or "". */
export function incomplete() {
  if (form.elements.source.value === "file" && !file.files.length) return "Choose a file first.";
  const targets = checked();
  if (!targets.length) return "Choose a language to dub into.";
  return targets.length > MOST_TARGETS ? `Choose ${MOST_TARGETS} languages at most.` : "";
}

/** Keep the form as it is while a dub runs. */
export function lock(locked) {
  for (const each of form.elements) if (each.type !== "button") each.disabled = locked || each.dataset.refused === "yes";
  start.hidden = locked;
}

function checked() {
  return [...into.querySelectorAll("input:checked")].map((each) => each.value);
}

function byName(codes) {
  return codes.toSorted((a, b) => languageName(a).localeCompare(languageName(b)));
}

function refuse(value, because) {
  const radio = form.querySelector(`input[name="source"][value="${value}"]`);
  radio.disabled = Boolean(because);
  radio.dataset.refused = because ? "yes" : "";
  if (!because) return;
  document.querySelector(`#${value}-says`).textContent = because;
  if (radio.checked) form.querySelector('input[name="source"][value="file"]').checked = true;
}

function showTargets() {
  const before = checked();
  const there = byName(options.languages[from.value] ?? []);
  const kept = before.filter((code) => there.includes(code));
  const picked = kept.length ? kept : [there.includes("pt") ? "pt" : there[0]];
  into.replaceChildren(
    ...there.map((code) =>
      make(
        "label",
        { className: "choice" },
        make("input", { type: "checkbox", name: "into", value: code, checked: picked.includes(code) }),
        languageName(code),
      ),
    ),
  );
  showVoices();
}

function showVoices() {
  voices.replaceChildren(
    ...checked().flatMap((code) => {
      const own = options.voices[code] ?? [];
      if (own.length < 2) return [];
      const select = make("select", { id: `voice-${code}` });
      select.dataset.language = code;
      const usual = options.default_voices[code];
      select.append(new Option(usual ? `${usual} (default)` : "the service's own choice", ""));
      select.append(...own.filter((voice) => voice !== usual).map((voice) => new Option(voice, voice)));
      const label = make("label", { htmlFor: select.id }, `${languageName(code)} voice`);
      return [make("div", { className: "field" }, label, select)];
    }),
  );
}

function showSource() {
  const source = form.elements.source.value;
  document.querySelector("#file-row").hidden = source !== "file";
  document.querySelector("#live-row").hidden = source === "microphone";
  if (source === "sample" && options.sample) {
    from.value = options.sample.language;
    showTargets();
  }
}

from.addEventListener("change", showTargets);
into.addEventListener("change", showVoices);
form.addEventListener("change", ({ target }) => target.name === "source" && showSource());

// A file may be dropped anywhere on the page.
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  if (start.hidden || !event.dataTransfer.files.length) return;
  file.files = event.dataTransfer.files;
  form.querySelector('input[name="source"][value="file"]').checked = true;
  showSource();
});
