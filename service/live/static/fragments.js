// Puts HTML fragments from the stream into the page: each replaces the element that has its id.

import { glide, grow } from "./motion.js";
import { policy } from "./trusted.js";

const LEAVING_MS = 2_600; // how long a row stays, struck through, after its task was done
const HIGHLIGHT_MS = 4_000; // how long a change stays highlighted
const FOCUSABLE = "a, button, select, summary, [tabindex]";
const OWNERS = ["reason", "manager", "figure", "task", "client"]; // data attributes that name the owner of a value

/**
 * Show a frame's fragments. With `highlight`, animate and highlight what changed, and credit who closed a task.
 * Returns the rows of the clients that arrived; the names of those that were saved; and the amounts saved, each with its row.
 */
export function show({ set, remove = [], hide = [], order = {}, closed = {} }, highlight, messages) {
  const list = document.getElementById("list");
  const amounts = removeRows(remove, hide, closed, highlight, messages);
  const arrived = [];
  const change = () => {
    for (const [id, html] of Object.entries(set)) {
      const fresh = nodes(html).firstElementChild;
      const old = document.getElementById(id);
      if (old) replace(old, fresh, closed[id], highlight, messages);
      else if (fresh.matches(".client")) arrived.push(append(list, fresh, highlight));
    }
    if (order.list) arrange(list, order.list);
  };
  if (order.list && highlight) glide(list, change);
  else change();
  if (!highlight) return { arrived: [], saved: [], amounts };
  const saved = Object.values(closed).filter((work) => work.saved).map((work) => work.client);
  return { arrived, saved, amounts };
}

/** Remove every row that a snapshot does not list. */
export function keepOnly(ids, highlight) {
  const kept = new Set(ids);
  for (const row of [...document.getElementById("list").children]) if (!kept.has(row.id)) leave(row, null, highlight);
}

function removeRows(remove, hide, closed, highlight, messages) {
  const amounts = [];
  for (const row of rowsOf(hide)) row.remove();
  for (const row of rowsOf(remove)) {
    const work = closed[row.id];
    if (highlight && work && work.saved) amounts.push([work.saved, row]);
    leave(row, credit(work, messages), highlight);
  }
  return amounts;
}

/** The rows of these ids that are in the list. One that leaves has no id any more. */
function rowsOf(ids) {
  return ids.map((id) => document.getElementById(id)).filter((row) => row);
}

/** The nodes of a text that our own service has rendered. */
export function nodes(html) {
  const template = document.createElement("template");
  // The only place where text becomes HTML. It comes from our own stream and help alone (same origin, `connect-src 'self'`), and
  // the server's templates have escaped everything that a CRM sent.
  template.innerHTML = policy.createHTML(html);
  return template.content;
}

function append(list, row, highlight) {
  list.append(row);
  if (highlight) mark(row);
  return row;
}

function replace(old, fresh, work, highlight, messages) {
  if (highlight) {
    markChanges(old, fresh);
    if (work) keepStruck(old, fresh, new Set(work.tasks), credit(work, messages));
  }
  const focus = focused(old);
  old.replaceWith(fresh);
  if (highlight) growBars(old, fresh);
  restoreFocus(focus, fresh);
}

function growBars(old, fresh) {
  const bars = barsOf(old);
  for (const [reason, bar] of barsOf(fresh)) if (bars.has(reason)) grow(bar, bars.get(reason).getAttribute("width"));
}

/** The elements with a value, by their owner and place: so a row that moved is compared with itself. */
function valueElements(fragment) {
  const elements = new Map();
  for (const element of fragment.querySelectorAll("[data-value]")) {
    const owner = element.closest(OWNERS.map((name) => `[data-${name}]`).join());
    const ownerKey = owner ? OWNERS.map((name) => owner.dataset[name]).join("/") : "";
    const classes = element.className.replace(/ ?\bhighlight\b/, "");
    elements.set(`${ownerKey} ${classes} ${[...element.parentElement.children].indexOf(element)}`, element);
  }
  return elements;
}

function valuesOf(fragment) {
  return new Map([...valueElements(fragment)].map(([key, element]) => [key, element.dataset.value]));
}

function barsOf(fragment) {
  const bars = [...fragment.querySelectorAll("[data-reason] .fill")];
  return new Map(bars.map((bar) => [bar.closest("[data-reason]").dataset.reason, bar]));
}

function markChanges(old, fresh) {
  const values = valuesOf(old);
  for (const [key, element] of valueElements(fresh)) {
    if (values.get(key) !== element.dataset.value) mark(element.closest("[data-reason], [data-task]") || element);
  }
}

/** Highlight an element for a while. A class and a timer cost less than a CSS animation, which restyles every frame. */
function mark(element) {
  element.classList.add("highlight");
  setTimeout(() => element.classList.remove("highlight"), HIGHLIGHT_MS);
}

/** Keep the tasks that were done in their client's row for a while, struck through. */
function keepStruck(old, fresh, taskIds, text) {
  for (const task of old.querySelectorAll("[data-task]")) {
    if (!taskIds.has(task.dataset.task)) continue;
    const struck = task.cloneNode(true);
    strike(struck, text);
    fresh.querySelector(".tasks").prepend(struck);
    setTimeout(() => struck.remove(), LEAVING_MS);
  }
}

/** The text that credits who closed a client's tasks; null if nobody did. */
function credit(work, messages) {
  if (!work) return null;
  return work.by ? messages.credit.replace("%(by)s", () => work.by) : messages.done;
}

function strike(row, text) {
  row.classList.add("leaving", "done");
  disable(row);
  const element = document.createElement("span");
  element.className = "credit";
  element.textContent = element.title = text;
  (row.querySelector(".lead") || row).append(element);
}

/** Take a row that leaves from keyboards, pointers and screen readers: it shows what is over. */
function disable(row) {
  row.setAttribute("aria-hidden", "true");
  for (const link of row.querySelectorAll("a")) link.removeAttribute("href");
}

function leave(row, text, highlight) {
  if (row.classList.contains("leaving")) return;
  if (!highlight) return row.remove();
  row.removeAttribute("id"); // the client can come back while this row leaves
  row.classList.add("leaving");
  disable(row);
  if (text) strike(row, text);
  setTimeout(() => {
    if (row.isConnected) glide(row.parentElement, () => row.remove());
  }, LEAVING_MS);
}

/** Put the rows into the order of `ids`. Rows that leave keep their places, and rows in the right place do not move. */
function arrange(list, ids) {
  let place = list.firstElementChild;
  for (const id of ids) {
    while (place && place.classList.contains("leaving")) place = place.nextElementSibling;
    const row = document.getElementById(id);
    if (!row) continue;
    if (row === place) place = place.nextElementSibling;
    else list.insertBefore(row, place);
  }
}

function focused(fragment) {
  const focus = document.activeElement;
  if (!fragment.contains(focus)) return null;
  return { id: focus.id, index: [...fragment.querySelectorAll(FOCUSABLE)].indexOf(focus) };
}

function restoreFocus(focus, fragment) {
  if (!focus) return;
  const same = focus.id ? document.getElementById(focus.id) : fragment.querySelectorAll(FOCUSABLE)[focus.index];
  if (same) same.focus({ preventScroll: true });
}
