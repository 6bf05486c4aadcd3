"""Takes the pictures of docs/screenshots: the demo as it comes up, and each state of the page in three fonts.

The demo's are of `lossboard demo --still` under a stopped clock. Of each state there is one sheet: a row for
each font, with the wall, the desk and the phone. The page's own font is Roboto; the others stand for systems
that do not load it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, ViewportSize

from scripts.still import REPEATABLE, SCHEMES, Size, shoot, still_demo
from service.config import Language
from service.live.board.query import Mode, Theme
from tests.browser import launched
from tests.live.boards import QUERY
from tests.live.page.layout import DRAW_IN, MOMENTS, NAMES_OF, show
from tests.live.page.layout_states import STATES
from tests.live.screens import opened

FOLDER: Final = Path("docs/screenshots")
SHEETS: Final = FOLDER / "states"
DESK, LAPTOP, PHONE = (1920, 1080), (1440, 900), (390, 844)

PAGES: Final = ("deals", "clients", "tasks", "help")
"""Pages of the demo beside its board."""

ABOUT: Final = {"first": "/", "error": "/boards/nobody"}
"""Pages that show no board."""

SCREENS: Final[dict[str, tuple[Mode, Size]]] = {
    "wall": ("wall", DESK),
    "desk": ("desk", LAPTOP),
    "phone": ("desk", PHONE),
}
"""What one row of a sheet shows."""

LOOKS: Final[dict[str, tuple[Theme, Language]]] = {
    "DejaVu": ("dark", "ru"),
    "Noto": ("light", "ru"),
    "Roboto": ("dark", "en"),
}
"""The theme and language in which each font is shown, so that a sheet has seen all of them."""

SHEET: Final = """<style>
  body { margin: 0; padding: 12px; background: #808080; }
  div { display: flex; margin-bottom: 12px; }
  img { height: 420px; margin-right: 12px; }
</style>"""
SHEET_SIZE: Final = ViewportSize(width=1660, height=1320)
QUALITY: Final = 70
"""Of the sheets' JPEG, in percent."""


def _pictures_of_the_demo(browser: Browser) -> None:
    with still_demo() as board:
        for name, size in (("board", DESK), ("board", LAPTOP), ("board", PHONE)):
            for scheme in SCHEMES:
                picture = FOLDER / f"{name}-{size[0]}x{size[1]}{'' if scheme == 'dark' else '-light'}.png"
                shoot(browser, board, picture, size, scheme, whole_page=False)
        wall = FOLDER / f"wall-{DESK[0]}x{DESK[1]}.png"
        shoot(browser, f"{board}?mode=wall", wall, DESK, "dark", whole_page=False)
        service = board.rpartition("/boards")[0]
        for name, path in ABOUT.items():
            picture = FOLDER / f"{name}-{LAPTOP[0]}x{LAPTOP[1]}.png"
            shoot(browser, f"{service}{path}", picture, LAPTOP, "dark", whole_page=False)
        for name in PAGES:
            picture = FOLDER / f"{name}-{LAPTOP[0]}x{LAPTOP[1]}-light.png"
            shoot(browser, f"{board}/{name}", picture, LAPTOP, "light", whole_page=False)


def _row(browser: Browser, family: str) -> dict[str, list[bytes]]:
    """The pictures of each state in one font, in the order of `SCREENS`."""
    pictures: dict[str, list[bytes]] = {}
    theme, language = LOOKS[family]
    for mode, size in SCREENS.values():
        query = QUERY._replace(mode=mode, theme=theme, language=language)
        with opened(browser, query, viewport={"width": size[0], "height": size[1]}) as screen:
            screen.page.evaluate(DRAW_IN, f'"{NAMES_OF[family]}", "Board signs"')
            for state in (*STATES, *MOMENTS):
                show(screen, state)
                pictures.setdefault(state, []).append(screen.page.screenshot())
    return pictures


def _sheets(browser: Browser, rows: Mapping[str, Mapping[str, Sequence[bytes]]]) -> None:
    """One sheet for each state, of the rows by font and state."""
    page = browser.new_page(viewport=SHEET_SIZE)
    for state in (*STATES, *MOMENTS):
        _draw(page, [rows[family][state] for family in LOOKS])
        path = SHEETS / f"{state.replace(' ', '-')}.jpg"
        page.screenshot(path=path, type="jpeg", quality=QUALITY, full_page=True)
    page.close()


def _draw(page: Page, rows: Sequence[Sequence[bytes]]) -> None:
    encoded = [[base64.b64encode(picture).decode() for picture in row] for row in rows]
    images = ["".join(f'<img src="data:image/png;base64,{one}">' for one in row) for row in encoded]
    page.set_content(SHEET + "".join(f"<div>{row}</div>" for row in images))


def main() -> None:
    """Take all pictures."""
    SHEETS.mkdir(parents=True, exist_ok=True)
    with launched(*REPEATABLE) as browser:
        _pictures_of_the_demo(browser)
        _sheets(browser, {family: _row(browser, family) for family in LOOKS})
    print(f"{FOLDER}: {len(list(FOLDER.glob('*.png')))} pictures, {len(list(SHEETS.glob('*.jpg')))} sheets")


if __name__ == "__main__":
    main()
