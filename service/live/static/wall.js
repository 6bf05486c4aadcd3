// The wall: nobody scrolls it. Everything is as large as the distance asks, and what then fits is measured. The most
// urgent rows stay, the others take turns, and the screen stays awake. A row that has just changed or leaves is shown
// wherever it is in the list.

import { fill, formatLike, less } from "./format.js";

const TURN_MS = 12_000; // how long one group of the rows that take turns is shown
const SHIFT_MS = 180_000; // between two shifts of the whole picture, which protect the screen from burning in
const SHIFTS = [[0, 0], [3, 2], [0, 4], [-3, 2]]; // pixels
const DISTANCE = 5; // metres
const INCHES = 55; // the diagonal of the screen for which, from that distance, the scale of wall.css is 1
const LEAST = 0.4; // from nearby the text is as large as on a desk
const STEPS = 8; // of the search for a scale at which everything fits, each half of the one before
const EXTRAS = 2; // what is shown while there is room: comparisons, then the chart as well

const page = document.documentElement;

/** Shows as much as fits. Call `fit` whenever the figures or rows may have changed. */
export class Wall {
  #turn = 0;
  #fitted = {}; // what the losses were last fitted to

  constructor(messages) {
    this.messages = messages;
    this.list = document.getElementById("list");
    this.further = document.getElementById("further");
    this.further.hidden = false; // keeps its place even while it is empty
    new ResizeObserver(() => this.fit()).observe(this.list);
    new MutationObserver(() => this.fit()).observe(this.list, { childList: true });
    addEventListener("resize", () => this.fit());
    if (document.fonts) document.fonts.addEventListener("loadingdone", () => this.fit());
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
    for (const [index, row] of rows.entries()) row.dataset.rank = index + 1;
    scale(this.list);
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
    this.list.hidden = !this.list.childElementCount;
    this._showTasks();
    this._countFurther([...visible]);
    this._fitLosses(turned);
  }

  /** The rows whose turn it is: those that have just changed, then those of the present turn. */
  _turnOf(rows, size) {
    const first = rows.length ? (this.#turn % Math.ceil(rows.length / size)) * size : 0;
    const changed = rows.filter((row) => row.classList.contains("highlight")).slice(0, size);
    const others = rows.slice(first, first + size).filter((row) => !changed.includes(row));
    return [...changed, ...others.slice(0, size - changed.length)];
  }

  /** The number of rows that fit into the list. The first is higher than the others. */
  _capacity() {
    const [first, other = first] = [...this.list.children].slice(0, 2).map(height);
    if (!first) return 0;
    return 1 + Math.max(0, Math.floor((this.list.clientHeight - first) / other + 0.01)); // heights are fractions
  }

  /** Show at most so many of the rows that leave, also those that were hidden; returns how many. */
  _showLeaving(most) {
    const leaving = [...this.list.querySelectorAll(".client.leaving")];
    for (const [index, row] of leaving.entries()) row.hidden = index >= most;
    return Math.min(leaving.length, most);
  }

  /** Show each task of one or two clients, and its text in a line of its own, if there is room. */
  _showTasks() {
    const few = this.list.childElementCount < 3;
    const { classList } = this.list;
    for (const name of ["few", "texts"]) classList.toggle(name, few);
    for (const name of ["texts", "few"]) if (few && !this._isWhole()) classList.remove(name);
  }

  _isWhole() {
    return !isWide(this.list) && [...this.list.children].every(isInside);
  }

  /** Write how many clients are not in sight, and the amount at stake for them. */
  _countFurther(visible) {
    const stake = figure("stake"); // none while nothing is known
    const clients = stake ? Number(figure("clients").dataset.value) - visible.length : 0;
    let text = "";
    if (clients > 0) {
      const amount = less(stake.dataset.value, visible.map((row) => row.dataset.amount));
      text = fill(this.messages.further, { num: clients, amount: formatLike(stake.textContent, amount) });
    }
    if (this.further.textContent !== text) this.further.textContent = text;
  }

  /** Show what there is room for beside the losses: all reasons with comparisons and chart, or the largest alone. */
  _fitLosses(turned) {
    const region = document.getElementById("losses-reasons");
    const { offsetWidth, offsetHeight } = region.parentElement;
    const fitted = { region, figures: document.getElementById("losses-figures"), offsetWidth, offsetHeight };
    if (!turned && Object.keys(fitted).every((key) => fitted[key] === this.#fitted[key])) return;
    this.#fitted = fitted;
    const rows = [...region.querySelectorAll("li")];
    for (const row of rows) row.hidden = false;
    let room = EXTRAS;
    do page.dataset.room = room;
    while (isWide(region) && room--);
    const isNews = (row) => row.classList.contains("highlight");
    const amount = (row) => Number(row.querySelector(".amount").dataset.value);
    rows.sort((one, other) => isNews(one) - isNews(other) || amount(one) - amount(other));
    while (rows.length && isWide(region)) rows.shift().hidden = true;
  }
}

/** Make the values smaller that would otherwise stand on a line below what they belong to. */
function tighten() {
  const boxes = [...document.querySelectorAll("#risk-figures, #gaps, .figure.objective, .figure.total")];
  for (const box of boxes) box.classList.remove("tight");
  const below = boxes.map((box) => {
    const last = box.matches(".figure") ? box.querySelector(".value") : box.lastElementChild;
    return last && last.getBoundingClientRect().top >= box.firstElementChild.getBoundingClientRect().bottom - 1;
  });
  for (const [index, box] of boxes.entries()) if (below[index]) box.classList.add("tight");
}

/** Set the scale that the distance asks for, or else the largest at which every figure and one row are whole. */
function scale(list) {
  const { distance, inches } = page.dataset;
  const set = (factor) => {
    page.style.setProperty("--scale", factor);
    tighten();
  };
  const wanted = Math.max(LEAST, (distance / DISTANCE) * (INCHES / inches));
  delete page.dataset.bare;
  set(wanted);
  if (fits(list)) return;
  page.dataset.bare = ""; // without what compares
  if (fits(list)) return;
  let best = LEAST;
  for (let step = (wanted - LEAST) / 2, steps = 0; steps < STEPS; steps += 1, step /= 2) {
    set(best + step);
    if (fits(list)) best += step;
  }
  set(best);
}

function fits(list) {
  const row = list.firstElementChild;
  if (row && list.clientHeight < height(row)) return false;
  const wide = document.querySelectorAll("body, .top, main, .losses, .client:not([hidden]) > *");
  const high = document.querySelectorAll("main, #losses-figures, #rest, #gaps");
  return ![...wide].some(isWide) && [...high].every(isInside);
}

/** Whether an element's content is wider than its place. A column that is too long wraps, and is wide as well. */
function isWide(element) {
  return element.scrollWidth > element.clientWidth + 1;
}

/** Whether an element ends within the one around it. Heights of scrolling tell less: a line is lower than its font. */
function isInside(element) {
  const place = element.parentElement.closest(".losses, .rows, main, body").getBoundingClientRect();
  return element.getBoundingClientRect().bottom <= place.bottom + 1;
}

/** The height of a row, in pixels, that is not smaller than what it shows. */
function height(row) {
  return parseFloat(getComputedStyle(row).flexBasis);
}

function figure(name) {
  return document.querySelector(`[data-figure="${name}"] .value`);
}

function shiftRegularly() {
  let index = 0;
  setInterval(() => {
    index = (index + 1) % SHIFTS.length;
    const [x, y] = SHIFTS[index];
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
