// The console: asks the service each second and shows what it says.

import { Access } from "./access.js";
import { ActorTree } from "./actors.js";
import { ChosenStream } from "./chosen.js";
import { showChip } from "./chip.js";
import { count } from "./figures.js";
import { byId, setText } from "./nodes.js";
import { Pulse } from "./pulse.js";
import { Scheduler } from "./scheduler.js";
import { askJson, Forbidden, Gone, streamPath, Unauthorised, Unreachable } from "./service.js";
import { StreamList } from "./streams.js";
import { Tiles } from "./tiles.js";

const HASH = "#session=";

const tiles = new Tiles();
const scheduler = new Scheduler();
const tree = new ActorTree();
const chosen = new ChosenStream(() => leave());
const list = new StreamList((sessionId) => choose(sessionId));
const pulse = new Pulse(beat);
const access = new Access(() => pulse.now());
let sessionId = null;
let lost = null;
let asking = new AbortController();

async function beat() {
  asking = new AbortController();
  const { signal } = asking;
  try {
    const [overview, report] = await Promise.all([
      askJson("/console/overview", signal),
      sessionId === null ? null : reportOf(sessionId, signal),
    ]);
    measured("overview", () => show(overview));
    if (sessionId !== null) {
      measured("stream", () => (report ? chosen.update(report, overview) : chosen.showGone()));
    }
    found();
  } catch (error) {
    if (signal.aborted) return; // Somebody wants to see another stream, and at once.
    const isTold = [Unauthorised, Forbidden, Unreachable].some((kind) => error instanceof kind);
    if (isTold) missed(error);
    else console.error(error); // A fault of the page's own.
    throw error;
  }
}

async function reportOf(wanted, signal) {
  try {
    return await askJson(streamPath(wanted), signal);
  } catch (error) {
    if (error instanceof Gone) return null;
    throw error;
  }
}

function show(overview) {
  setText(byId("version"), `${overview.version} · ${overview.profile}`);
  if (overview.draining) showChip(byId("state"), "draining");
  else if (overview.ready) showChip(byId("state"), "ready");
  else showChip(byId("state"), "loading", `loading ${overview.missing.join(", ")}`);
  tiles.update(overview);
  list.update(overview.streams);
  scheduler.update(overview);
  tree.update(overview);
  const live = overview.streams.filter((stream) => stream.open).length;
  const title = `${count(live)} live · sts_actors`;
  if (document.title !== title) document.title = title;
}

/** How long the page itself was at work for a second's news: for its tests, and for whoever profiles it. */
function measured(name, work) {
  const start = performance.now();
  work();
  performance.measure(`console:${name}`, { start });
  performance.clearMeasures(`console:${name}`);
}

function found() {
  if (lost === null) return;
  lost = null;
  byId("notice").hidden = true;
  document.body.classList.remove("lost");
}

function missed(error) {
  lost ??= new Date();
  document.body.classList.add("lost");
  byId("notice-token").hidden = !(error instanceof Unauthorised);
  setText(byId("notice-text"), told(error));
  byId("notice").hidden = false;
  showChip(byId("state"), "failed", "not connected");
  if (error instanceof Unauthorised) {
    pulse.stop();
    access.ask();
  }
}

function told(error) {
  if (error instanceof Unauthorised) return "The service wants its token.";
  if (error instanceof Forbidden) {
    return "Without a token, the service shows this to its own machine alone: open the page there by 127.0.0.1, or set STS_AUTH_TOKEN.";
  }
  const since = lost.toLocaleTimeString("en-GB");
  return `No answer from the service since ${since}. What you see is from before; it is asked again and again.`;
}

/** The open stream is part of the address: it can be kept, sent on, and left with the browser's own Back. */
function choose(wanted) {
  if (wanted === null) return;
  if (wanted === sessionId) chosen.focus();
  else location.hash = HASH + encodeURIComponent(wanted);
}

function leave() {
  const left = sessionId;
  history.pushState(null, "", location.pathname);
  follow();
  list.focus(left);
}

function follow() {
  const { hash } = location;
  if (hash && !hash.startsWith(HASH)) return;
  const wanted = hash ? readable(hash.slice(HASH.length)) : null;
  if (wanted === sessionId) return;
  sessionId = wanted;
  asking.abort();
  chosen.open(wanted);
  list.mark(wanted);
  if (wanted !== null) chosen.focus();
  pulse.now();
}

function readable(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // Somebody's own typing.
  }
}

addEventListener("hashchange", follow);
addEventListener("popstate", follow);
follow();
pulse.now();
