// Animates what has moved: rows that change places, bars that grow, an amount that was saved. A figure never counts up or
// down to its new value: on the way it would show values that never were.
// Nothing is animated in a hidden page, in a storm of frames, or for users who ask for reduced motion.

const GLIDE_MS = 450;
const GROWTH_MS = 700;
const FLIGHT_MS = 1_100;
const EASE = "cubic-bezier(0.2, 0, 0, 1)";

const reduced = matchMedia("(prefers-reduced-motion: reduce)");
const still = () => reduced.matches || document.hidden || document.documentElement.hasAttribute("data-storm");

/** Change a list, and let the rows that have moved glide to their new places. Rows are identified by their ids. */
export function glide(list, change) {
  if (still()) return change();
  const before = new Map([...list.children].map((row) => [row.id || row, row.getBoundingClientRect().top]));
  change();
  for (const row of list.children) {
    const oldTop = before.get(row.id || row);
    const newTop = row.getBoundingClientRect().top;
    const distance = oldTop === undefined || row.hidden ? 0 : oldTop - newTop;
    if (!distance || !(inSight(oldTop) || inSight(newTop))) continue;
    const way = [{ transform: `translateY(${distance}px)` }, { transform: "none" }];
    row.animate(way, { duration: GLIDE_MS, easing: EASE });
  }
}

function inSight(top) {
  return top > -innerHeight / 2 && top < innerHeight;
}

/** Let a bar grow or shrink from an earlier width. */
export function grow(bar, from) {
  const to = bar.getAttribute("width");
  if (!still() && from !== to) bar.animate([{ width: from }, { width: to }], { duration: GROWTH_MS, easing: EASE });
}

/** Let an amount fly from where it was at stake to the figure that counts it as saved. */
export function fly(text, from, to) {
  const start = from.getBoundingClientRect();
  if (still() || !to || !start.height) return;
  const end = to.getBoundingClientRect();
  const flying = document.createElement("span");
  flying.className = "flying";
  flying.setAttribute("aria-hidden", "true");
  flying.textContent = text;
  flying.style.left = `${start.left}px`;
  flying.style.top = `${start.top}px`;
  flying.style.fontSize = getComputedStyle(from).fontSize;
  document.body.append(flying);
  const left = Math.min(end.left, to.closest("[data-figure]").getBoundingClientRect().right - flying.offsetWidth);
  const there = `translate(${left - start.left}px, ${end.top - start.top}px)`;
  const flight = [
    { transform: "none", opacity: 1 },
    { transform: there, opacity: 1, offset: 0.85 },
    { transform: there, opacity: 0 },
  ];
  flying.animate(flight, { duration: FLIGHT_MS, easing: EASE }).onfinish = () => flying.remove();
}
