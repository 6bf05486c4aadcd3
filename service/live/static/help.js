// Shows what a figure means: the text of the help's page, or the topic of it that was asked for, over the board.

import { nodes } from "./fragments.js";

/** Links with `data-help`, which names a topic or (empty) everything, open the dialog. Returns what opens it whole. */
export function listenToHelp() {
  const help = new Help(document.getElementById("help"));
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-help]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    help.show(link.dataset.help, link);
  });
  return () => help.show("");
}

class Help {
  #opener = null;
  #asked = 0;

  constructor(dialog) {
    this.dialog = dialog;
    this.body = dialog.querySelector(".help-body");
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", () => this.returnFocus());
  }

  /** `opener` gets the focus back. */
  async show(topic, opener = null) {
    const asked = ++this.#asked;
    const { dialog, body } = this;
    if (dialog.open) {
      body.focus(); // the link to all of the help goes
    } else {
      this.#opener = opener;
      dialog.showModal();
    }
    dialog.toggleAttribute("data-topic", topic !== "");
    dialog.setAttribute("aria-busy", "true");
    const text = await this.load();
    if (asked !== this.#asked) return;
    dialog.removeAttribute("aria-busy");
    dialog.querySelector(".help-failed").hidden = text !== null;
    body.textContent = "";
    if (text === null) return;
    if (topic) narrow(text, topic);
    body.append(text);
    body.scrollTop = 0;
  }

  /** The help's article for what the board shows now; null if it cannot be had. */
  async load() {
    const query = new URLSearchParams(location.search);
    query.set("lang", document.documentElement.lang);
    try {
      const response = await fetch(`${location.pathname.replace(/\/$/, "")}/help?${query}`);
      return response.ok ? nodes(await response.text()).getElementById("help-text") : null;
    } catch {
      return null;
    }
  }

  /** The stream may have replaced the link that opened the dialog. */
  returnFocus() {
    const opener = this.#opener;
    if (!opener || opener.isConnected) return;
    const link = document.querySelector(`a[data-help="${opener.dataset.help}"]`);
    if (link) link.focus({ preventScroll: true });
  }
}

/** Leave the topic in sight, with the heading of its chapter. */
function narrow(text, topic) {
  const wanted = text.querySelector(`#about-${topic}`);
  if (!wanted) return; // after an upgrade: everything
  for (const section of text.querySelectorAll("section")) {
    section.hidden = !section.contains(wanted) && !wanted.contains(section);
  }
}
