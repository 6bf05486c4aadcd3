// Reloads the page after an upgrade of the service, because its fragments may not match the page's older files.

const QUIET_MS = 4_000; // without a change or a hand on the page for so long, the page may reload itself
const PATIENCE_MS = 300_000; // the longest wait for such a moment
const RELOADED = "lossboard.reloaded"; // the sessionStorage key of the version for which this tab has reloaded itself

/** Knows the service's version and when somebody last used the page. */
export class Upgrade {
  #version = null;
  #noticedAt = 0;
  #usedAt = performance.now();

  constructor() {
    for (const event of ["pointerdown", "keydown", "wheel"]) {
      addEventListener(event, () => this.keepFromReloading(), { passive: true });
    }
  }

  /** Something happened on the page. */
  keepFromReloading() {
    this.#usedAt = performance.now();
  }

  /** Compare the version that a frame names, if it names one, with the page's own. */
  notice(version) {
    if (!version || version === document.documentElement.dataset.version || this.#version) return;
    this.#version = version;
    this.#noticedAt = performance.now();
  }

  /** Reload at a quiet moment; called every second. Once for each version: a stale cache must not cause a loop. */
  check() {
    if (!this.#version || sessionStorage.getItem(RELOADED) === this.#version) return;
    const inUse = document.querySelector("dialog[open], details[open], select:focus, input:focus");
    const quiet = performance.now() - this.#usedAt > QUIET_MS && !inUse;
    if (!quiet && performance.now() - this.#noticedAt < PATIENCE_MS) return;
    sessionStorage.setItem(RELOADED, this.#version);
    location.reload();
  }
}
