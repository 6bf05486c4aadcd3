// Measures the texts that a page shows: what is seen of each, and what is wrong with them.
([figures, headline, acted]) => {
  const context = document.createElement("canvas").getContext("2d");
  const inks = new Map();
  const ink = (text, style) => {
    const font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    const key = font + text;
    if (!inks.has(key)) {
      context.font = font;
      const seen = context.measureText(text);
      context.font = font.replace(style.fontSize, "1000px"); // no hinting rounds it
      const capital = context.measureText("H").actualBoundingBoxAscent * parseFloat(style.fontSize) / 1000;
      inks.set(key, { line: seen.fontBoundingBoxAscent, up: seen.actualBoundingBoxAscent,
        down: seen.actualBoundingBoxDescent, capital });
    }
    return inks.get(key);
  };
  const clipped = (element, box) => {
    let { left, right, top, bottom } = box, scrolls = false;
    for (let around = element; around && around !== document.body; around = around.parentElement) {
      const style = getComputedStyle(around);
      if (style.display === "contents") continue;
      if (style.overflowX !== "visible" || style.clipPath !== "none") {
        const edge = around.getBoundingClientRect();
        scrolls = scrolls || ["auto", "scroll"].includes(style.overflowX);
        left = Math.max(left, edge.left); right = Math.min(right, edge.right);
        top = Math.max(top, edge.top); bottom = Math.min(bottom, edge.bottom);
      }
    }
    return { left, right, top, bottom, scrolls };
  };
  // Chromium below 105 cannot be asked, and makes no boxes for what is in closed details.
  const drawn = (element) => element.checkVisibility ? element.checkVisibility() : element.getClientRects().length > 0;
  const texts = [], problems = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement, text = node.data.trim();
    if (!text || !drawn(element) || element.closest(".visually-hidden, .flying, option")) continue;
    const style = getComputedStyle(element);
    if (style.visibility !== "visible") continue;
    range.selectNodeContents(node);
    const rects = [...range.getClientRects()].filter((rect) => rect.width > 1);
    const of = ink(text, style);
    const lines = new Set(rects.map((rect) => Math.round(rect.top))).size;
    for (const rect of rects) {
      const base = rect.top + (of.line || 0.79 * rect.height); // Chromium below 87 has no ascent; most fonts have this
      const whole = { left: rect.left, right: rect.right, top: base - of.up, bottom: base + of.down };
      const box = clipped(element, whole);
      const hidden = box.right - box.left < 2 || box.bottom - box.top < 2;
      if (hidden) continue;
      const name = `${element.className || element.tagName} «${text.slice(0, 40)}»`;
      const cut = ["left", "right", "top", "bottom"].some((side) => Math.abs(box[side] - whole[side]) > 1);
      const figure = element.closest(figures);
      if (figure && lines > 1 && rects.length > 1) problems.push(`in ${lines} lines: ${name}`);
      if (cut && !box.scrolls) {
        let shortened = element;
        while (shortened && getComputedStyle(shortened).textOverflow !== "ellipsis") shortened = shortened.parentElement;
        const titled = element.closest("[title]");
        if (figure || !shortened || !titled || !titled.title.includes(text)) problems.push(`cut: ${name}`);
      }
      const owner = element.matches(".value") && element.closest("[data-figure]");
      texts.push({ ...box, node, name, capital: of.capital, figure: owner ? owner.dataset.figure : null,
        acted: !!element.closest(acted), headline: !!element.closest(headline) });
    }
  }
  texts.sort((one, other) => one.top - other.top);
  let pairs = 0;
  texts.forEach((one, index) => {
    for (let next = index + 1; next < texts.length && texts[next].top < one.bottom - 1; next += 1) {
      const other = texts[next];
      pairs += 1;
      if (one.node !== other.node && Math.min(one.right, other.right) - Math.max(one.left, other.left) > 1
        && Math.min(one.bottom, other.bottom) - other.top > 1) problems.push(`${one.name} touches ${other.name}`);
    }
  });
  texts.forEach((text) => { delete text.node; });
  return { texts, pairs, problems };
}
