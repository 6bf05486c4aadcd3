"""The browsers of old televisions show a board as a new one does: they read its scripts and styles, get patches, and
nothing overlaps. They also say whether the rules of `tests/live/floor` know all that they do not have."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from scripts.browser import system_browser
from scripts.televisions import RELEASES, browser
from service.live.page.render import STATIC
from tests.e2e.running import VIEWER, Service, iso, running, until
from tests.live.floor import floor
from tests.soak.devtools import Tab, tab_of

WALL: Final = (1920, 1080)
PHONE: Final = (390, 844)
NAME: Final = "Ольга Константинопольская"
LIVE: Final = "document.documentElement.dataset.state === 'live'"
ROWS: Final = "document.querySelectorAll('#list .client:not(.leaving)').length"
CREDITED: Final = "!!document.querySelector('#list .client.done .credit')"
LEFT: Final = "!document.querySelector('#list .leaving')"
UNKNOWN_DIRECTIVE: Final = "Unrecognized Content-Security-Policy directive 'require-trusted-types-for'"
"""What Chromium says of it before 83, and then keeps to the others."""
WIDE: Final = "document.documentElement.scrollWidth <= innerWidth"
FIGURES: Final = """[...document.querySelectorAll("main .value")].filter((value) => value.offsetParent).every((value) =>
  value.scrollWidth <= value.clientWidth + 1 || getComputedStyle(value).display === "inline")"""
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
    for (let object = value; object && object !== Object.prototype; object = Object.getPrototypeOf(object)) add(object);
    if (value.prototype) add(value.prototype);
  }
  return [...names];
})()"""
"""Every name that a browser gives to a global, or to something of one."""


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """Drive each browser, the oldest first; below the full length only the newest Chromium, which is there anyway."""
    new = system_browser()
    assert new is not None
    programs = {"new": new} if scale < 1 else {str(version): str(browser(version)) for version in RELEASES}
    counts: dict[str, int | float | str] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, running(Path(name)) as service:
        known = _names(new, Path(name) / "profile-new")
        for version, program in programs.items():
            with tab_of(program, Path(name) / f"profile-{version}") as tab:
                agent = tab.evaluate("navigator.userAgent")
                assert scale < 1 or f"Chrome/{version}." in agent, agent
                counts |= {f"Chromium {version}: {what}": number for what, number in _watched(tab, service)}
                missing = _missing(tab, known)
                assert not missing, f"Chromium {version} lacks what the rules do not know: {missing}"
        assert service.stop() == 0
    return counts


def _watched(tab: Tab, service: Service) -> Iterator[tuple[str, int]]:
    """A board on a desk, a wall and a phone, with patches; and a list."""
    patches = 0
    for where, size in (("", WALL), ("mode=wall", WALL), ("", PHONE)):
        _overdue(service, "1", "2", "3")
        tab.open(f"{service.url}/boards/office?token={VIEWER}&{where}", size)
        until(lambda: tab.evaluate(f"document.readyState === 'complete' && {LIVE} && {ROWS} === 3"))
        assert tab.evaluate(WIDE), (where, size)
        assert tab.evaluate(FIGURES), (where, size)
        service.task("2", deal_id="2", due_at=iso(_hours_ago(5)), completed=True)
        until(lambda: tab.evaluate(CREDITED))
        until(lambda: tab.evaluate(f"{LEFT} && {ROWS} === 2"))
        patches += 1
    yield "patches seen", patches
    tab.open(f"{service.url}/boards/office/tasks", PHONE)
    until(lambda: tab.evaluate("document.readyState === 'complete' && !!document.querySelector('td')"))
    assert tab.evaluate(WIDE)
    assert [problem for problem in tab.problems if UNKNOWN_DIRECTIVE not in problem] == []


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
    used = {name for file in STATIC.glob("*.js") for name in floor.borrowed(file.read_bytes())}
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
        f"{json.dumps(declarations)}.map(([name, value]) => name.startsWith('--') || CSS.supports(name, value))"
    )
    return [
        f"{name}: {value}" for (name, value), fine in zip(declarations, understood, strict=True) if not fine
    ]
