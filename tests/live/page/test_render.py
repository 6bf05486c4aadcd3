"""The page and its parts: right without JavaScript, harmless whatever a CRM sends, and patched exactly."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from hypothesis import given

import service.live
from service.config import Language
from service.ledger.read.board import BoardRows
from service.live.board.snapshot import Snapshot
from service.live.page import render, template_globals
from service.live.text import formats
from service.live.text.i18n import NO_REASON, PENDING_REASON
from service.model import SECOND
from tests.live.boards import (
    NOW,
    QUERY,
    READINGS,
    account,
    board,
    client,
    losses,
    reading,
    task,
    with_clients,
    worked_example,
)

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


class Elements(HTMLParser):
    """The elements of a page or part: name, attributes, and depth."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.roots = 0
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.roots += not self._open
        if tag not in {"meta", "link", "input"}:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split()).replace(formats.NO_BREAK, " ")


def html(read: BoardRows, language: Language = "ru") -> str:
    return render.page(board(read), account(), QUERY._replace(language=language))


def test_the_first_paint_has_every_figure_of_the_worked_example() -> None:
    page = text(html(worked_example()))
    for figure in ("127 613 ₽", "284 947 ₽", "412 560 ₽", "170 отказов", "111 197 ₽", "5 184 ₽", "3 задачи"):
        assert figure in page
    for words in (
        "Кому срочно позвонить",
        "1 день 4 ч",
        "24 мин",
        "Анна",
        "Цифры на 10:00:00. Без JavaScript",
    ):
        assert words in page
    assert "CRM была на связи: 09:59:20" in page


def test_the_page_speaks_english_whatever_the_accounts_language() -> None:
    refusals = losses((None, 2, 100))
    page = html(reading(refusals=refusals, unconverted={"USD": 2}), "en")
    shown = text(page.replace('data-reason="Причина не указана"', ""))
    assert "No reason given" in shown
    assert "2 deals in USD count as 0" in shown
    assert set(re.findall("[А-Яа-яё]+", shown)) <= {"Отдел", "продаж", "Анна", "Продажи"}  # the office's own


def test_a_quiet_office_is_told_so() -> None:
    assert "Все клиенты на связи" in html(reading())
    assert "Все клиенты на связи" not in html(worked_example())


def test_a_change_has_a_sign_and_an_arrow() -> None:
    def change(before: int) -> str:
        read = reading(
            refusals=losses(("Выбрал других", 2, 500)), before=losses(("Выбрал других", 1, before))
        )
        return text(render.fragments(board(read), QUERY)["losses-figures"])

    assert "▲ +4 ₽ · +1 к 1–23 окт." in change(100)
    assert "▼ \N{MINUS SIGN}5 ₽ · +1" in change(1000)
    assert "= без изменений" in change(100)  # the objective ones: none now, none before


@pytest.mark.parametrize(
    ("amount", "currency", "ru", "en"),
    [
        ("412560.00", "RUB", "412 560 ₽", "₽412,560"),
        ("0.50", "RUB", "0,50 ₽", "₽0.50"),
        ("-1234.00", "USD", "\N{MINUS SIGN}1 234 $", "\N{MINUS SIGN}$1,234"),
        ("1.250", "KWD", "1,250 KWD", "KWD 1.250"),
        ("1200", "JPY", "1 200 ¥", "¥1,200"),
    ],
)
def test_money_is_written_as_people_do(amount: str, currency: str, ru: str, en: str) -> None:
    assert formats.money(amount, currency, "ru") == ru.replace(" ", formats.NO_BREAK)
    assert formats.money(amount, currency, "en") == en.replace(" ", formats.NO_BREAK)


def hostile() -> BoardRows:
    row = task(HOSTILE, text=HOSTILE, deal=HOSTILE, manager_id=HOSTILE, url="javascript:alert(1)")
    return reading([client(HOSTILE, HOSTILE, 100, row)], losses((HOSTILE, 1, 100)))


def test_what_a_crm_sends_is_text_and_never_markup() -> None:
    page = html(hostile())
    assert "<script>alert" not in page
    assert "<img" not in page
    elements = Elements(page).found
    assert [attributes for tag, attributes in elements if tag == "script"] == [
        {"type": "module", "src": "../static/board.js"}
    ]
    for _, attributes in elements:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        assert not (attributes.get("href") or "").startswith("javascript:")


def test_a_link_to_the_crm_tells_it_nothing_and_leaves_the_board_open() -> None:
    page = html(reading([client("7", "Иван", 1, task("t", url="https://crm.example/?a=1&b=2"))]))
    [link] = [each for _, each in Elements(page).found if (each.get("href") or "").startswith("https:")]
    assert link["href"] == "https://crm.example/?a=1&b=2"
    assert (link["rel"], link["target"]) == ("noopener noreferrer", "_blank")


