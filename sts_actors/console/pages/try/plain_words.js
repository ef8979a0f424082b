// What went wrong, for people: a sentence for each code of the service and each problem of the browser.

const BY_CODE = {
  AUTH_FAILED: "The service wants a token, and this one is not it. Reload the page to give another.",
  BACKPRESSURE_EXCEEDED: "The service is full just now. Try again in a moment.",
  SERVER_DRAINING: "The service is about to stop and takes nothing new. Try again when it is back.",
  MODEL_UNAVAILABLE: "A model of the service is still loading, or has just died. Try again in a moment.",
  UNSUPPORTED_LANGUAGE: "The service cannot dub between these languages.",
  INVALID_VOICE_PROFILE: "The service does not have this voice.",
  QUOTA_EXCEEDED: "The translation service's quota is used up; only who runs this service can mend that.",
  QUOTA_NEAR_LIMIT: "The translation service's quota is nearly used up.",
  GPU_OOM: "The service's GPU has run out of memory. Try again in a moment.",
  TIMEOUT: "The service was too slow for a piece of it.",
  ENDED_EARLY: "The service ended the dub before all of it was sent.",
  NOTHING_HEARD: "Less than half a second was heard: nothing was sent.",
};

const BY_NAME = {
  Lost: "The connection to the service was lost. Is it still running?",
  NotAllowedError: "The browser was not allowed to use the microphone. Its permission is beside the page's address.",
  NotFoundError: "No microphone was found.",
  NotReadableError: "The microphone cannot be used: another program may have it.",
  EncodingError: "The browser cannot read sound from this file. WAV, MP3, M4A, OGG and FLAC are safe choices.",
  Unreachable: "The service does not answer. Is it still running?",
  Forbidden:
    "Without a token, the service answers its own machine alone: open the page there by 127.0.0.1, or set STS_AUTH_TOKEN.",
};

/** A problem `{code?, name?, message?}` as a sentence or two; what the service said itself comes last. */
export function inPlainWords(problem) {
  const says = BY_CODE[problem.code] ?? BY_NAME[problem.name] ?? BY_NAME[problem.constructor.name];
  const detail = problem.code && problem.message && problem.message !== problem.code ? problem.message : "";
  if (says && detail) return `${says} (It says: ${detail}.)`;
  return says ?? (detail || problem.message || "Something went wrong; the service's log says more.");
}
