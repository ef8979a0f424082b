// The service's own pages of data: what it can dub, and the sample. Asks for a token where it wants one.

const KEY = "sts-token";

/** The service said no; `message` is what it said. */
export class Declined extends Error {
  name = "Declined";

  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The token that was given in this tab, or "". */
export function token() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return ""; // Storage can be forbidden.
  }
}

/** GET a path of the service; rejects with `Declined`, or as `fetch` does. `askToken(wrong)` is asked for one. */
export async function get(path, askToken) {
  for (;;) {
    const given = token();
    const headers = given ? { Authorization: `Bearer ${given}` } : {};
    const answer = await fetch(path, { headers, cache: "no-store" });
    if (answer.status === 401) {
      sessionStorage.setItem(KEY, await askToken(given !== ""));
      continue;
    }
    if (!answer.ok) throw new Declined(answer.status, (await answer.text()).trim());
    return answer;
  }
}
