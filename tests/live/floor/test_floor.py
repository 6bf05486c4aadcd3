"""The page's own files keep to the oldest browser, and the rules find what does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from service.live.page.render import STATIC
from tests.live.floor.floor import script_problems, style_problems


@pytest.mark.parametrize(("suffix", "problems"), [(".js", script_problems), (".css", style_problems)])
def test_the_pages_files_use_nothing_that_came_after_the_oldest_browser(
    suffix: str, problems: Callable[[bytes], list[str]]
) -> None:
    files = sorted(STATIC.glob(f"*{suffix}"))
    assert files
    found = {file.name: problems(file.read_bytes()) for file in files}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("a?.b", "?. since Chromium 80"),
        ("a ?? b", "?? since Chromium 80"),
        ("a ||= b", "||= since Chromium 85"),
        ("class A { #f = 1; #m() {} }", "a private method since Chromium 84"),
        ("class A { static {} }", "static {} since Chromium 94"),
        ("class A { #f; has(o) { return #f in o; } }", "#name in object since Chromium 91"),
        ("await load()", "await outside a function since Chromium 89"),
        ("/a/d", "the flags d since Chromium 90 and v since Chromium 112"),
        ("new Worker('w.js', { type: 'module' })", "a worker that is a module since Chromium 80"),
        ("rows.at(-1)", "at since Chromium 92"),
        ("'a'.replaceAll('a', 'b')", "replaceAll since Chromium 85"),
        ("row.inert = true", "inert since Chromium 102"),
        ("row.ariaHidden = 'true'", "ariaHidden since Chromium 81"),
        ("structuredClone(a)", "structuredClone since Chromium 98"),
        ("@a class B {}", "decorator: not known to be in Chromium 79"),
        ("a ?", "not understood: a ?"),
    ],
)
def test_a_script_for_younger_browsers_is_found(source: str, problem: str) -> None:
    assert f"line 1: {problem}" in script_problems(source.encode())


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (":is(h1, h2) { top: 0 }", ":is: not known to be in Chromium 79"),
        ("p:has(a) { top: 0 }", ":has: not known to be in Chromium 79"),
        ("p:not(.a, .b) { top: 0 }", "a list in :not() since Chromium 88"),
        (":nth-child(2 of .a) { top: 0 }", ":nth-child(… of …) since Chromium 111"),
        ("a:focus-visible, b { top: 0 }", ":focus-visible since Chromium 86: it needs a rule of its own"),
        ("p { height: 100dvh }", "the unit dvh: not known to be in Chromium 79"),
        ("p { width: calc(2cqi + 1px) }", "the unit cqi: not known to be in Chromium 79"),
        ("p { color: color-mix(in srgb, red, blue) }", "color-mix(): not known to be in Chromium 79"),
        ("p { inset: 0 }", "inset since Chromium 87"),
        ("p { margin-inline: 0 }", "margin-inline since Chromium 87"),
        ("p { display: flex; gap: 1px }", "gap between flex items since Chromium 84"),
        (
            "p { display: flex; align-items: end }",
            "align-items: end of flex items since Chromium 93: flex-end",
        ),
        ("p { overflow-wrap: anywhere }", "overflow-wrap: anywhere since Chromium 80"),
        ("p { a { top: 0 } }", "a rule in a rule since Chromium 112"),
        ("@container (min-width: 1px) { p { top: 0 } }", "@container: not known to be in Chromium 79"),
        ("@media (width > 1px) { p { top: 0 } }", "a range in a media query since Chromium 104"),
    ],
)
def test_a_stylesheet_for_younger_browsers_is_found(source: str, problem: str) -> None:
    assert f"line 1: {problem}" in style_problems(source.encode())


def test_what_the_page_can_do_without_may_be_younger() -> None:
    fine = """
    :focus-visible { outline: 1px solid red; }
    body { height: 100vh; height: 100dvh; text-underline-offset: 1px; }
    p { display: grid; gap: 1px; align-items: end; clip-path: inset(50%); }
    p { width: min(1vh, clamp(1px, 2vw, 3px)); }
    """
    assert style_problems(fine.encode()) == []
    assert script_problems(b"const policy = window.trustedTypes && trustedTypes.createPolicy('a', {});") == []
