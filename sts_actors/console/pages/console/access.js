// Asking for the service's token.

import { byId } from "./nodes.js";
import { keepToken, token } from "./service.js";

export class Access {
  #dialog = byId("token");
  #value = byId("token-value");

  /** @param {() => void} given is told when there is a new token to try. */
  constructor(given) {
    this.#dialog.querySelector("form").addEventListener("submit", () => {
      keepToken(this.#value.value.trim());
      this.#value.value = "";
      given();
    });
    byId("token-later").addEventListener("click", () => this.#dialog.close());
    byId("notice-token").addEventListener("click", () => this.ask());
  }

  /** Ask, and say so where the one that was given is wrong. */
  ask() {
    byId("token-refused").hidden = !token();
    if (!this.#dialog.open) this.#dialog.showModal();
  }
}
