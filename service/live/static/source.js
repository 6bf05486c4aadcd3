// Opens event streams: through the connection that all tabs of this browser share, or else through one of its own.

import { policy } from "./trusted.js";

const LONGEST = 1_500; // characters of a view that goes through the shared connection: its address has several
const ALIVE_MS = 60_000; // how often the shared connection is told that this tab is there
const TRIES = 2; // streams through the shared connection that may stay silent before this page tries one of its own

let tried = 0; // streams that were opened since something came through the shared connection

/** As `new EventSource(address)`; `address` ends with /boards/ACCOUNT/events?PARAMETERS. */
export function openSource(address) {
  const view = new URL(address, location.href).href.replace(/^.*\/boards\/([^/]+)\/events/, "$1");
  const sharing = typeof SharedWorker === "function" && tried % (TRIES + 1) < TRIES && view.length < LONGEST;
  tried += 1;
  return sharing ? new SharedSource(view) : new EventSource(address);
}

/** An event source whose events come through the shared connection. */
class SharedSource extends EventTarget {
  constructor(view) {
    super();
    this.readyState = EventSource.CONNECTING;
    // Our own file, of the version that this page is of: tabs of an older version have a worker of their own.
    const url = new URL(`shared.js?${document.documentElement.dataset.version}`, import.meta.url);
    this.worker = new SharedWorker(policy.createScriptURL(url.href));
    this.worker.onerror = () => this._end(); // there is no such file, or it does not run here
    this.worker.port.onmessage = (event) => this._hear(...event.data);
    this.worker.port.postMessage(["open", view]);
    this.alive = setInterval(() => this.worker.port.postMessage(["alive"]), ALIVE_MS);
    this.leave = () => this.worker.port.postMessage(["close"]);
    addEventListener("pagehide", this.leave);
  }

  close() {
    if (this.readyState === EventSource.CLOSED) return;
    this.readyState = EventSource.CLOSED;
    clearInterval(this.alive);
    removeEventListener("pagehide", this.leave);
    this.leave();
    this.worker.onerror = null; // the browser keeps the worker's object, and it shall not keep this one
    this.worker.port.onmessage = null;
    this.worker.port.close();
    this.worker = null;
  }

  _hear(name, data) {
    if (this.readyState === EventSource.CLOSED) return;
    if (name === "ended") return this._end();
    this.readyState = name === "lost" ? EventSource.CONNECTING : EventSource.OPEN;
    if (name === "lost") return this.dispatchEvent(new Event("error"));
    tried = 0;
    this.dispatchEvent(new MessageEvent(name, { data }));
  }

  _end() {
    this.close();
    this.dispatchEvent(new Event("error"));
  }
}
