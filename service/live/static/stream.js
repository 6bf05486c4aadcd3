// Holds a stream of events open, whatever the network does, and says when it cannot.

export const HEARTBEAT = 5_000; // milliseconds; the server beats this often
export const SILENCE = 3 * HEARTBEAT; // after which a connection that says that it is open is not believed
const BACKOFF = [1_000, 2_000, 5_000, 10_000, 30_000]; // milliseconds between attempts of our own

/** One board's stream. `onFrame(event, data, first)`; `onState("connecting" | "live" | "lost")`. */
export class Stream {
  #source = null;
  #opened = 0;
  #heard = Date.now();
  #failures = 0;
  #retry = null;
  #state = null;
  #first = true;

  constructor(address, onFrame, onState) {
    this.address = address;
    this.onFrame = onFrame;
    this.onState = onState;
    this.open();
  }

  /** Connect anew: to another address, or to find out whether the old connection is dead. */
  open(address = this.address) {
    this.#close();
    this.address = address;
    this.#opened = Date.now();
    this.#first = true;
    const source = new EventSource(address);
    this.#source = source;
    for (const name of ["snapshot", "patch", "heartbeat"]) {
      source.addEventListener(name, (event) => this.#take(name, JSON.parse(event.data)));
    }
    source.addEventListener("error", () => this.check());
    this.check();
  }

  /** Look at the connection; called every second. `now`: do not wait for the next attempt. */
  check(now = false) {
    const silent = Date.now() - this.#heard > SILENCE;
    const dead = this.#source.readyState === EventSource.CLOSED || Date.now() - Math.max(this.#heard, this.#opened) > SILENCE;
    if (dead && now) return this.open();
    if (dead && this.#retry === null) this.#tryLater();
    const open = this.#source.readyState === EventSource.OPEN && !this.#first;
    this.#say(silent ? "lost" : open ? "live" : "connecting");
  }

  #take(name, data) {
    this.#heard = Date.now();
    this.#failures = 0;
    const first = this.#first && name === "snapshot";
    if (first) this.#first = false;
    this.onFrame(name, data, first);
    this.check();
  }

  #tryLater() {
    const wait = BACKOFF[Math.min(this.#failures, BACKOFF.length - 1)];
    this.#failures += 1;
    this.#retry = setTimeout(() => this.open(), wait * (0.5 + Math.random()));
  }

  #close() {
    clearTimeout(this.#retry);
    this.#retry = null;
    this.#source?.close();
  }

  #say(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.onState(state);
  }
}
