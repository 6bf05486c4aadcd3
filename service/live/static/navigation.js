// Shows another period, order or filter without loading the page: changes the address and calls `onSwitch`.

export function listenToNavigation(onSwitch) {
  const push = (url) => {
    history.pushState(null, "", url);
    onSwitch();
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-switch]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    push(link.href);
  });
  // The stream replaces the form of the filters, so the document listens in its place.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("#filters");
    if (form) push(`?${filtered(form)}`);
  });
  listenToRange(push);
  addEventListener("popstate", onSwitch);
}

function filtered(form) {
  const query = new URLSearchParams(location.search);
  for (const { name, value } of form.querySelectorAll("select")) query.set(name, value); // also an empty one
  return query;
}

/** The form with a range of dates needs JavaScript, so it is hidden until now. */
function listenToRange(push) {
  const range = document.getElementById("range");
  range.hidden = false;
  range.addEventListener("submit", (event) => {
    event.preventDefault();
    range.open = false;
    const { from: first, to: last } = event.target.elements;
    const [from, to] = [first.value, last.value].sort();
    const query = new URLSearchParams(location.search);
    query.set("period", `${from}..${to}`);
    push(`?${query}`);
  });
}
