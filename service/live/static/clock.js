/**
 * Owns time on the screen: how much has passed here, what the server's clock says, and the beat of one second.
 *
 * A screen's own date is never shown nor trusted: wall monitors are often wrong by hours. What the screen is good
 * for is how much time passed since the server last told us its own.
 */

/** Beyond this many ms the date ran ahead of the steady clock: the machine slept, or somebody set its date. */
const LEAP = 1000;

/** How many of the latest frames the server's clock is estimated from: a minute of heartbeats. */
const WINDOW = 12;

/** Milliseconds since the page was opened, that only grow and that count a laptop's sleep. */
export class ScreenClock {
  #wall = Date.now();
  #steady = performance.now();
  #passed = 0;
  /** How often time leapt: what was measured before a leap says nothing about after it. */
  leaps = 0;

  /** @returns {number} */
  passed() {
    const wall = Date.now();
    const steady = performance.now();
    const byWall = wall - this.#wall;
    const bySteady = steady - this.#steady;
    // Browsers differ in whether the steady clock runs on in a machine's sleep. A date set forward looks the same as
    // sleep; taking it for sleep errs towards "lost", which the next frame puts right.
    const leapt = byWall - bySteady > LEAP;
    if (leapt) this.leaps += 1;
    this.#passed += leapt ? byWall : bySteady;
    this.#wall = wall;
    this.#steady = steady;
    return this.#passed;
  }
}

/** The server's clock, as far as the moments on its frames tell. */
export class ServerClock {
  /** @type {ScreenClock} */
  #screen;
  /** @type {number[]} */
  #samples = [];
  #offset = 0;
  #leaps = 0;

  /**
   * @param {ScreenClock} screen
   * @param {string} asOf the moment that the page was rendered at, ISO 8601
   */
  constructor(screen, asOf) {
    this.#screen = screen;
    this.learn(asOf);
  }

  /**
   * A frame has just arrived. It was late by some network delay, never early: so of the latest frames the one that
   * was the least late tells the server's clock best.
   *
   * @param {string} asOf the server's clock when it sent the frame, ISO 8601
   */
  learn(asOf) {
    const moment = Date.parse(asOf);
    if (Number.isNaN(moment)) return;
    const sample = moment - this.#screen.passed();
    if (this.#leaps !== this.#screen.leaps) this.#samples.length = 0;
    this.#leaps = this.#screen.leaps;
    this.#samples.push(sample);
    if (this.#samples.length > WINDOW) this.#samples.shift();
    this.#offset = Math.max(...this.#samples);
  }

  /** @returns {number} the server's time, milliseconds since 1970 */
  now() {
    return this.#offset + this.#screen.passed();
  }
}

/**
 * Calls `action` at each full second of the server's clock while the page can be seen, and at once when it comes into
 * view. One timer, set anew each time, so that it neither drifts nor piles up.
 *
 * @param {ServerClock} clock
 * @param {() => void} action
 */
export function everySecond(clock, action) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const beat = () => {
    clearTimeout(timer);
    if (document.hidden) return;
    action();
    timer = setTimeout(beat, 1000 - (clock.now() % 1000));
  };
  document.addEventListener("visibilitychange", beat);
  beat();
}
