// The wall: nobody scrolls it. The most urgent rows stay, the others take turns, and the screen stays awake. A row that
// has just changed or leaves is shown wherever it is in the list.

import { fill, formatLike, less, plural } from "./format.js";

const TURN_MS = 12_000; // how long one group of the rows that take turns is shown
const SHIFT_MS = 180_000; // between two shifts of the whole picture, which protect the screen from burning in
const SHIFTS = [[0, 0], [3, 2], [0, 4], [-3, 2]]; // pixels

/** Shows as many rows as fit. Call `fit` whenever the rows may have changed. */
export class Wall {
  #turn = 0;

  constructor(messages) {
    this.messages = messages;
    this.list = document.getElementById("list");
    this.further = document.getElementById("further");
    this.further.hidden = false; // keeps its place even while it is empty
    new ResizeObserver(() => this.fit()).observe(this.list);
    new MutationObserver(() => this.fit()).observe(this.list, { childList: true });
    setInterval(() => {
      this.#turn += 1;
      this.fit(true);
    }, TURN_MS);
    shiftRegularly();
    document.addEventListener("visibilitychange", keepAwake);
    keepAwake();
    this.fit();
  }

  /** Choose the rows to show: half of the places are for the first rows, the other half for the turns of the others. */
  fit(turned = false) {
    const rows = [...this.list.children].filter((row) => !row.classList.contains("leaving"));
    const capacity = this._capacity();
    const leaving = this._showLeaving(Math.floor(capacity / 2));
    const free = Math.max(1, capacity - leaving);
    const staying = rows.length > free ? Math.ceil(free / 2) : rows.length;
    const visible = new Set(rows.slice(0, staying));
    if (free > staying) for (const row of this._turnOf(rows.slice(staying), free - staying)) visible.add(row);
    for (const row of rows) {
      const hidden = !visible.has(row);
      row.classList.toggle("turning", turned && row.hidden && !hidden);
      row.hidden = hidden;
    }
    this._countFurther([...visible]);
    fitReasons();
  }

  /** The rows whose turn it is: those that have just changed, then those of the present turn. */
  _turnOf(rows, size) {
    const first = rows.length ? (this.#turn % Math.ceil(rows.length / size)) * size : 0;
    const changed = rows.filter((row) => row.classList.contains("highlight")).slice(0, size);
    const others = rows.slice(first, first + size).filter((row) => !changed.includes(row));
    return [...changed, ...others.slice(0, size - changed.length)];
  }

  /** The number of rows that fit into the list. */
  _capacity() {
    const seen = [...this.list.children].find((row) => row.offsetHeight);
    if (!seen) return this.list.childElementCount;
    const [room, height] = [this.list, seen].map((element) => element.getBoundingClientRect().height);
    return Math.max(1, Math.floor(room / height + 0.01)); // heights are fractions
  }

  /** Show at most so many of the rows that leave, also those that were hidden; returns how many. */
  _showLeaving(most) {
    const leaving = [...this.list.querySelectorAll(".client.leaving")];
    for (const [index, row] of leaving.entries()) row.hidden = index >= most;
    return Math.min(leaving.length, most);
  }

  /** Write how many clients are not in sight, and the amount at stake for them. */
  _countFurther(visible) {
    const stake = figure("stake"); // none while nothing is known
    const clients = stake ? Number(figure("clients").dataset.value) - visible.length : 0;
    let text = "";
    if (clients > 0) {
      const amount = less(stake.dataset.value, visible.map((row) => row.dataset.amount));
      const form = plural(this.messages.client, clients, document.documentElement.lang);
      text = fill(form, { num: clients, amount: formatLike(stake.textContent, amount) });
    }
    if (this.further.textContent !== text) this.further.textContent = text;
  }
}

/** Hide the smallest reasons if not all fit: the sums of their kinds include them. */
function fitReasons() {
  const region = document.getElementById("losses-reasons");
  const rows = [...region.querySelectorAll("li")];
  for (const row of rows) row.hidden = false;
  const amount = (row) => Number(row.querySelector(".amount").dataset.value);
  const weight = (row) => (row.classList.contains("highlight") ? Infinity : amount(row));
  rows.sort((one, other) => weight(one) - weight(other));
  while (rows.length && region.scrollHeight > region.clientHeight) rows.shift().hidden = true;
}

function figure(name) {
  return document.querySelector(`[data-figure="${name}"] .value`);
}

function shiftRegularly() {
  let index = 0;
  setInterval(() => {
    const [x, y] = SHIFTS[++index % SHIFTS.length];
    document.body.style.transform = `translate(${x}px, ${y}px)`;
  }, SHIFT_MS);
}

async function keepAwake() {
  if (document.hidden || !("wakeLock" in navigator)) return;
  try {
    await navigator.wakeLock.request("screen");
  } catch {
    // the browser may refuse: on battery, or in a page that is not visible
  }
}
