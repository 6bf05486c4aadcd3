"""Lists as CSV files: a spreadsheet of each language opens them and runs nothing in them."""

from __future__ import annotations

import sys
from dataclasses import replace
from unicodedata import normalize
from urllib.parse import unquote

import pytest

from service.config import Language
from service.live.page.lists import spreadsheet
from service.live.page.lists.refusals import ListFilter
from tests.live.boards import OFFICE, QUERY, board_rows, client, task, worked_example
from tests.live.page.listings import cells, deal, refusal_list, refusal_sheet, refusals, task_sheet


@pytest.mark.parametrize(
    ("language", "delimiter", "header", "kind", "amount"),
    [
        ("ru", ";", ["Дата отказа", "Клиент", "Сделка", "№ сделки", "Причина"], "Управляемые", "-5184,05"),
        ("en", ",", ["Lost on", "Client", "Deal", "Deal number", "Reason"], "Avoidable", "-5184.05"),
    ],
)
def test_a_file_opens_in_a_spreadsheet_of_its_language(
    language: Language, delimiter: str, header: list[str], kind: str, amount: str
) -> None:
    odd = 'Петров; "Иван", младший\nвторая строка'
    lost = deal(1, "3", -518405, client=odd, manager_id=None, url="file:///etc/passwd")
    content = refusal_sheet(refusals(lost), language).content
    first, row = cells(content, delimiter)
    assert first[:5] == header
    assert row == [
        *("2026-11-23", odd, "Сделка 1", "1", "Выбрал других", kind, "", "Продажи", amount, "RUB", ""),
    ]
    assert content.count(b"\r\n") == 2


def test_a_task_without_a_deal_has_no_amount() -> None:
    rows = board_rows(
        [
            client("7", "Иван", 518400, task("t1", 28, url="https://crm.example/42")),
            client("8", None, 0, task("t2", deal_id=None, deal=None, amount=0, text=None, manager_id=None)),
        ]
    )
    _, first, second = cells(task_sheet(rows).content)
    assert first == [
        *("Иван", "позвонить", "Абонемент", "42", "Анна", "2026-11-22 06:00", "1 день 4 ч"),
        *("28,00", "5184,00", "RUB", "https://crm.example/42"),
    ]
    assert second[1:5] == ["", "", "", ""]
    assert second[7:] == ["1,00", "", "", ""]


STARTS = ["=", "+", "-", "@", "\t", "\r", "\n"]


@pytest.mark.parametrize(
    "start", [*STARTS, "＝", "＋", "－", "＠", "﹦", "⁺", "\u2212", "\u200b=", "\ufeff ＋"]
)
def test_text_that_a_spreadsheet_would_run_is_made_harmless(start: str) -> None:
    formula = f'{start}HYPERLINK("https://evil.example","x")'
    bad = deal(1, "0", name=formula, client=formula, manager_id=formula, deal_id=formula)
    _, row = cells(refusal_sheet(refusals(bad, names=[formula])).content)
    assert [row[place] for place in (1, 2, 3, 4, 6)] == [f"'{formula}"] * 5
    bad_task = task("t", text=formula, deal=formula, manager_id=formula)
    _, row = cells(task_sheet(board_rows([client("7", formula, 1, bad_task)])).content)
    assert [row[place] for place in (0, 1, 2, 4)] == [f"'{formula}"] * 4
    assert spreadsheet.harmless(f"x{start}1") == f"x{start}1"


def test_whatever_unicode_makes_of_a_character_its_text_is_made_harmless() -> None:
    alike = [c for c in map(chr, range(sys.maxunicode + 1)) if normalize("NFKC", c)[0] in STARTS]
    assert len(alike) > 2 * len(STARTS)
    assert [c for c in alike if spreadsheet.harmless(f"{c}1") != f"'{c}1"] == []
    assert [text for text in ("Ⅷ", "·", "«=»", "1-2", " x=", "") if spreadsheet.harmless(text) != text] == []


def test_a_file_is_named_for_what_it_has() -> None:
    office = replace(OFFICE, title='Отдел "А"/Б\r\nX: y')
    disposition = refusal_sheet(refusals(deal(1)), office=office).disposition
    ascii_name, _, full = disposition.partition("; filename*=UTF-8''")
    assert ascii_name == 'attachment; filename="refusals-office-2026-11-01-2026-11-30.csv"'
    assert full.isascii()
    assert unquote(full) == "Отказы – Отдел А Б X y – 2026-11-01 – 2026-11-30.csv"
    query = QUERY._replace(manager="3")
    listing = refusal_list(refusals(deal(1, "3")), ListFilter("Выбрал других"), query)
    assert "Выбрал других – Анна" in unquote(spreadsheet.sheet(listing, OFFICE, QUERY).disposition)
    tasks = task_sheet(worked_example(), "en").disposition
    assert 'filename="overdue-tasks-office-2026-11-23.csv"' in tasks
    assert "Overdue tasks" in unquote(tasks)
