// Numbers as people read them.

const COUNT = new Intl.NumberFormat("en-GB");

/** A count, with commas between the thousands. */
export function count(number) {
  return COUNT.format(number);
}

/** Seconds: `340 ms`, `2.41 s`, `12 min 5 s`, `3 h 07 min`. */
export function seconds(value) {
  if (value < 0) return `−${seconds(-value)}`;
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  if (value < 59.95) return `${value < 9.995 ? value.toFixed(2) : value.toFixed(1)} s`;
  const whole = Math.round(value);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.floor(whole / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** How long something has been there, to the second. */
export function age(value) {
  return value < 60 ? `${Math.floor(value)} s` : seconds(value);
}

/** Milliseconds, in the same words. */
export function milliseconds(value) {
  return seconds(value / 1000);
}

/** A stream's languages: `en → pt, es`. */
export function languages(stream) {
  return `${stream.source_language} → ${stream.target_languages.join(", ")}`;
}

/** `1 stream`, `2 streams`. */
export function counted(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}
