// Keyboard shortcuts: S switches the order, P the period, F toggles full screen, ? shows the help.

export function listenToKeys() {
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

function toggleFullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen();
}

function showHelp() {
  const dialog = document.getElementById("help");
  if (!dialog.open) dialog.showModal();
}
