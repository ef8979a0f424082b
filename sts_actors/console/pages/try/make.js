// Elements, made short; text goes in as text alone.

/** An element with properties, attributes that hold a hyphen or begin as `aria`, and children or texts. */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-")) element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children);
  return element;
}

const names = new Intl.DisplayNames(["en"], { type: "language" });

/** A language in words: `pt-br` is "Brazilian Portuguese". */
export function languageName(code) {
  try {
    return names.of(code);
  } catch {
    return code;
  }
}

/** Seconds as `M:SS`. */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