@given(READINGS)
def test_each_part_is_one_element_with_its_id_and_ids_are_unique(read: BoardRows) -> None:
    for name, part in render.fragments(board(read), QUERY).items():
        elements = Elements(part)
        assert (elements.found[0][1]["id"], elements.roots) == (name, 1)
        assert re.fullmatch(r"[a-z0-9-]+", name)


def test_the_ids_of_the_page_are_unique() -> None:
    ids = [each["id"] or "" for _, each in Elements(html(worked_example())).found if "id" in each]
    assert sorted(set(ids)) == sorted(ids)


def test_a_part_says_the_same_at_any_time_of_day() -> None:
    later = replace(worked_example(), as_of=NOW + 3600 * SECOND)
    assert render.fragments(board(later), QUERY) == render.fragments(board(worked_example()), QUERY)
    assert html(later) != html(worked_example())


def put(
    shown: dict[str, str], order: list[str], change: dict[str, object]
) -> tuple[dict[str, str], list[str]]:
    """What a screen does with a patch."""
    parts, gone, orders = change["set"], [change["remove"], change["hide"]], change["order"]
    assert isinstance(parts, dict)
    assert isinstance(orders, dict)
    out = {name for names in gone if isinstance(names, list) for name in names}
    shown = {name: part for name, part in {**shown, **parts}.items() if name not in out}
    return shown, orders.get("list", [name for name in order if name not in out])


def whole(shown: Snapshot) -> tuple[dict[str, str], list[str]]:
    frame = render.html_snapshot(shown, QUERY)
    return put({}, [], {**frame, "remove": [], "hide": []})


@given(READINGS, READINGS)
def test_a_patch_turns_what_a_screen_shows_into_the_new_board(old: BoardRows, new: BoardRows) -> None:
    shown, order = whole(board(old))
    assert put(shown, order, dict(render.html_patch(board(old), board(new), QUERY))) == whole(board(new))


@given(READINGS)
def test_a_patch_between_equal_boards_is_empty(read: BoardRows) -> None:
    change = render.html_patch(board(read), board(replace(read, seq=9)), QUERY)
    assert [change[name] for name in ("set", "remove", "hide", "order")] == [{}, [], [], {}]


def crowd(count: int) -> BoardRows:
    return reading([client(f"{n:03}", f"Клиент {n}", 1000 - n, task("t")) for n in range(count)])


def test_the_page_lists_so_many_clients_and_counts_the_others() -> None:
    page = html(crowd(render.CLIENTS_SHOWN + 3))
    assert page.count('class="client"') == render.CLIENTS_SHOWN
    assert "ещё 3 клиента" in text(page)


def test_a_client_lists_so_many_tasks_and_counts_the_others() -> None:
    rows = [task(f"{n:03}") for n in range(render.TASKS_SHOWN + 1)]
    page = html(reading([client("7", "Иван", 1, *rows)]))
    assert page.count('class="task"') == render.TASKS_SHOWN
    assert "ещё 1 задача" in text(page)


def test_who_is_pushed_off_the_list_is_hidden_and_not_shown_as_saved() -> None:
    full = crowd(render.CLIENTS_SHOWN)
    richer = client("new", "Новый", 10**6, task("t"))
    more = with_clients(full, *full.clients.values(), richer)
    change = render.html_patch(board(full), board(more), QUERY)
    last = template_globals.element_id(f"{render.CLIENTS_SHOWN - 1:03}")
    assert (change["remove"], change["hide"]) == ([], [last])


def messages() -> Iterator[str | tuple[str, ...]]:
    """Every message of the source."""
    keywords = {
        "_": None,
        "gettext": None,
        "ngettext": (1, 2),
        "_plural_forms": (1, 2),
    }
    folder = Path(next(iter(service.live.__path__)))
    methods = [("**.py", "python"), ("templates/**.html", "jinja2")]
    for _, _, message, _, _ in extract_from_dir(folder, methods, keywords=keywords):
        yield message
    yield from (NO_REASON, PENDING_REASON)


@pytest.mark.parametrize("language", [each for each in get_args(Language) if each != "en"])
def test_every_message_is_translated_and_every_translation_is_used(language: Language) -> None:
    with (Path(next(iter(service.live.__path__))) / "catalogue" / f"{language}.po").open("rb") as file:
        catalogue: Catalog = read_po(file, locale=language)
    translated = {message.id for message in catalogue if message.id and all(_forms(message.string))}
    assert translated == set(messages())
    assert [error for message in catalogue for error in message.check(catalogue)] == []


def _forms(string: str | Sequence[str] | None) -> Sequence[str]:
    return [string or ""] if isinstance(string, str | None) else string
