// Says what changed to those who do not see it: not more often than somebody would.

import { fill, plural } from "./words.js";

const PAUSE = 10_000; // milliseconds between two messages
const NAMED = 3; // clients that are called by their names in one message

/** Collects what happened, and tells it in one sentence at a time. */
export class News {
  #arrived = [];
  #done = [];
  #timer = null;
  #told = 0;

  constructor(words) {
    this.words = words;
    this.element = document.getElementById("news");
  }

  add({ arrived, done }) {
    this.#arrived.push(...arrived);
    this.#done.push(...done);
    if (this.#timer !== null || !(this.#arrived.length + this.#done.length)) return;
    this.#timer = setTimeout(() => this.#tell(), Math.max(0, this.#told + PAUSE - Date.now()));
  }

  #tell() {
    const said = [];
    if (this.#done.length) said.push(fill(this.words.saved, { names: named(this.#done) }));
    if (this.#arrived.length) {
      const forms = plural(this.words.arrived, this.#arrived.length, document.documentElement.lang);
      said.push(fill(forms, { num: this.#arrived.length, names: named(this.#arrived) }));
    }
    this.element.textContent = said.join(". ");
    this.#arrived = [];
    this.#done = [];
    this.#timer = null;
    this.#told = Date.now();
  }
}

function named(names) {
  return names.length > NAMED ? `${names.slice(0, NAMED).join(", ")}…` : names.join(", ");
}
