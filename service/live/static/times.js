/**
 * Owns the times that tick: `<time data-due>` (overdue by), `<time data-since>` (CRM heard … ago) and `<time data-age>`
 * (how old the figures are).
 */

import { duration } from "./duration.js";

/**
 * @param {ParentNode} root
 * @param {number} now the server's time, ms
 * @param {string} asOf the moment that the figures are true for, ISO 8601
 * @param {import("./words.js").Words} words
 */
export function tick(root, now, asOf, words) {
  for (const time of root.querySelectorAll("time[data-due], time[data-since], time[data-age]")) {
    if (!(time instanceof HTMLElement)) continue;
    const { due, since } = time.dataset;
    const from = Date.parse(due ?? since ?? asOf);
    if (Number.isNaN(from)) continue;
    const text = duration((now - from) / 1000, words.phrases, words.lang);
    // Untouched while it says the same: a text that is written anew loses the reader's selection.
    if (time.textContent !== text) time.textContent = text;
  }
}

/**
 * Shows the moment that the figures are true for, and when the CRM was last heard from.
 *
 * @param {{as_of: string, last_delivery_at: string | null}} frame
 */
export function showMoments(frame) {
  const { dataset } = document.body;
  dataset.asOf = frame.as_of;
  dataset.lastDeliveryAt = frame.last_delivery_at ?? "";
  const shown = document.getElementById("as-of");
  if (shown !== null) {
    shown.setAttribute("datetime", frame.as_of);
    // The server writes moments in the office's own zone, so the office's time of day stands in the text itself.
    const clock = frame.as_of.slice(11, 19);
    if (shown.textContent !== clock) shown.textContent = clock;
  }
  if (frame.last_delivery_at === null) return;
  for (const time of document.querySelectorAll("time[data-since]")) {
    time.setAttribute("data-since", frame.last_delivery_at);
    time.setAttribute("datetime", frame.last_delivery_at);
  }
}
