// Keeps an event stream open through any network failure, and reports the state of the connection.

import { openSource } from "./source.js";

const HEARTBEAT_MS = 5_000; // how often the server sends a heartbeat
const SILENCE_MS = 3 * HEARTBEAT_MS; // without a frame for so long, a connection is dead even if it claims to be open
const BACKOFF_MS = [1_000, 2_000, 5_000, 10_000, 30_000]; // pauses before our own attempts to reconnect

/**
 * One board's stream. Calls `onFrame(event, data, first)` and `onState("connecting" | "live" | "lost")`. `failing`: the
 * newest attempt to connect has failed, and nothing has come since.
 */
export class Stream {
  #source = null;
  #openedAt = 0;
  #lastFrameAt = performance.now();
  #failures = 0;
  #retry = null;
  #state = null;
  #first = true;

  constructor(address, onFrame, onState) {
    this.address = address;
    this.onFrame = onFrame;
    this.onState = onState;
    this.failing = false;
    this.open();
  }

  /** Connect again: to another address, or because the old connection may be dead. */
  open(address = this.address) {
    this.close();
    this.address = address;
    this.#openedAt = performance.now();
    this.#first = true;
    const source = openSource(address);
    this.#source = source;
    for (const name of ["snapshot", "patch", "heartbeat"]) {
      source.addEventListener(name, (event) => this._receive(name, JSON.parse(event.data)));
    }
    source.addEventListener("error", () => {
      this.failing = true;
      this.check();
    });
    this.check();
  }

  /** Check the connection; called every second. With `now`, reconnect a dead one without a pause. */
  check(now = false) {
    const silent = performance.now() - this.#lastFrameAt > SILENCE_MS;
    const stuck = performance.now() - Math.max(this.#lastFrameAt, this.#openedAt) > SILENCE_MS;
    const dead = stuck || this.#source.readyState === EventSource.CLOSED;
    if (dead && now) return this.open();
    if (dead && this.#retry === null) this._openLater();
    const open = this.#source.readyState === EventSource.OPEN && !this.#first;
    this._setState(silent ? "lost" : open ? "live" : "connecting");
  }

  _receive(name, data) {
    this.#lastFrameAt = performance.now();
    this.#failures = 0;
    this.failing = false;
    const first = this.#first && name === "snapshot";
    if (first) this.#first = false;
    this.onFrame(name, data, first);
    this.check();
  }

  _openLater() {
    const pause = BACKOFF_MS[Math.min(this.#failures, BACKOFF_MS.length - 1)];
    this.#failures += 1;
    this.#retry = setTimeout(() => this.open(), pause * (0.5 + Math.random()));
  }

  /** Close the connection, for good unless `open` is called. */
  close() {
    clearTimeout(this.#retry);
    this.#retry = null;
    if (this.#source) this.#source.close();
  }

  _setState(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.onState(state);
  }
}
