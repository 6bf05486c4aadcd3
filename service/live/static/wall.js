// A wall: nobody scrolls it. The most urgent rows stay, the others take turns, and the screen stays awake. What comes
// or leaves is seen to, wherever in the list it is.

import { fill, like, plural } from "./words.js";

const TURN = 12_000; // milliseconds that a page of the other rows is shown
const STEP = 180_000; // milliseconds between two steps of the whole picture, against burning in
const PLACES = [[0, 0], [3, 2], [0, 4], [-3, 2]]; // pixels

/** Keeps as many rows in sight as there is room for. `fit` is to be called whenever the rows may have changed. */
export class Wall {
  #turn = 0;

  constructor(words) {
    this.words = words;
    this.list = document.getElementById("list");
    this.further = document.getElementById("further");
    this.further.hidden = false; // it has its place even where it has nothing to say
    new ResizeObserver(() => this.fit()).observe(this.list);
    new MutationObserver(() => this.fit()).observe(this.list, { childList: true });
    setInterval(() => {
      this.#turn += 1;
      this.fit(true);
    }, TURN);
    let step = 0;
    setInterval(() => {
      const [x, y] = PLACES[++step % PLACES.length];
      document.body.style.transform = `translate(${x}px, ${y}px)`;
    }, STEP);
    document.addEventListener("visibilitychange", stayAwake);
    stayAwake();
    this.fit();
  }

  fit(turned = false) {
    const rows = [...this.list.children].filter((row) => !row.classList.contains("leaving"));
    const room = this.#room();
    const leaving = this.#leave(Math.floor(room / 2));
    const fitting = Math.max(1, room - leaving);
    const staying = rows.length > fitting ? Math.ceil(fitting / 2) : rows.length;
    const turning = rows.slice(staying);
    const size = Math.max(1, fitting - staying);
    const first = turning.length ? (this.#turn % Math.ceil(turning.length / size)) * size : 0;
    const news = turning.filter((row) => row.classList.contains("news")).slice(0, size);
    const others = turning.slice(first, first + size).filter((row) => !news.includes(row)).slice(0, size - news.length);
    const seen = new Set([...rows.slice(0, staying), ...(fitting > staying ? [...news, ...others] : [])]);
    for (const row of rows) {
      const hidden = !seen.has(row);
      row.classList.toggle("turning", turned && row.hidden && !hidden);
      row.hidden = hidden;
    }
    this.#say([...seen]);
    fitReasons();
  }

  /** For how many rows there is room. */
  #room() {
    const height = [...this.list.children].find((row) => row.offsetHeight)?.getBoundingClientRect().height;
    if (!height) return this.list.childElementCount;
    return Math.max(1, Math.floor(this.list.getBoundingClientRect().height / height + 0.01)); // sizes are fractions
  }

  /** Show some of the rows that are on their way out, also those that were not in sight; how many. */
  #leave(most) {
    const leaving = [...this.list.querySelectorAll(".client.leaving")];
    for (const [index, row] of leaving.entries()) row.hidden = index >= most;
    return Math.min(leaving.length, most);
  }

  /** How many clients are not in sight, and what is at stake for them. */
  #say(seen) {
    const clients = Number(value("clients")) - seen.length;
    const amount = Number(value("stake")) - seen.reduce((sum, row) => sum + Number(row.dataset.amount), 0);
    const sample = this.list.querySelector(".lead .amount")?.textContent ?? "";
    const forms = plural(this.words.client, clients, document.documentElement.lang);
    const said = clients > 0 ? fill(forms, { num: clients, amount: like(sample, Math.round(amount * 100) / 100) }) : "";
    if (this.further.textContent !== said) this.further.textContent = said;
  }
}

/** Where there are more reasons than room, the smallest are left out: the sums of their kinds stand for them. */
function fitReasons() {
  const part = document.getElementById("losses-reasons");
  const rows = [...part.querySelectorAll("li")];
  for (const row of rows) row.hidden = false;
  const weight = (row) => (row.classList.contains("news") ? Infinity : Number(row.querySelector(".amount").dataset.value));
  rows.sort((one, other) => weight(one) - weight(other));
  while (rows.length && part.scrollHeight > part.clientHeight) rows.shift().hidden = true;
}

function value(figure) {
  return document.querySelector(`[data-figure="${figure}"] .value`).dataset.value;
}

async function stayAwake() {
  if (document.hidden || !("wakeLock" in navigator)) return;
  try {
    await navigator.wakeLock.request("screen");
  } catch {
    // the browser decides: on battery, or in a page that is not seen, it may refuse
  }
}
