// Puts rendered parts into the page: each replaces the element with its id.

const LEAVING = 2_000; // milliseconds that a row stays, struck out, after its client was saved
const FOCUSABLE = "a, button, [tabindex]";

// The one place where text becomes HTML. It comes only from our own stream (same origin, `connect-src 'self'`), where
// the server's templates have escaped whatever a CRM sent.
const policy = globalThis.trustedTypes?.createPolicy("lossboard", { createHTML: (html) => html });

/** Show a frame's parts. With `news`, what changed is pointed out. */
export function show({ set, remove = [], hide = [], order = {} }, news) {
  for (const id of hide) document.getElementById(id)?.remove();
  for (const id of remove) leave(document.getElementById(id), news);
  const list = document.getElementById("list");
  for (const [id, html] of Object.entries(set)) put(id, html, list, news);
  if (order.list) arrange(list, order.list);
}

/** Take away every row that a snapshot does not have. */
export function keepOnly(ids, news) {
  const kept = new Set(ids);
  for (const row of [...document.getElementById("list").children]) if (!kept.has(row.id)) leave(row, news);
}

function put(id, html, list, news) {
  const template = document.createElement("template");
  template.innerHTML = policy ? policy.createHTML(html) : html;
  const fresh = template.content.firstElementChild;
  const old = document.getElementById(id);
  if (!old) {
    list.append(fresh);
    if (news) fresh.classList.add("arriving");
    return;
  }
  if (news) pointOut(old, fresh);
  const focus = focused(old);
  old.replaceWith(fresh);
  restore(focus, fresh);
}

function pointOut(old, fresh) {
  const before = old.querySelectorAll("[data-value]");
  const after = fresh.querySelectorAll("[data-value]");
  if (before.length !== after.length) return;
  after.forEach((each, i) => each.classList.toggle("news", each.dataset.value !== before[i].dataset.value));
}

function leave(row, news) {
  if (!row || row.classList.contains("leaving")) return;
  if (!news) return row.remove();
  row.removeAttribute("id"); // the client can come back while this row is on its way out
  row.classList.add("leaving");
  row.inert = true;
  setTimeout(() => row.remove(), LEAVING);
}

function arrange(list, ids) {
  let place = list.firstElementChild;
  for (const id of ids) {
    while (place?.classList.contains("leaving")) place = place.nextElementSibling;
    const row = document.getElementById(id);
    if (!row) continue;
    if (row === place) place = place.nextElementSibling;
    else list.insertBefore(row, place);
  }
}

function focused(part) {
  const element = document.activeElement;
  if (!part.contains(element)) return null;
  return { id: element.id, index: [...part.querySelectorAll(FOCUSABLE)].indexOf(element) };
}

function restore(focus, part) {
  if (!focus) return;
  const same = focus.id ? document.getElementById(focus.id) : part.querySelectorAll(FOCUSABLE)[focus.index];
  same?.focus({ preventScroll: true });
}
