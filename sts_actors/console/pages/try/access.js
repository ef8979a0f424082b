// Asking the service, and who is here for its token where it wants one.

import { Unauthorised, keepToken, token } from "../console/service.js";

const dialog = document.querySelector("#token");
const field = document.querySelector("#token-value");
const refused = document.querySelector("#token-refused");

/** What `ask()` gives, once there is a token with which the service answers. */
export async function admitted(ask) {
  for (;;) {
    try {
      return await ask();
    } catch (problem) {
      if (!(problem instanceof Unauthorised)) throw problem;
      keepToken(await typed());
    }
  }
}

async function typed() {
  refused.hidden = !token();
  field.value = "";
  // Who closes the dialog without a token is asked again: there is nothing else to do here.
  while (!field.value) {
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  }
  return field.value;
}
