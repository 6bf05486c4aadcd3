/**
 * Owns what screen readers are told: which clients came to be at risk and which no longer are, in one short sentence
 * at most every ten seconds.
 */

import { text } from "./words.js";

/** @typedef {import("./parts.js").Row} Row */

/** Ms between two sentences. */
const PACE = 10_000;

/** So many clients are called by name, the others are counted. */
const NAMES = 3;

/** The container whose rows are the clients at risk. */
const LIST = "list";

export class Announcer {
  #words;
  /** @type {Map<string, {name: string, came: boolean}>} by the row's id */
  #news = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} runs for as long as it is too early for another sentence */
  #pause;

  /** @param {import("./words.js").Words} words */
  constructor(words) {
    this.#words = words;
  }

  /** @param {{arrived: Row[], left: Row[]}} change */
  tell(change) {
    for (const row of change.arrived) this.#note(row, true);
    for (const row of change.left) this.#note(row, false);
    if (this.#pause === undefined) this.#speak();
  }

  /**
   * @param {Row} row
   * @param {boolean} came
   */
  #note({ container, id, name }, came) {
    if (container !== LIST) return;
    const before = this.#news.get(id);
    // Who came and went between two sentences is no news.
    if (before !== undefined && before.came !== came) this.#news.delete(id);
    else this.#news.set(id, { name, came });
  }

  #speak() {
    this.#pause = undefined;
    const region = document.getElementById("announcer");
    if (region === null || this.#news.size === 0) return;
    const news = [...this.#news.values()];
    const sentences = [
      this.#sentence("arrived", news.filter((row) => row.came)),
      this.#sentence("left", news.filter((row) => !row.came)),
    ];
    region.textContent = sentences.filter(Boolean).join(" ");
    this.#news.clear();
    this.#pause = setTimeout(() => this.#speak(), PACE);
  }

  /**
   * @param {string} key
   * @param {{name: string}[]} rows
   * @returns {string}
   */
  #sentence(key, rows) {
    if (rows.length === 0) return "";
    const named = rows.slice(0, NAMES).map((row) => row.name).join(", ");
    const others = rows.length - NAMES;
    const more = others > 0 ? ` ${text(this.#words, "more", { num: String(others) })}` : "";
    return text(this.#words, key, { names: named + more });
  }
}
