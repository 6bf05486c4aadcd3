// The keyboard: S order, P period, F full screen, ? help.

export function listen() {
  const acts = { s: () => next("sorting"), p: () => next("periods"), f: fullScreen, "?": help };
  // By the key's place for letters, so that it works in a Russian layout too.
  const places = { KeyS: "s", KeyP: "p", KeyF: "f" };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    acts[places[event.code] ?? event.key]?.();
  });
}

function next(id) {
  const links = [...document.querySelectorAll(`#${id} a`)];
  const current = links.findIndex((link) => link.hasAttribute("aria-current"));
  links[(current + 1) % links.length].click();
}

function fullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen();
}

function help() {
  const dialog = document.getElementById("help");
  if (!dialog.open) dialog.showModal();
}
