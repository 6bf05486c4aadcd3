// Keeps the server's time, and updates the times that the page shows.

import { duration, fill, localIso, minute, moment } from "./format.js";

const SLEPT_MS = 5_000; // a shorter sleep costs no frame: heartbeats tell of what it missed
const page = document.documentElement;

/** The server's clock, as the stream's frames tell it. Between them it goes on by a clock that nobody sets. */
export class Clock {
  // The frame with the latest `as_of`; the page itself stands for the first.
  #newest = { as_of: page.dataset.asOf, last_delivery_at: page.dataset.lastDelivery || null };
  #ahead = Date.parse(page.dataset.asOf) - performance.now(); // milliseconds from the page's beginning to the server's time
  #offset = Date.now() - performance.now();

  constructor(messages) {
    this.messages = messages;
  }

  /** Set the clock by a frame. Only a heartbeat can set it back: other frames may have waited after their `as_of`. */
  set(frame, isHeartbeat) {
    const ahead = Date.parse(frame.as_of) - performance.now();
    this.#ahead = isHeartbeat ? ahead : Math.max(this.#ahead, ahead);
    if (isHeartbeat || Date.parse(frame.as_of) >= Date.parse(this.#newest.as_of)) this.#newest = frame;
  }

  /**
   * Look whether the screen slept since the last look; called every second. Its time of day has then gone on and its
   * other clock may have stood still, as if the time of day had been set forward: nobody can tell which, so the figures
   * are taken for old until a frame tells better.
   */
  slept() {
    const offset = Date.now() - performance.now();
    const missed = offset - this.#offset;
    this.#offset = offset;
    if (missed < SLEPT_MS) return false;
    this.#ahead += missed;
    return true;
  }

  /** Forget the frames of another board. The time stays the same. */
  forget() {
    this.#newest = { as_of: new Date(0).toISOString(), last_delivery_at: null };
  }

  /** The time of day in the office, such as 09:05. */
  timeOfDay() {
    return localIso(performance.now() + this.#ahead, this.#newest.as_of).slice(11, 16);
  }

  /** Update how long tasks are overdue, the moments of the figures, and the age of figures that are stale. */
  tick() {
    const now = performance.now() + this.#ahead;
    const { as_of: asOf } = this.#newest;
    const today = localIso(now, asOf);
    for (const time of document.querySelectorAll("time[data-due]")) {
      write(time, duration((now - Number(time.dataset.due)) / 1000, this.messages, page.lang));
    }
    for (const time of document.querySelectorAll("time[data-moment]")) {
      const at = this.#newest[time.dataset.moment];
      time.dateTime = at || "";
      const format = time.dataset.moment === "as_of" ? moment : minute;
      write(time, at ? format(at, today, this.messages) : this.messages.none);
    }
    const age = duration((now - Date.parse(asOf)) / 1000, this.messages, page.lang);
    const time = moment(asOf, today, this.messages);
    write(document.getElementById("stale-text"), fill(this.messages.stale, { age, time }));
  }
}

/** Set an element's text only if it differs, so that an unchanged text causes no layout. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
