// Announces changes to screen readers: who became overdue and who was saved, in one message every ten seconds at most.

import { fill, plural } from "./format.js";

const PAUSE_MS = 10_000; // between two messages
const NAMED = 3; // clients that one message names

/** Collects changes and writes them into the page's live region. */
export class Announcer {
  #arrived = [];
  #saved = [];
  #timer = null;
  #announcedAt = -PAUSE_MS;

  constructor(messages) {
    this.messages = messages;
    this.element = document.getElementById("announcements");
  }

  /** Announce the names of clients in the next message. */
  add({ arrived, saved }) {
    this.#arrived.push(...arrived);
    this.#saved.push(...saved);
    if (this.#timer !== null || !(this.#arrived.length + this.#saved.length)) return;
    this.#timer = setTimeout(() => this._announce(), Math.max(0, this.#announcedAt + PAUSE_MS - performance.now()));
  }

  _announce() {
    const sentences = [];
    if (this.#saved.length) sentences.push(fill(this.messages.saved, { names: firstNames(this.#saved) }));
    if (this.#arrived.length) {
      const form = plural(this.messages.arrived, this.#arrived.length, document.documentElement.lang);
      sentences.push(fill(form, { num: this.#arrived.length, names: firstNames(this.#arrived) }));
    }
    this.element.textContent = sentences.join(". ");
    this.#arrived = [];
    this.#saved = [];
    this.#timer = null;
    this.#announcedAt = performance.now();
  }
}

function firstNames(names) {
  return names.length > NAMED ? `${names.slice(0, NAMED).join(", ")}…` : names.join(", ");
}
