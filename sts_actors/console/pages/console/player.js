// One sound at a time: the source or a dub of a fragment.

import { element, setText } from "./nodes.js";
import { askBlob, Gone, streamPath } from "./service.js";

export class Player {
  #audio = element("audio", { controls: "", preload: "auto" });
  #told = element("span", { class: "small" });
  #url = "";
  #path = "";
  #asked = null;
  #changed;

  /** @param {() => void} changed is told whenever something begins or stops to play. */
  constructor(changed) {
    this.#changed = changed;
    this.node = element("div", { class: "player" }, this.#told, this.#audio);
    this.node.hidden = true;
    for (const event of ["play", "pause", "ended"]) this.#audio.addEventListener(event, () => changed());
    this.#audio.addEventListener("error", () => {
      if (this.#url) setText(this.#told, "This browser cannot play that sound.");
    });
  }

  /** Whether this sound is heard right now. */
  isPlaying(path) {
    return this.#path === path && !this.#audio.paused && !this.#audio.ended;
  }

  /** Play what is at `path`, or stop where it is playing; `title` is shown beside it. */
  async toggle(path, title) {
    if (this.#path === path && this.#url) {
      if (this.isPlaying(path)) this.#audio.pause();
      else await this.#play();
      return;
    }
    this.stop();
    this.node.hidden = false;
    this.#path = path;
    setText(this.#told, `Fetching ${title} …`);
    const asked = new AbortController();
    this.#asked = asked;
    try {
      const blob = await askBlob(path, asked.signal);
      this.#url = URL.createObjectURL(blob);
      this.#audio.src = this.#url;
      setText(this.#told, title);
      await this.#play();
    } catch (error) {
      if (asked.signal.aborted) return;
      const gone = error instanceof Gone;
      setText(this.#told, gone ? `${title} is no longer kept.` : `${title} could not be fetched.`);
      this.#path = "";
    }
    this.#changed();
  }

  /** Be silent and forget the sound. */
  stop() {
    this.#asked?.abort();
    this.#audio.pause();
    this.#audio.removeAttribute("src");
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = this.#path = "";
    this.node.hidden = true;
    this.#changed();
  }

  async #play() {
    try {
      await this.#audio.play();
    } catch (error) {
      // Stopped before it began, or not allowed without a click; the player's own button is still there.
      if (error.name !== "AbortError" && error.name !== "NotAllowedError") throw error;
    }
  }
}

/** Where a fragment's source is. */
export function sourcePath(sessionId, index) {
  return `${streamPath(sessionId)}/fragments/${index}/source.wav`;
}

/** Where a fragment's dub is. */
export function dubPath(sessionId, index, language) {
  return `${streamPath(sessionId)}/fragments/${index}/dub.${encodeURIComponent(language)}.wav`;
}
