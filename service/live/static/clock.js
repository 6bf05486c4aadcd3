// Keeps the server's time, and updates the times that the page shows.

import { duration, fill, localIso, moment } from "./format.js";

const page = document.documentElement;

/** The server's clock, as the stream's frames tell it. */
export class Clock {
  // The frame with the latest `as_of`; the page itself stands for the first.
  #newest = { as_of: page.dataset.asOf, last_delivery_at: page.dataset.lastDelivery || null };
  #ahead = Date.parse(page.dataset.asOf) - Date.now(); // milliseconds that the server's clock is ahead of the screen's

  constructor(messages) {
    this.messages = messages;
  }

  /** Set the clock by a frame. Only a heartbeat can set it back: other frames may have waited after their `as_of`. */
  set(frame, isHeartbeat) {
    const ahead = Date.parse(frame.as_of) - Date.now();
    this.#ahead = isHeartbeat ? ahead : Math.max(this.#ahead, ahead);
    if (Date.parse(frame.as_of) >= Date.parse(this.#newest.as_of)) this.#newest = frame;
  }

  /** Update how long tasks are overdue, the moments of the figures, and the age of figures that are stale. */
  tick() {
    const now = Date.now() + this.#ahead;
    const { as_of: asOf } = this.#newest;
    const today = localIso(now, asOf);
    for (const time of document.querySelectorAll("time[data-due]")) {
      write(time, duration((now - Number(time.dataset.due)) / 1000, this.messages, page.lang));
    }
    for (const time of document.querySelectorAll("time[data-moment]")) {
      const at = this.#newest[time.dataset.moment];
      if (!at) continue;
      time.dateTime = at;
      write(time, moment(at, today, this.messages));
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
