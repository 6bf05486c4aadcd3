"""No text touches another, every figure is whole, and a wall is read from its distance.

All states on all screens in all fonts are an experiment of `make soak`; here is a pairwise sample of them.
"""

from __future__ import annotations

import sys

import pytest
from playwright.sync_api import Browser

from tests.live.boards import QUERY
from tests.live.page.layout import Counts, look, sampled, show
from tests.live.page.layout_states import STATES
from tests.live.screens import ADDRESS, Screen, opened, serve

WALL = QUERY._replace(mode="wall")
FULL_HD = {"width": 1920, "height": 1080}


def test_no_text_touches_another_and_a_wall_is_read_from_its_distance(
    browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = sampled(browser)
    with capsys.disabled():
        sys.stdout.write(f"\n{counts}\n")
    assert counts.problems == []
    assert counts.counted["layouts"] >= 60


def test_the_first_paint_needs_no_script(browser: Browser) -> None:
    counts = Counts()
    for state in ("names", "millions", "quiet"):
        with browser.new_context(viewport=FULL_HD) as context:  # type: ignore[arg-type]  # a size
            serve(context, STATES[state], WALL)
            context.route("**/*.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
            page = context.new_page()
            page.goto(f"{ADDRESS}?{WALL.urlencoded()}")
            look(page, state, counts, wall=True)
    assert counts.problems == []


def rows(screen: Screen) -> int:
    return screen.page.locator("#list .client:not(.leaving):visible").count()


def scale(screen: Screen) -> float:
    return float(screen.page.evaluate("document.documentElement.style.getPropertyValue('--scale')"))


def test_who_sits_nearer_sees_more_and_who_sits_too_far_sees_the_figures_as_large_as_they_fit(
    browser: Browser,
) -> None:
    seen = {}
    for distance in (2.5, 5, 20):
        query = WALL._replace(distance=distance)
        with opened(browser, query, viewport=FULL_HD) as screen:
            show(screen, "names")
            counts = Counts()
            look(screen.page, f"{distance} m", counts, wall=False)
            assert counts.problems == []
            seen[distance] = rows(screen), scale(screen), screen.page.locator("#losses-days").is_visible()
    assert seen[2.5] == (9, 0.5, True)
    assert seen[5] == (4, 1, False)
    assert seen[20][0] == 1
    assert 1 < seen[20][1] < 4


def test_a_smaller_screen_shows_larger_letters(browser: Browser) -> None:
    with opened(browser, WALL._replace(inches=48), viewport=FULL_HD) as screen:
        show(screen, "names")
        assert scale(screen) == pytest.approx(55 / 48, abs=0.001)


CONTRAST = r"""() => {
  const light = (colour) => {
    const parts = colour.match(/[\d.]+/g).slice(0, 3).map((part) => Number(part) / 255);
    const linear = (part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    const [red, green, blue] = parts.map(linear);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return colour === "rgba(0, 0, 0, 0)" ? ground(element.parentElement) : colour;
  };
  const figures = [...document.querySelectorAll(".value, .amount, .late time, h4, .who")];
  return figures.filter((element) => element.checkVisibility()).map((element) => {
    const lights = [light(getComputedStyle(element).color), light(ground(element))];
    const ratio = (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
    return [element.className + " " + element.textContent, ratio];
  });
}"""
"""The contrast of each figure and name with what it stands on (WCAG 2)."""


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_figures_stand_out_seven_to_one(browser: Browser, theme: str) -> None:
    query = WALL._replace(theme="light" if theme == "light" else "dark")
    with opened(browser, query, viewport=FULL_HD) as screen:
        show(screen, "split")
        faint = [(name, ratio) for name, ratio in screen.page.evaluate(CONTRAST) if ratio < 7]
        assert faint == []
