/**
 * Owns the motion of rows that come and go: class `arriving` while a new row's animations run, class `leaving` until
 * those of a gone row have ended. No motion where the reader wants none, or where nobody is looking.
 */

/** Whatever the style sheet says, a gone row is off the screen after so many ms. */
const LONGEST = 1500;

/** @returns {boolean} */
function wanted() {
  return !document.hidden && !matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/**
 * @param {Element} row
 * @returns {Promise<unknown>} when its animations and transitions are over; at once if it has none
 */
function ended(row) {
  const motions = row.getAnimations().map((motion) => motion.finished);
  if (motions.length === 0) return Promise.resolve();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const limit = new Promise((resolve) => {
    timer = setTimeout(resolve, LONGEST);
  });
  return Promise.race([Promise.allSettled(motions), limit]).finally(() => clearTimeout(timer));
}

/** @param {Element} row just put in its place */
export async function arrive(row) {
  if (!wanted()) return;
  row.classList.add("arriving");
  await ended(row);
  row.classList.remove("arriving");
}

/** @param {Element} row goes: it keeps its place only for as long as its motion lasts */
export async function leave(row) {
  // Its ids are free from now on: the same client may be back before the motion ends.
  for (const named of [row, ...row.querySelectorAll("[id]")]) named.removeAttribute("id");
  if (wanted()) {
    row.setAttribute("inert", "");
    row.classList.add("leaving");
    await ended(row);
  }
  row.remove();
}
