// States as chips: the word, and how good it is.

import { setAttribute, setText } from "./nodes.js";

const MANNERS = {
  ready: "good",
  running: "good",
  "at work": "good",
  loaded: "good",
  success: "good",
  low: "good",
  complete: "good",
  paused: "warn",
  draining: "warn",
  opening: "warn",
  loading: "warn",
  partial: "warn",
  medium: "warn",
  restarting: "warn",
  starting: "warn",
  high: "bad",
  critical: "bad",
  failed: "bad",
  crashed: "bad",
};

/** `good`, `warn`, `bad`, or "" for a state that is neither. */
export function manner(state) {
  return Object.hasOwn(MANNERS, state) ? MANNERS[state] : "";
}

/** Show a state in a node; `words` where they are not the state's own name. */
export function showChip(node, state, words = state) {
  setText(node, words);
  setAttribute(node, "class", `chip ${manner(state)}`.trim());
}
