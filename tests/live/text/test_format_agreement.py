"""The page's script and the server format alike: both are compared with one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, Route

from service.config import Language
from service.live.page.render import STATIC
from service.live.text import formats
from service.live.text.i18n import translations_of

TABLE: Final = json.loads(Path(__file__).with_name("formats.json").read_text(encoding="utf-8"))
LANGUAGES: Final[tuple[Language, ...]] = ("ru", "en")
ADDRESS: Final = "http://board.test/"
ASK: Final = """async ([rows, words, language]) => {
    const { duration, minute, moment } = await import("/format.js");
    return {
        durations: rows.durations.map(([seconds]) => duration(seconds, words, language)),
        moments: rows.moments.map(([at, seen]) => moment(at, seen, words)),
        minutes: rows.minutes.map(([at, seen]) => minute(at, seen, words)),
    };
}"""


def expected(language: Language) -> dict[str, list[str]]:
    column = LANGUAGES.index(language)
    return {
        "durations": [row[1 + column] for row in TABLE["durations"]],
        "moments": [row[2 + column] for row in TABLE["moments"]],
        "minutes": [row[2 + column] for row in TABLE["minutes"]],
    }


def _serve(route: Route) -> None:
    name = route.request.url.removeprefix(ADDRESS)
    if name:
        route.fulfill(path=STATIC / name, content_type="text/javascript")
    else:
        route.fulfill(body='<!doctype html><html lang="en">', content_type="text/html")


@pytest.fixture
def blank(browser: Browser) -> Page:
    page = browser.new_page()
    page.route(f"{ADDRESS}**", _serve)
    page.goto(ADDRESS)
    return page


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_script_subtracts_amounts_exactly(blank: Page, language: Language) -> None:
    """Floats are exact up to 2 ** 53 only, and 0.1 is none. What is left is written as the server would."""
    cases = [
        ["9007199254740993.55", ["0.01", "9000000000000000.50"]],
        ["5184.00", ["0.00"]],
        ["5184.30", ["5184.20"]],
        ["0.00", ["0.05"]],
        ["-7", ["3"]],
        ["1.00", ["0.25", "0.75"]],
        ["12345678901234567.85", ["0.00"]],
    ]
    ask = """async ([language, cases]) => {
        document.documentElement.lang = language;
        const { formatLike, less } = await import("/format.js");
        const sample = language === "ru" ? "−5 184,50\u00a0₽" : "−₽5,184.50";
        const left = cases.map(([total, parts]) => less(total, parts));
        return left.map((amount) => [amount, formatLike(sample, amount)]);
    }"""
    left = ["7199254740993.04", "5184", "0.10", "-0.05", "-10", "0", "12345678901234567.85"]
    assert blank.evaluate(ask, [language, cases]) == [
        [amount, formats.money(amount, "RUB", language)] for amount in left
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_server_writes_what_the_table_says(language: Language) -> None:
    assert expected(language) == {
        "durations": [formats.duration(seconds, language) for seconds, *_ in TABLE["durations"]],
        "moments": [formats.moment(at, seen, language) for at, seen, *_ in TABLE["moments"]],
        "minutes": [formats.minute(at, seen, language) for at, seen, *_ in TABLE["minutes"]],
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_script_writes_what_the_table_says(blank: Page, language: Language) -> None:
    assert expected(language) == blank.evaluate(ASK, [TABLE, translations_of(language).script(), language])
