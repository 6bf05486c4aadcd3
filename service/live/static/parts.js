// Puts rendered parts into the page: each replaces the element with its id.

import { count, glide, grow } from "./motion.js";

const LEAVING = 2_600; // milliseconds that a row stays, struck out, after its task was done
const NEWS = 4_000; // milliseconds that what is new is pointed out
const FOCUSABLE = "a, button, select, [tabindex]";
const OWNERS = ["reason", "manager", "figure", "task", "client"]; // whose value a [data-value] is

// The one place where text becomes HTML. It comes only from our own stream (same origin, `connect-src 'self'`), where
// the server's templates have escaped whatever a CRM sent.
const policy = globalThis.trustedTypes?.createPolicy("lossboard", { createHTML: (html) => html });

/**
 * Show a frame's parts. With `news`, what changed is pointed out. `words` say who did the work.
 * Returns the names of the clients that came, and of those that somebody took care of; and what that saved, by row.
 */
export function show({ set, remove = [], hide = [], order = {}, closed = {} }, news, words) {
  const list = document.getElementById("list");
  const arrived = [];
  const done = [];
  const saved = [];
  for (const id of hide) document.getElementById(id)?.remove();
  for (const id of remove) {
    const row = document.getElementById(id);
    if (!row || row.classList.contains("leaving")) continue;
    leave(row, news, credit(closed[id], words));
    if (news && closed[id]?.saved) saved.push([closed[id].saved, row]);
  }
  const change = () => {
    for (const [id, html] of Object.entries(set)) {
      const fresh = element(html);
      const old = document.getElementById(id);
      if (old) replace(old, fresh, news, closed[id], words);
      else if (fresh.matches(".client")) arrived.push(arrive(fresh, list, news));
    }
    if (order.list) arrange(list, order.list);
  };
  if (order.list && news) glide(list, change);
  else change();
  if (news) for (const each of Object.values(closed)) if (each.saved) done.push(each.client);
  return { arrived: news ? arrived : [], done, saved };
}

/** Take away every row that a snapshot does not have. */
export function keepOnly(ids, news) {
  const kept = new Set(ids);
  for (const row of [...document.getElementById("list").children]) if (!kept.has(row.id)) leave(row, news);
}

function element(html) {
  const template = document.createElement("template");
  template.innerHTML = policy ? policy.createHTML(html) : html;
  return template.content.firstElementChild;
}

function arrive(row, list, news) {
  list.append(row);
  if (news) point(row);
  return row.dataset.name;
}

function replace(old, fresh, news, closed, words) {
  if (news) {
    pointOut(old, fresh);
    if (closed) keepStruck(old, fresh, new Set(closed.tasks), credit(closed, words));
  }
  const focus = focused(old);
  const values = news ? valuesOf(old) : new Map();
  const bars = news ? barsOf(old) : new Map();
  old.replaceWith(fresh);
  for (const [key, each] of elementsOf(fresh)) if (values.has(key) && each.matches(".value")) count(each, Number(values.get(key)));
  for (const [key, { bar }] of barsOf(fresh)) if (bars.has(key)) grow(bar, bars.get(key).width);
  restore(focus, fresh);
}

/** By whose value it is and which: a row that moved is compared with itself. */
function elementsOf(part) {
  const found = new Map();
  for (const each of part.querySelectorAll("[data-value]")) {
    const owner = each.closest(OWNERS.map((name) => `[data-${name}]`).join());
    const whose = owner ? OWNERS.map((name) => owner.dataset[name]).join("/") : "";
    const key = `${whose} ${each.className.replace(/ ?\bnews\b/, "")} ${[...each.parentElement.children].indexOf(each)}`;
    found.set(key, each);
  }
  return found;
}

function valuesOf(part) {
  return new Map([...elementsOf(part)].map(([key, each]) => [key, each.dataset.value]));
}

function barsOf(part) {
  const bars = [...part.querySelectorAll("[data-reason] .fill")];
  return new Map(bars.map((bar) => [bar.closest("[data-reason]").dataset.reason, { bar, width: bar.getAttribute("width") }]));
}

function pointOut(old, fresh) {
  const before = valuesOf(old);
  for (const [key, each] of elementsOf(fresh)) {
    if (before.get(key) === each.dataset.value) continue;
    point(each.closest("[data-reason], [data-task]") ?? each);
  }
}

/** For a while. By a class and a timer: an animation would be a style of the whole page sixty times a second. */
function point(element) {
  element.classList.add("news");
  setTimeout(() => element.classList.remove("news"), NEWS);
}

/** Tasks that were done stay in their client's row for a while, struck out. */
function keepStruck(old, fresh, tasks, by) {
  for (const task of old.querySelectorAll("[data-task]")) {
    if (!tasks.has(task.dataset.task)) continue;
    const struck = task.cloneNode(true);
    strike(struck, by);
    fresh.querySelector(".tasks").prepend(struck);
    setTimeout(() => struck.remove(), LEAVING);
  }
}

function credit(closed, words) {
  if (!closed) return null;
  return closed.by ? words.credit.replace("%(by)s", () => closed.by) : words.done;
}

function strike(row, by) {
  row.classList.add("leaving", "done");
  row.inert = true;
  const said = document.createElement("span");
  said.className = "credit";
  said.textContent = by;
  (row.querySelector(".lead") ?? row).append(said);
}

function leave(row, news, by) {
  if (row.classList.contains("leaving")) return;
  if (!news) return row.remove();
  row.removeAttribute("id"); // the client can come back while this row is on its way out
  row.classList.add("leaving");
  row.inert = true;
  if (by) strike(row, by);
  setTimeout(() => {
    if (row.isConnected) glide(row.parentElement, () => row.remove());
  }, LEAVING);
}

function arrange(list, ids) {
  let place = list.firstElementChild;
  for (const id of ids) {
    while (place?.classList.contains("leaving")) place = place.nextElementSibling;
    const row = document.getElementById(id);
    if (!row) continue;
    if (row === place) place = place.nextElementSibling;
    else list.insertBefore(row, place);
  }
}

function focused(part) {
  const focus = document.activeElement;
  if (!part.contains(focus)) return null;
  return { id: focus.id, index: [...part.querySelectorAll(FOCUSABLE)].indexOf(focus) };
}

function restore(focus, part) {
  if (!focus) return;
  const same = focus.id ? document.getElementById(focus.id) : part.querySelectorAll(FOCUSABLE)[focus.index];
  same?.focus({ preventScroll: true });
}
