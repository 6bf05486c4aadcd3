// An account that has never heard from its CRM: the whole address to copy, and what came first of all.

const SHOWN_MS = 5_000; // how long the page says what came before it is the board

/** Complete the address on the page, if it shows one, and offer to copy it. */
export function prepareSetup() {
  const code = document.querySelector("#setup .address code");
  if (!code) return;
  if (code.textContent.startsWith("/")) code.textContent = location.origin + code.textContent;
  document.querySelector("#setup .copy").hidden = false;
}

/** Copy the address when its button is pressed, on a page without TLS too. */
export function listenToCopy(messages) {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("#setup .copy");
    if (!button) return;
    await copy(document.querySelector("#setup .address code"));
    button.textContent = messages.copied;
  });
}

async function copy(code) {
  try {
    await navigator.clipboard.writeText(code.textContent); // there is no clipboard without TLS
  } catch {
    getSelection().selectAllChildren(code);
    document.execCommand("copy");
  }
}

/** Say over the board what came first of all. */
export function welcome(came, messages) {
  const cover = document.createElement("section");
  cover.className = "came";
  cover.setAttribute("role", "status");
  for (const [tag, text] of [["span", "✓"], ["h2", messages.came], ["p", came]]) {
    const element = document.createElement(tag);
    element.textContent = text;
    cover.append(element);
  }
  cover.firstElementChild.setAttribute("aria-hidden", "true");
  document.body.append(cover);
  setTimeout(() => cover.remove(), SHOWN_MS);
}
