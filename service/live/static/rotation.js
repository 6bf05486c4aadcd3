// A wall that shows several boards in turns. The next board is loaded while the present one is still shown, and takes its
// place when its first frame is there and its turn has come: no moment is empty, and one that cannot be had is skipped.

import { Stream } from "./stream.js";

const AHEAD_MS = 5_000; // how long before its turn a board is loaded
const PATIENCE_MS = 10_000; // how long after its turn it is waited for
const DOTS = 9; // at most: more stops are told in numbers

/** Calls `take(stream, frames)` with the stream of the next board and what has come of it, at its turn. */
export class Rotation {
  #at = 0;
  #since = performance.now();
  #skipped = 0;
  #next = null; // the stream of the next board
  #frames = []; // what has come of it

  constructor(stops, take) {
    this.stops = stops;
    this.take = take;
    this.element = document.createElement("span");
    this.element.id = "stops";
    this.element.className = "stops";
    this.element.setAttribute("role", "img");
    document.querySelector(".state").prepend(this.element);
    this._tell();
  }

  /** The address of the board that is shown. */
  get address() {
    return this.stops[this.#at].address;
  }

  /** Load, show or skip the next board, if it is time; called every second. A lost connection stops the rotation. */
  turn(isLive) {
    const late = performance.now() - this.#since - this.stops[this.#at].seconds * 1_000;
    if (!isLive || this.stops.length < 2 || late < -AHEAD_MS) return;
    if (!this.#next) this._load();
    else if (this.#frames.length && late >= 0) this._show();
    else if (late > PATIENCE_MS * (this.#skipped + 1) || (late >= 0 && this.#next.failing)) this._skip();
  }

  get _index() {
    return (this.#at + 1 + this.#skipped) % this.stops.length;
  }

  _load() {
    this.#frames = [];
    const hold = (...frame) => (this.#frames.length || frame[0] === "snapshot") && this.#frames.push(frame);
    this.#next = new Stream(this.stops[this._index].address, hold, () => {});
  }

  _show() {
    this.#at = this._index;
    const [next, frames] = [this.#next, this.#frames];
    this._begin();
    this.take(next, frames);
  }

  _skip() {
    this.#next.close();
    this.#next = null;
    this.#skipped += 1;
    if (this._index === this.#at) this._begin(); // there is no other: this one stays for another turn
  }

  _begin() {
    this.#since = performance.now();
    this.#skipped = 0;
    this.#next = null;
    this._tell();
  }

  /** Say which of how many boards is shown. */
  _tell() {
    const place = `${this.#at + 1} / ${this.stops.length}`;
    this.element.setAttribute("aria-label", place);
    const dots = this.stops.map((_, index) => (index === this.#at ? "●" : "○")).join("");
    this.element.textContent = this.stops.length > DOTS ? place : dots;
  }
}
