// Shows another period, order or filter without loading the page: changes the address and calls `onSwitch`.

import { closePopup } from "./popups.js";

export function listenToNavigation(onSwitch) {
  const push = (url, control) => {
    mark(control);
    closePopup();
    history.pushState(null, "", url);
    onSwitch();
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-switch]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    push(`?${switched(link)}`, link);
  });
  // The stream replaces the form of the filters, so the document listens in its place.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("#filters");
    if (form) push(`?${filtered(form)}`, event.target);
  });
  listenToRange(push);
  addEventListener("popstate", () => {
    mark(null);
    onSwitch();
  });
}

/** Mark the control of the newest choice, until the stream replaces it by one that shows the choice. */
function mark(control) {
  for (const marked of document.querySelectorAll("[data-chosen]")) marked.removeAttribute("data-chosen");
  if (control) control.dataset.chosen = "";
}

/** The parameters of the address, whose period is told by its name alone. */
function parameters() {
  const given = [...new URLSearchParams(location.search)];
  return new URLSearchParams(given.filter(([name]) => !/^(from|to)$/.test(name)));
}

/** The parameters after a link's choice. What was chosen since the link was made, of which the address tells, stays. */
function switched(link) {
  const query = new URL(link.href).searchParams;
  for (const [name, value] of parameters()) if (name !== link.dataset.switch) query.set(name, value);
  return query;
}

function filtered(form) {
  const query = new URLSearchParams(location.search);
  for (const { name, value } of form.querySelectorAll("select")) query.set(name, value); // also an empty one
  return query;
}

/** The form with a range of dates begins with the days that are shown. */
function listenToRange(push) {
  const range = document.getElementById("range");
  const { from: first, to: last } = range.querySelector("form").elements;
  range.addEventListener("toggle", () => {
    const { from, to } = document.getElementById("period").dataset;
    if (range.open) [first.value, last.value] = [from, to];
  });
  range.addEventListener("submit", (event) => {
    event.preventDefault();
    const [from, to] = [first.value, last.value].sort();
    const query = parameters();
    query.set("period", `${from}..${to}`);
    push(`?${query}`, range.querySelector("summary"));
  });
}
