// The one connection of all tabs of a browser, in a shared worker. A browser opens six connections to a host over
// HTTP/1.1, so that a seventh tab with a stream of its own would hang. Each tab has a stream in it, as if alone.

const GATHER_MS = 50; // tabs that open together share a connection from the beginning
const RETRY_MS = [2_000, 8_000]; // a lost connection is opened again after a random time within these bounds
const PATIENCE = 4; // so many times longer at most, after as many failures
const LOOK_MS = 60_000; // how often tabs that have gone are left out
const GONE_MS = 300_000; // a tab that was silent for so long has gone; a hidden one speaks once a minute
const LONGEST = 3_500; // characters of an address
const EVENTS = ["snapshot", "patch", "heartbeat", "ended"];
const base = new URL("../events", location.href).href;

const tabs = new Map(); // by port: the view, the id of the last frame, and when the tab was heard
let streams = [];
let waiting = null; // for the next connection
let failures = 0;
let left = false; // whether a tab has gone since the connection was opened

onconnect = (event) => {
  const port = event.ports[0];
  port.onmessage = ({ data: [what, view] }) => {
    if (what === "open") {
      tabs.set(port, { port, view, lastId: "", heardAt: performance.now() });
      connect(GATHER_MS);
    } else if (what === "alive" && tabs.has(port)) tabs.get(port).heardAt = performance.now();
    else if (what === "close") forget(port);
  };
};

function forget(port) {
  left = tabs.delete(port) || left;
  if (!tabs.size) close();
}

function close() {
  for (const stream of streams) stream.close();
  streams = [];
}

/** Open the connection again after a pause, with a stream for every tab. Each goes on where it was. */
function connect(pause) {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    close();
    left = false;
    streams = groups().map(open);
  }, pause);
}

/** The tabs by connection: as many as an address has room for. */
function groups() {
  const all = [];
  let room = 0;
  for (const tab of tabs.values()) {
    const view = asked(tab);
    room -= view.length;
    if (room < 0) {
      all.push([]);
      room = LONGEST - base.length - view.length;
    }
    all[all.length - 1].push(tab);
  }
  return all;
}

function asked({ view, lastId }) {
  return `view=${encodeURIComponent(lastId ? `${view}&last_event_id=${lastId}` : view)}&`;
}

function open(members) {
  const stream = new EventSource(`${base}?${members.map(asked).join("")}`);
  for (const name of EVENTS) stream.addEventListener(name, (event) => hand(name, event, members));
  stream.addEventListener("error", () => {
    stream.close();
    failures += 1;
    for (const { port } of members) port.postMessage(["lost"]);
    const [least, most] = RETRY_MS;
    connect((least + Math.random() * (most - least)) * Math.min(failures, PATIENCE));
  });
  return stream;
}

/** Hand an event to the tab whose number is the first line of its data. */
function hand(name, { data, lastEventId }, members) {
  failures = 0;
  const end = data.indexOf("\n");
  const tab = members[Number(data.slice(0, end))];
  if (name === "ended") tabs.delete(tab.port);
  else if (name !== "heartbeat") tab.lastId = lastEventId;
  tab.port.postMessage([name, data.slice(end + 1)]);
}

setInterval(() => {
  for (const { port, heardAt } of tabs.values()) if (performance.now() - heardAt > GONE_MS) forget(port);
  if (left && tabs.size) connect(0);
}, LOOK_MS);
