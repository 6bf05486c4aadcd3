// Keyboard shortcuts: S switches the order, P the period, F toggles full screen, ? shows the help.

/** `showHelp` is called for `?`. */
export function listenToKeys(showHelp) {
  const actions = { s: () => next("sorting"), p: () => next("periods"), f: toggleFullScreen, "?": showHelp };
  const codes = { KeyS: "s", KeyP: "p", KeyF: "f" }; // letters go by the key's position, so a Russian layout works too
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    const action = actions[codes[event.code] || event.key];
    if (action) action();
  });
}

function next(id) {
  const links = [...document.querySelectorAll(`#${id} a`)];
  const current = links.findIndex((link) => link.hasAttribute("aria-current"));
  links[(current + 1) % links.length].click();
}

/** The button does what the key F does; a browser that allows no full screen has no button. */
export function listenToFullScreen() {
  const button = document.getElementById("full-screen");
  if (!button || !document.fullscreenEnabled) return;
  button.hidden = false;
  button.addEventListener("click", toggleFullScreen);
  document.addEventListener("fullscreenchange", () => {
    button.setAttribute("aria-pressed", Boolean(document.fullscreenElement));
  });
}

function toggleFullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen();
}
