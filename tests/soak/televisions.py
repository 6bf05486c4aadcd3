"""The browsers of old televisions show a board as a new one does: they read its scripts and styles, get
patches, and nothing overlaps. They also say whether the rules of `tests/live/floor` know all that they do not
have."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from scripts.browser import system_browser
from scripts.televisions import RELEASES, browser
from service.live.page.render import STATIC
from tests.e2e.running import VIEWER, Service, iso, running, until
from tests.live.floor import floor
from tests.live.page.layout import ACTED_ON, FIGURES, HEADLINE, MEASURE
from tests.soak.devtools import Tab, tab_of

PHONE: Final = (390, 844)
Screen: TypeAlias = tuple[str, tuple[int, int]]
SCREENS: Final[Mapping[str, Screen]] = {
    "desk": ("desk", (1440, 900)),
    "wall": ("wall", (1920, 1080)),
    "upright wall": ("wall", (1080, 1920)),
    "phone": ("desk", PHONE),
}
NAME: Final = "Ольга Константинопольская"
LIVE: Final = "document.documentElement.dataset.state === 'live'"
ROWS: Final = "document.querySelectorAll('#list .client:not(.leaving)').length"
CREDITED: Final = "!!document.querySelector('#list .client.done .credit')"
LEFT: Final = "!document.querySelector('#list .leaving')"
UNKNOWN_DIRECTIVE: Final = "Unrecognized Content-Security-Policy directive 'require-trusted-types-for'"
"""What Chromium says of it before 83, and then keeps to the others."""
WIDE: Final = "document.documentElement.scrollWidth <= innerWidth"
PLACES: Final = """["#losses-figures", "#risk-figures", ".call", "#gaps"].map((name) => {
  const { left, top, right, bottom } = document.querySelector(name).getBoundingClientRect();
  return [left, top, right, bottom];
})"""
SHIFT: Final = 24
"""Pixels by which a place may differ between browsers: letters are not equally wide in all of them."""
HAS: Final = """(() => {
  const names = new Set();
  const seen = new Set();
  const add = (object) => {
    for (const name of Object.getOwnPropertyNames(object)) names.add(name);
  };
  add(globalThis);
  for (const name of [...names]) {
    let value;
    try { value = globalThis[name]; } catch (error) { continue; }
    if (!value || seen.has(value) || !["object", "function"].includes(typeof value)) continue;
    seen.add(value);
    for (let object = value; object; object = Object.getPrototypeOf(object)) add(object);
    if (value.prototype) add(value.prototype);
  }
  for (const name of Object.getOwnPropertyNames(Intl)) add(Intl[name].prototype || Intl[name]);
  return [...names];
})()"""
"""Every name that a browser gives to a global, or to something of one."""


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """Drive the newest Chromium, and then each old one; below the full length only the newest, on one screen.
    Nothing depends on the seed."""
    newest = system_browser()
    assert newest is not None
    old = {str(version): str(browser(version)) for version in RELEASES} if scale == 1 else {}
    screens = SCREENS if scale == 1 else {"wall": SCREENS["wall"]}
    counts: dict[str, int | float | str] = {"screens of each browser": len(screens)}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, running(Path(name)) as service:
        folder = Path(name)
        with tab_of(newest, folder / "newest") as tab:
            places, known = _watched(tab, service, screens), set(tab.evaluate(HAS))
            assert _missing(tab, known) == []
        for version, program in old.items():
            with tab_of(program, folder / version) as tab:
                agent = tab.evaluate("navigator.userAgent")
                assert f"Chrome/{version}." in agent, agent
                for where, seen in _watched(tab, service, screens).items():
                    assert seen == pytest.approx(places[where], abs=SHIFT), (version, where)
                missing = _missing(tab, known)
                assert not missing, f"Chromium {version} lacks what the rules do not know: {missing}"
            counts[f"Chromium {version}"] = agent.partition("Chrome/")[2].split()[0]
        assert service.stop() == 0
    return counts


def _watched(tab: Tab, service: Service, screens: Mapping[str, Screen]) -> dict[str, list[float]]:
    """See a board live on each screen, a patch there, and a list; where the parts of each board stood."""
    places: dict[str, list[float]] = {}
    for where, (mode, size) in screens.items():
        _overdue(service, "1", "2", "3")
        tab.open(f"{service.url}/boards/office?token={VIEWER}&mode={mode}", size)
        until(lambda: tab.evaluate(f"document.readyState === 'complete' && {LIVE} && {ROWS} === 3"))
        tab.evaluate("new Promise((done) => setTimeout(done, 500))")  # the wall has fitted its rows
        assert tab.evaluate(WIDE), where
        problems = tab.evaluate(f"({MEASURE})({json.dumps([FIGURES, HEADLINE, ACTED_ON])}).problems")
        assert not problems, f"{where}: {problems}"
        places[where] = [edge for place in tab.evaluate(PLACES) for edge in place]
        service.task("2", deal_id="2", due_at=iso(_hours_ago(5)), completed=True)
        until(lambda: tab.evaluate(CREDITED))
        until(lambda: tab.evaluate(f"{LEFT} && {ROWS} === 2"))
    tab.open(f"{service.url}/boards/office/tasks", PHONE)
    until(lambda: tab.evaluate("document.readyState === 'complete' && !!document.querySelector('td')"))
    assert tab.evaluate(WIDE)
    assert [problem for problem in tab.problems if UNKNOWN_DIRECTIVE not in problem] == []
    return places


def _hours_ago(hours: int) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


def _overdue(service: Service, *names: str) -> None:
    for hours, name in enumerate(names, 4):
        client = {"id": name, "name": f"{NAME} {name}"}
        service.deal(name, name=f"Абонемент {name}", amount=f"{name}23456789.00", client=client)
        manager = {"id": "3", "name": "Константин Рождественский"}
        service.task(
            name,
            deal_id=name,
            text="позвонить",
            due_at=iso(_hours_ago(hours)),
            completed=False,
            manager=manager,
        )


def _names(program: str, folder: Path) -> set[str]:
    with tab_of(program, folder) as tab:
        return set(tab.evaluate(HAS))


def _missing(tab: Tab, known: set[str]) -> list[str]:
    """What the page's files use, newer browsers have, and this one has not; without what they do without."""
    used = floor.borrowed(*(file.read_bytes() for file in STATIC.glob("*.js")))
    names = (used & known) - set(tab.evaluate(HAS))
    dropped = [
        f"{file.name}: {declaration}"
        for file in sorted(STATIC.glob("*.css"))
        for declaration in _dropped(tab, file.read_bytes())
    ]
    return sorted(names) + dropped


def _dropped(tab: Tab, stylesheet: bytes) -> list[str]:
    declarations = [*floor.declarations(stylesheet)]
    understood = tab.evaluate(
        f"{json.dumps(declarations)}.map(([name, value]) => /^--/.test(name) || CSS.supports(name, value))"
    )
    return [
        f"{name}: {value}" for (name, value), fine in zip(declarations, understood, strict=True) if not fine
    ]
