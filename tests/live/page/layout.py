"""Measures a page as it is drawn: whether texts touch, figures are whole, and capitals can be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import hypot
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page

from scripts.programs import FONTS
from service.live.board.query import Mode
from tests.browser import resize
from tests.live.boards import QUERY
from tests.live.page.layout_states import DESKS, STATES, WALLS, Size, browser_with, closing
from tests.live.screens import Screen, opened

MINUTES: Final = 55 * 25.4 / (5000 * 0.000290888)
"""The diagonal of a screen of 55 inches from five metres, in arcminutes."""

EIGHT: Final = {*("controllable", "objective", "total", "stake", "clients", "tasks", "no-next-step", "saved")}
"""The figures that a wall always shows."""

SAFE: Final = 0.025
"""The share of a television's height and width, at each edge, that may be cut."""

OWN: Final = "its own"
WIDEST: Final = "DejaVu"
FAMILIES: Final = (*FONTS, OWN)

MODES: Final[dict[Mode, tuple[Size, ...]]] = {"wall": WALLS, "desk": DESKS}
MOMENTS: Final = ("names closing", "three closing", "names lost")

HEADLINE: Final = ".losses .figure:first-child .value, .losses .split .figure:nth-child(2) .value"
ACTED_ON: Final = ".lead h4, .lead .amount, .late, .who, .client .credit, #risk-figures .value"
FIGURES: Final = ".value, .amount, .late time, .share, .times, .count, td.now, #further, .most"
"""What is in one line, and whole."""

MEASURE: Final = Path(__file__).with_name("layout.js").read_text(encoding="utf-8")


NAMES_OF: Final = {"DejaVu": "DejaVu Sans", "Noto": "Noto Sans", "Roboto": "Roboto"}
DRAW_IN: Final = "(family) => { document.documentElement.style.fontFamily = family; }"
FINISH: Final = """document.getAnimations().forEach((moving) => {
  if (Number.isFinite(moving.effect.getComputedTiming().endTime)) moving.finish();
})"""


@dataclass
class Counts:
    """What was measured, and what was wrong."""

    counted: Counter[str] = field(default_factory=Counter)
    least: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        seen = ", ".join(f"{number} {name}" for name, number in self.counted.items())
        capitals = ", ".join(f"{name} {minutes:.1f}′" for name, minutes in sorted(self.least.items()))
        return f"{seen}; lowest capitals: {capitals}; {len(self.problems)} problems"


def look(page: Page, where: str, counts: Counts, *, wall: bool, heard: bool = True) -> None:
    """Measure a page as it is now.

    Args:
        heard: Whether it has figures.
    """
    seen: dict[str, Any] = page.evaluate(MEASURE, [FIGURES, HEADLINE, ACTED_ON])
    counts.counted.update(layouts=1, texts=len(seen["texts"]), pairs=seen["pairs"])
    counts.problems += [f"{where}: {problem}" for problem in seen["problems"]]
    if wall:
        counts.problems += [f"{where}: {problem}" for problem in _on_a_wall(page, seen["texts"], counts)]
        missing = EIGHT - {text.get("figure") for text in seen["texts"]} if heard else ()
        counts.problems += [f"{where}: there is no {figure}" for figure in missing]


def _on_a_wall(page: Page, texts: list[dict[str, Any]], counts: Counts) -> Iterator[str]:
    size = page.viewport_size
    assert size is not None
    width, height = size["width"], size["height"]
    minute = hypot(width, height) / MINUTES
    for text in texts:
        kind, least = "labels", 12
        if text["headline"]:
            kind, least = "headline", 30
        elif text["acted"]:
            kind, least = "acted on", 16
        seen = text["capital"] / minute
        counts.least[kind] = min(seen, counts.least.get(kind, 99.0))
        if seen < least - 0.05:
            yield f"{text['name']} has {seen:.1f}′ of {least}"
        inside = (
            text["left"] >= SAFE * width
            and text["right"] <= (1 - SAFE) * width
            and text["top"] >= SAFE * height
            and text["bottom"] <= (1 - SAFE) * height
        )
        if not inside:
            yield f"{text['name']} is outside the safe area"


def measured(family: str) -> Counts:
    """Measure every state on every screen, in a browser that has one family of fonts.

    Args:
        family: `OWN` for the page's own, beside the widest of the others; they are measured without it.
    """
    counts = Counts()
    with browser_with(WIDEST if family == OWN else family) as browser:
        for mode, sizes in MODES.items():
            with opened(browser, QUERY._replace(mode=mode), fonts=family == OWN) as screen:
                for state in (*STATES, *MOMENTS):
                    show(screen, state)
                    for size in sizes:
                        _look_at(screen, state, size, family, counts)
    return counts


def sampled(browser: Browser) -> Counts:
    """Measure every state on every screen, in the families by turns, so that every two of the three meet."""
    counts = Counts()
    for mode, sizes in MODES.items():
        with opened(browser, QUERY._replace(mode=mode)) as screen:
            for number, state in enumerate((*STATES, *MOMENTS)):
                show(screen, state)
                for place, size in enumerate(sizes):
                    family = FAMILIES[(number + place) % len(FAMILIES)]
                    screen.page.evaluate(DRAW_IN, "" if family == OWN else NAMES_OF[family])
                    _look_at(screen, state, size, family, counts)
    return counts


def _look_at(screen: Screen, state: str, size: Size, family: str, counts: Counts) -> None:
    width, height = size
    resize(screen.page, size)
    mode = screen.query.mode
    where = f"{family}, {mode} of {width}x{height}, {state}"
    look(screen.page, where, counts, wall=mode == "wall", heard=state != "unheard")


def show(screen: Screen, state: str) -> None:
    """Show one of `STATES` at rest, or one of `MOMENTS`: the name of a state, and `closing` (its second
    client's tasks were done a moment ago) or `lost` (the connection was lost a minute ago)."""
    name, _, moment = (state, "", "") if state in STATES else state.partition(" ")
    page = screen.page
    screen.open(STATES[name])
    page.clock.run_for(4_100)  # until the rows of the state before have left
    screen.beat()
    if moment == "closing":
        screen.change(closing(STATES[name]))
    elif moment == "lost":
        page.clock.run_for(60_000)
    page.evaluate(FINISH)
