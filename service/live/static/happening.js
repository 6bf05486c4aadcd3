// The demo's board: what the invented office does right now, and what its last events were, while somebody reads it.

import { write } from "./clock.js";

const PAUSE_MS = 2_000; // between two questions
const dialog = document.getElementById("happening");
const button = document.getElementById("happening-button");
const sentences = dialog.querySelector(".now");
const list = dialog.querySelector(".events");

async function ask() {
  if (!dialog.open || document.hidden) return;
  const board = location.pathname.replace(/\/$/, "");
  try {
    const answer = await fetch(`${board}/happening?lang=${document.documentElement.lang}`);
    if (answer.ok) show(await answer.json());
  } catch {
    // the board itself says that the connection is lost
  }
}

function show({ now, events }) {
  write(sentences, now.join(" "));
  dialog.querySelector(".nothing").hidden = events.length > 0;
  const known = new Map([...list.children].map((line) => [line.dataset.key, line]));
  const lines = events.map((event) => known.get(`${event.at} ${event.text}`) || made(event));
  for (const line of known.values()) if (!lines.includes(line)) line.remove();
  lines.forEach((line, place) => {
    if (list.children[place] !== line) list.insertBefore(line, list.children[place] || null);
  });
}

function made({ at, text }) {
  const line = document.createElement("li");
  line.dataset.key = `${at} ${text}`;
  const time = document.createElement("time");
  time.textContent = at;
  const what = document.createElement("span");
  what.textContent = text;
  line.append(time, what);
  return line;
}

button.hidden = false;
button.addEventListener("click", () => {
  if (dialog.open) return dialog.close();
  dialog.show();
  ask();
});
dialog.addEventListener("close", () => button.focus());
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && dialog.open) dialog.close();
});
setInterval(ask, PAUSE_MS);
