// What moves, and why: rows that change places, figures that change, an amount that was saved. Nothing else does.

import { like } from "./words.js";

const GLIDE = 450; // milliseconds
const COUNT = 700;
const FRAME = 80; // of a figure that counts: nobody reads more of them, and each is a layout of the page
const FLIGHT = 1_100;
const EASE = "cubic-bezier(0.2, 0, 0, 1)";

const reduced = matchMedia("(prefers-reduced-motion: reduce)");
const still = () => reduced.matches || document.hidden || document.documentElement.hasAttribute("data-storm");

/** Change a list; what had a place in it and has another one now glides there. Rows are known by their ids. */
export function glide(list, change) {
  if (still()) return change();
  const before = new Map([...list.children].map((row) => [row.id || row, row.getBoundingClientRect().top]));
  change();
  for (const row of list.children) {
    const was = before.get(row.id || row);
    const is = row.getBoundingClientRect().top;
    const moved = was === undefined || row.hidden ? 0 : was - is;
    if (moved && (inSight(was) || inSight(is))) row.animate([{ transform: `translateY(${moved}px)` }, { transform: "none" }], { duration: GLIDE, easing: EASE });
  }
}

function inSight(top) {
  return top > -innerHeight / 2 && top < innerHeight;
}

/** Count a figure up or down to the value that it has now. */
export function count(element, from) {
  const text = element.textContent;
  const to = Number(element.dataset.value);
  if (still() || element.childElementCount || !Number.isFinite(from) || !Number.isFinite(to)) return;
  const began = Date.now();
  const step = () => {
    if (!element.isConnected) return;
    const left = (1 - Math.min(1, (Date.now() - began) / COUNT)) ** 3;
    element.textContent = left ? like(text, Math.round(Math.abs(to + (from - to) * left))) : text;
    if (left) setTimeout(step, FRAME);
  };
  step();
}

/** Let the bars of a part grow from what they were. */
export function grow(bar, from) {
  const to = bar.getAttribute("width");
  if (!still() && from !== to) bar.animate([{ width: from }, { width: to }], { duration: COUNT, easing: EASE });
}

/** Let an amount fly from where it was lost to where it is counted as saved. */
export function fly(text, from, to) {
  const start = from.getBoundingClientRect();
  if (still() || !to || !start.height) return;
  const end = to.getBoundingClientRect();
  const flying = document.createElement("span");
  flying.className = "flying";
  flying.ariaHidden = "true";
  flying.textContent = text;
  flying.style.left = `${start.left}px`;
  flying.style.top = `${start.top}px`;
  flying.style.fontSize = getComputedStyle(from).fontSize;
  document.body.append(flying);
  const left = Math.min(end.left, to.closest("[data-figure]").getBoundingClientRect().right - flying.offsetWidth);
  const there = `translate(${left - start.left}px, ${end.top - start.top}px)`;
  const flight = [{ transform: "none", opacity: 1 }, { transform: there, opacity: 1, offset: 0.85 }, { transform: there, opacity: 0 }];
  flying.animate(flight, { duration: FLIGHT, easing: EASE }).finished.finally(() => flying.remove());
}
