// The live board: a stream of rendered parts, times that tick, and the state of the connection in plain sight.

import { listen } from "./keys.js";
import { fly } from "./motion.js";
import { News } from "./news.js";
import { keepOnly, show } from "./parts.js";
import { Stream } from "./stream.js";
import { Wall } from "./wall.js";
import { duration, fill, localText, moment } from "./words.js";

const page = document.documentElement;
const words = JSON.parse(page.dataset.words);
const QUIET = 4_000; // milliseconds without news or a hand on the page, after which it may load itself again
const PATIENCE = 300_000; // milliseconds that it waits for such a moment
const STORM = 4; // frames in a second, above which nothing moves: it would show nothing, and cost much
const RELOADED = "lossboard.reloaded"; // the version that this tab has reloaded itself for

let seen = { as_of: page.dataset.asOf, last_delivery_at: page.dataset.lastDelivery || null };
let ahead = Date.parse(seen.as_of) - Date.now(); // milliseconds that the server's clock is ahead of the screen's
let behind = 0; // heartbeats in a row that named a later state than the one shown
let upgrade = null; // the version that the service has now, and since when this page knows
let recent = []; // when frames came, within the last second
let busy = Date.now(); // when something last happened on the page

const news = new News(words);
const wall = page.dataset.mode === "wall" ? new Wall(words) : null;

const serverNow = () => Date.now() + ahead;

function address() {
  const query = new URLSearchParams(location.search);
  query.set("lang", page.lang);
  query.set("form", "html");
  return `${location.pathname.replace(/\/$/, "")}/events?${query}`;
}

function take(name, frame, first) {
  keepTime(name, frame);
  if (name === "heartbeat") return notice(frame.seq);
  if (frame.version && frame.version !== page.dataset.version) upgrade ??= { version: frame.version, since: Date.now() };
  recent.push(Date.now());
  storm();
  const isNews = (!first || !("busy" in document.body.dataset)) && !document.hidden && !frame.silent;
  if (name === "snapshot") keepOnly(frame.order.list, isNews);
  const shown = show(frame, isNews, words);
  news.add(shown);
  wall?.fit(); // first, so that what was saved flies from where it is seen
  for (const [amount, row] of shown.saved) fly(amount, row.querySelector(".lead .amount"), document.querySelector("#gaps .saved .value"));
  busy = Date.now();
  page.dataset.seq = frame.seq;
  delete document.body.dataset.busy;
  tick();
}

function keepTime(name, frame) {
  const measured = Date.parse(frame.as_of) - Date.now();
  // A heartbeat is sent the moment that it is true for; another frame may have waited, so it can only raise the offset.
  ahead = name === "heartbeat" ? measured : Math.max(ahead, measured);
  if (Date.parse(frame.as_of) >= Date.parse(seen.as_of)) seen = frame;
}

function storm() {
  recent = recent.filter((at) => Date.now() - at < 1_000);
  page.toggleAttribute("data-storm", recent.length > STORM);
}

function notice(seq) {
  behind = seq > Number(page.dataset.seq) ? behind + 1 : 0;
  if (behind > 1) {
    behind = 0;
    stream.open(); // a patch went missing: take a snapshot
  }
  tick();
}

/** The service was upgraded, and its parts are not for this page's files: load them at a quiet moment. Once for each
 * version, or a stale cache would loop. */
function reload() {
  if (!upgrade || sessionStorage.getItem(RELOADED) === upgrade.version) return;
  const quiet = Date.now() - busy > QUIET && !document.querySelector("dialog[open], details[open], select:focus, input:focus");
  if (!quiet && Date.now() - upgrade.since < PATIENCE) return;
  sessionStorage.setItem(RELOADED, upgrade.version);
  location.reload();
}

function tick() {
  const today = localText(serverNow(), seen.as_of);
  for (const each of document.querySelectorAll("time[data-due]")) {
    write(each, duration((serverNow() - Number(each.dataset.due)) / 1000, words, page.lang));
  }
  for (const each of document.querySelectorAll("time[data-moment]")) {
    const at = seen[each.dataset.moment];
    if (!at) continue;
    each.dateTime = at;
    write(each, moment(at, today, words));
  }
  const age = duration((serverNow() - Date.parse(seen.as_of)) / 1000, words, page.lang);
  write(document.getElementById("stale-text"), fill(words.stale, { age, time: moment(seen.as_of, today, words) }));
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function say(state) {
  page.dataset.state = state;
  document.getElementById("stale").hidden = state !== "lost";
  write(document.getElementById("connection"), words[state]);
}

function go() {
  document.body.dataset.busy = "";
  stream.open(address());
}

const stream = new Stream(address(), take, say);

setInterval(() => {
  stream.check();
  storm();
  tick();
  reload();
}, 1_000);

const checkNow = () => {
  if (!document.hidden) {
    stream.check(true);
    tick();
  }
};
document.addEventListener("visibilitychange", checkNow);
addEventListener("online", checkNow);
addEventListener("pageshow", (event) => event.persisted && stream.open());
addEventListener("popstate", go);

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-switch]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  go();
});

// A part that the stream replaces: so the whole page listens.
document.addEventListener("change", (event) => {
  const form = event.target.closest("#filters");
  if (!form) return;
  const query = new URLSearchParams(location.search);
  for (const { name, value } of form.querySelectorAll("select")) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  history.pushState(null, "", `?${query}`);
  go();
});
for (const event of ["pointerdown", "keydown", "wheel"]) {
  addEventListener(event, () => (busy = Date.now()), { passive: true });
}

const range = document.getElementById("range");
range.hidden = false;
range.addEventListener("submit", (event) => {
  event.preventDefault();
  range.open = false;
  const { from: first, to: last } = event.target.elements;
  const [from, to] = [first.value, last.value].sort();
  const query = new URLSearchParams(location.search);
  query.set("period", `${from}..${to}`);
  history.pushState(null, "", `?${query}`);
  go();
});

listen();
tick();
