/**
 * Owns turning an element into another one by the fewest changes, so that keyboard focus, selected text and opened
 * details survive a change beside them, and equal parts are not touched at all.
 */

/**
 * @param {Node} node
 * @returns {string} what makes it the same thing: a link to another deal is another link, even in the same place
 */
function identity(node) {
  if (!(node instanceof Element)) return node.nodeName;
  return `${node.nodeName} ${node.id || node.getAttribute("href") || ""}`;
}

/**
 * @param {Element} old
 * @param {Element} fresh
 */
function copyAttributes(old, fresh) {
  // Whether details are open is the reader's business, not the server's.
  const kept = old instanceof HTMLDetailsElement ? "open" : null;
  for (const { name } of [...old.attributes]) {
    if (name !== kept && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (name !== kept && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

/**
 * @param {Element} old
 * @param {Element} fresh
 */
function morphChildren(old, fresh) {
  const before = [...old.childNodes];
  const after = [...fresh.childNodes];
  after.forEach((child, index) => {
    if (index < before.length) morph(before[index], child);
    else old.append(child);
  });
  for (const child of before.slice(after.length)) child.remove();
}

/**
 * Makes `old` equal to `fresh`, in place where it is the same thing, else by putting `fresh` there.
 *
 * @param {Node} old in the document
 * @param {Node} fresh not in the document; may be used up
 */
export function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (identity(old) !== identity(fresh)) {
    old.parentNode?.replaceChild(fresh, old);
  } else if (old instanceof Element && fresh instanceof Element) {
    copyAttributes(old, fresh);
    morphChildren(old, fresh);
  } else {
    old.nodeValue = fresh.nodeValue;
  }
}
