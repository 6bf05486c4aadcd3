"""Draws the icon of an installed board, for what takes no SVG, from `icon.svg`: `python -m scripts.icons`."""

from __future__ import annotations

from service.live.page.render import STATIC
from tests.browser import launched

SIZE = 192
"""Pixels: the least that browsers want."""


def main() -> None:
    """Draw it."""
    drawing = (STATIC / "icon.svg").read_text(encoding="utf-8")
    with launched() as browser:
        page = browser.new_page(viewport={"width": SIZE, "height": SIZE})
        page.set_content(
            f"<style>body {{ margin: 0; background: #11161d }} svg {{ display: block }}</style>{drawing}"
        )
        page.screenshot(path=STATIC / "icon.png")


if __name__ == "__main__":
    main()
