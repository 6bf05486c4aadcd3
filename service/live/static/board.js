// The live board: shows the frames of the stream, and keeps the state of the connection in plain sight.

import { Alarm } from "./alarm.js";
import { Announcer } from "./announce.js";
import { Clock, write } from "./clock.js";
import { keepOnly, show } from "./fragments.js";
import { listenToHelp } from "./help.js";
import { listenToFullScreen, listenToKeys } from "./keys.js";
import { fly } from "./motion.js";
import { listenToNavigation } from "./navigation.js";
import { listenToPopups } from "./popups.js";
import { Rotation } from "./rotation.js";
import { listenToCopy, prepareSetup, welcome } from "./setup.js";
import { Stream } from "./stream.js";
import { Upgrade } from "./upgrade.js";
import { Wall } from "./wall.js";

const STORM = 4; // frames in one second above which nothing is animated: nobody could follow, and it costs much
const page = document.documentElement;
const messages = JSON.parse(page.dataset.messages);

let behind = 0; // heartbeats in a row that named a later state than the page shows
let recent = []; // when the frames of the last second arrived

const announcer = new Announcer(messages);
const clock = new Clock(messages);
const alarm = new Alarm(clock, messages);
const upgrade = new Upgrade();
const wall = page.dataset.mode === "wall" ? new Wall(messages) : null;
const stops = JSON.parse(page.dataset.stops || "[]");
const rotation = stops.length ? new Rotation(stops, takeTurn) : null;
let stream = new Stream(address(), receive, showState);

function address() {
  if (rotation) return rotation.address;
  const query = new URLSearchParams(location.search);
  query.set("lang", page.lang);
  query.set("form", "html");
  return `${location.pathname.replace(/\/$/, "")}/events?${query}`;
}

function receive(name, frame, first) {
  clock.set(frame, name === "heartbeat");
  if (name === "heartbeat") checkSeq(frame.seq);
  else showFrame(name, frame, first);
  clock.tick();
}

function showFrame(name, frame, first) {
  upgrade.notice(frame.version);
  recent.push(performance.now());
  detectStorm();
  const switched = first && "loading" in document.body.dataset;
  const highlight = !switched && !document.hidden && !frame.silent;
  if (name === "snapshot") keepOnly(frame.order.list, highlight);
  const { arrived, saved, amounts } = show(frame, highlight, messages);
  announcer.add({ arrived: arrived.map((row) => row.dataset.name), saved });
  alarm.tell(arrived, amounts.map(([, row]) => row));
  prepareSetup();
  if (frame.came) welcome(frame.came, messages);
  if (wall) wall.fit(); // before anything flies, so that an amount starts from where its row is seen
  const target = document.querySelector("#gaps .saved .value");
  for (const [amount, row] of amounts) fly(amount, row.querySelector(".lead .amount"), target);
  upgrade.keepFromReloading();
  page.dataset.seq = frame.seq;
  delete document.body.dataset.loading;
  showWaiting();
  showStoring();
}

/** Show the next board of a rotation, of which some frames have come, in the place of the present one. */
function takeTurn(next, frames) {
  stream.close();
  stream = next;
  stream.onFrame = receive;
  stream.onState = showState;
  clock.forget();
  behind = 0;
  for (const [name, frame] of frames) {
    document.body.dataset.loading = ""; // what differs from the board before is no news, nor is what has come meanwhile
    receive(name, frame, true);
  }
  delete document.body.dataset.loading;
}

/** Reconnect, which begins with a snapshot, if two heartbeats in a row name a later state: a patch was lost. */
function checkSeq(seq) {
  behind = seq > Number(page.dataset.seq) ? behind + 1 : 0;
  if (behind < 2) return;
  behind = 0;
  stream.open();
}

function detectStorm() {
  recent = recent.filter((at) => performance.now() - at < 1_000);
  page.toggleAttribute("data-storm", recent.length > STORM);
}

function showState(state) {
  page.dataset.state = state;
  document.getElementById("stale").hidden = state !== "lost";
  nameState();
}

/** Say that what was chosen without a connection is not shown yet. */
function showWaiting() {
  const cut = page.dataset.state === "lost" || stream.failing || !navigator.onLine;
  const waiting = cut && "loading" in document.body.dataset;
  page.toggleAttribute("data-waiting", waiting);
  write(document.getElementById("waiting"), waiting ? messages.waiting : "");
}

/** While the service cannot store what the CRM reports, which a fragment tells, the figures are not live. */
function showStoring() {
  page.dataset.storing = document.getElementById("full").hidden;
  nameState();
}

function nameState() {
  const { state, storing } = page.dataset;
  const live = state === "live" && storing === "false" ? "full" : state;
  write(document.getElementById("connection"), messages[live] || "");
}

/** Check the connection. After a sleep it counts as dead, whatever it claims. */
function checkStream(now) {
  if (clock.slept()) stream.open();
  else stream.check(now);
}

setInterval(() => {
  checkStream();
  if (rotation) rotation.turn(page.dataset.state === "live");
  showWaiting();
  detectStorm();
  clock.tick();
  upgrade.check();
}, 1_000);

const checkNow = () => {
  if (document.hidden) return;
  checkStream(true);
  clock.tick();
};
document.addEventListener("visibilitychange", checkNow);
addEventListener("online", checkNow);
addEventListener("pageshow", (event) => event.persisted && stream.open());

listenToNavigation(() => {
  document.body.dataset.loading = "";
  stream.open(address());
  showWaiting();
});
listenToPopups();
listenToKeys(listenToHelp());
listenToFullScreen();
listenToCopy(messages);
prepareSetup();
clock.tick();
