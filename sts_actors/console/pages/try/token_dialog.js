// Asks for the service's token.

const dialog = document.querySelector("#token-dialog");
const field = document.querySelector("#token");
const wrong = document.querySelector("#token-wrong");

/** What was typed; asks until something is. `again` says that the last one was not it. */
export function askToken(again) {
  wrong.hidden = !again;
  field.value = "";
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(field.value ? field.value : askToken(again)), { once: true });
  });
}
