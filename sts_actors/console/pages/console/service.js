// The service's answers, asked for with the token of this tab.

const TOKEN = "sts-token";
const PATIENCE_MS = 10_000;

/** The service wants a token, or another one. */
export class Unauthorised extends Error {}

/** The service answers this machine alone. */
export class Forbidden extends Error {}

/** What was asked for is not there, or no longer. */
export class Gone extends Error {}

/** No answer, or none that can be read. */
export class Unreachable extends Error {}

let inMemory = "";

/** The token that was given in this tab, "" for none. */
export function token() {
  try {
    return sessionStorage.getItem(TOKEN) ?? inMemory;
  } catch {
    return inMemory; // Storage can be forbidden.
  }
}

/** Keep a token until the tab is closed. */
export function keepToken(value) {
  inMemory = value;
  try {
    sessionStorage.setItem(TOKEN, value);
  } catch {
    // See above.
  }
}

/** The JSON at a path. Throws one of the errors above, or AbortError where `signal` says so. */
export async function askJson(path, signal) {
  return read(path, signal, (response) => response.json());
}

/** The bytes at a path, with their type; throws as `askJson`. */
export async function askBlob(path, signal) {
  return read(path, signal, (response) => response.blob());
}

async function read(path, signal, body) {
  const given = token();
  const headers = given ? { Authorization: `Bearer ${given}` } : {};
  const signals = [AbortSignal.timeout(PATIENCE_MS), ...(signal ? [signal] : [])];
  let response;
  try {
    response = await fetch(path, { headers, cache: "no-store", signal: AbortSignal.any(signals) });
    if (response.ok) return await body(response);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable(error.message);
  }
  if (response.status === 401) throw new Unauthorised(path);
  if (response.status === 403) throw new Forbidden(path);
  if (response.status === 404) throw new Gone(path);
  throw new Unreachable(`HTTP ${response.status}`);
}

/** Where a stream's own answers are. */
export function streamPath(sessionId) {
  return `/console/streams/${encodeURIComponent(sessionId)}`;
}
