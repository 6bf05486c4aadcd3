/**
 * Owns which view of the board is shown, its period and order: links of class `view`, and the browser's history.
 * Without the script they are plain links.
 */

/** @typedef {{period: string, sort: string}} View */

/** @returns {View} the one that the page shows, or is about to */
function current() {
  const { period = "", sort = "" } = document.body.dataset;
  return { period, sort };
}

/**
 * @param {HTMLAnchorElement} link
 * @returns {View} what it does not name stays as it is
 */
function viewOf(link) {
  const query = new URL(link.href).searchParams;
  const { period, sort } = current();
  return { period: query.get("period") ?? period, sort: query.get("sort") ?? sort };
}

/** @returns {HTMLAnchorElement[]} */
function links() {
  return [...document.querySelectorAll("a.view")].filter((link) => link instanceof HTMLAnchorElement);
}

/** @returns {string} the address of the events of the current view */
export function eventsAddress() {
  const address = new URL(document.body.dataset.events ?? "", location.href);
  const { period, sort } = current();
  address.searchParams.set("period", period);
  address.searchParams.set("sort", sort);
  return address.href;
}

/** Shows the clients at risk in the other order. */
export function toggleSort() {
  const { sort } = current();
  links().find((link) => viewOf(link).sort !== sort)?.click();
}

/** Shows the next period that the page offers, after the last one the first. */
export function nextPeriod() {
  const { period, sort } = current();
  const choices = links().filter((link) => viewOf(link).sort === sort);
  const after = choices.findLastIndex((link) => viewOf(link).period === period) + 1;
  const others = [...choices.slice(after), ...choices].filter((link) => viewOf(link).period !== period);
  others[0]?.click();
}

/**
 * @param {View} view
 * @param {() => void} switched
 */
function show(view, switched) {
  document.body.dataset.period = view.period;
  document.body.dataset.sort = view.sort;
  switched();
}

/**
 * @param {() => void} switched called when another view was chosen; `eventsAddress` is its address
 */
export function watchViews(switched) {
  history.replaceState(current(), "");
  // One listener on the document: the links themselves are replaced with the parts that they stand in.
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a.view") : null;
    if (!(link instanceof HTMLAnchorElement) || event.defaultPrevented) return;
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const view = viewOf(link);
    const { period, sort } = current();
    if (view.period === period && view.sort === sort) return;
    history.pushState(view, "", link.href);
    show(view, switched);
  });
  window.addEventListener("popstate", (event) => {
    // Without a state it was a jump within the page.
    if (event.state !== null) show(event.state, switched);
  });
}
