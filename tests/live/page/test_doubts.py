"""The lists behind the warnings: what is wrong, and the deals that count with amount 0."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.live.board.query import QueryError
from service.live.page.lists.refusals import parse_filter
from service.live.page.lists.unpriced import parse_currency
from service.projections.facts import PENDING
from service.projections.unconverted import UNKNOWN
from tests.live.boards import QUERY, losses
from tests.live.page.html import HOSTILE, assert_harmless, links, text
from tests.live.page.listings import (
    TROUBLES,
    cells,
    deal,
    refusal_list,
    refusals,
    rows_of,
    trouble_page,
    trouble_sheet,
    unpriced_deal,
    unpriced_page,
    unpriced_sheet,
)


def test_what_is_wrong_is_listed_with_its_details() -> None:
    page = text(trouble_page())
    for words in (
        "CRM не оплачена: данные на 09:00.",
        "leads 12 09:00 10:00",
        "3 вебхука отклонены: неверный токен (последний: 10:00).",
        "неверный токен 3 09:59",
        "Найдено и исправлено 2 изменения",
        "Не прочитано, в цифрах этого нет undecodable: =1+1 &lt;b&gt;не JSON&lt;/b&gt; 1 10:00",
        "Не прочитано сообщений 1",
    ):
        assert words in page
    assert "Nothing is wrong" in trouble_page(
        replace(TROUBLES, troubles=(), quarantined=(), repaired=0), QUERY._replace(language="en")
    )


def test_a_file_of_what_is_wrong_runs_nothing() -> None:
    header, *rows = cells(trouble_sheet(language="en").content, ",")
    assert header == ["Problem", "About", "Times", "Since", "Last", "Delivery"]
    assert [row[1:] for row in rows] == [
        ["leads", "12", "2026-11-23 09:00", "2026-11-23 10:00", ""],
        ["wrong token", "3", "2026-11-23 09:59", "2026-11-23 10:00", ""],
        ["", "2", "2026-11-23 10:00", "", ""],
        ["undecodable: =1+1 <b>не JSON</b>", "1", "2026-11-23 10:00", "2026-11-23 10:00", "17"],
    ]


def test_an_error_that_begins_like_a_formula_is_no_formula() -> None:
    [part] = TROUBLES.quarantined
    read = replace(TROUBLES, troubles=(), repaired=0, quarantined=(replace(part, error="=cmd"),))
    assert cells(trouble_sheet(read).content, ";")[1][1].startswith("'=cmd")


def test_deals_that_count_as_0_say_why() -> None:
    page = unpriced_page(unpriced_deal(1), unpriced_deal(2, 100_050, "USD"))
    assert "Сделка 1 , Иван Петров, открыть в CRM &nbsp;↗ неизвестна Иван Петров открыта Анна" in text(page)
    assert "1 000,50 $ нет курса USD" in text(page)
    assert [link["href"] for link in links(page)] == ["https://crm.example/1", "https://crm.example/2"]
    [_, first, second] = cells(
        unpriced_sheet(unpriced_deal(1), unpriced_deal(2, 100_050, "USD")).content, ";"
    )
    assert first[3:7] == ["открыта", "Анна", "", ""]
    assert second[3:7] == ["открыта", "Анна", "1000,50", "USD"]
    assert "Таких сделок нет" in text(unpriced_page())


def test_what_a_crm_sends_is_text_in_these_lists_too() -> None:
    bad = replace(unpriced_deal(1), name=HOSTILE, client=HOSTILE, url="javascript:alert(1)")
    assert_harmless(unpriced_page(bad))
    [part] = TROUBLES.quarantined
    assert_harmless(trouble_page(replace(TROUBLES, quarantined=(replace(part, detail=HOSTILE),))))


def test_the_currency_of_an_address_is_a_code_or_what_is_unknown() -> None:
    assert parse_currency({}) is None
    assert parse_currency({"currency": ""}) is None
    assert parse_currency({"currency": "-"}) == UNKNOWN
    assert parse_currency({"currency": "USD"}) == "USD"
    with pytest.raises(QueryError):
        parse_currency({"currency": "dollars"})


@pytest.mark.parametrize(("wanted", "listed"), [(0, ["1"]), (1, ["1", "2"])])
def test_the_refusals_whose_reason_is_asked_for_are_those_that_the_warning_counts(
    wanted: int, listed: list[str]
) -> None:
    deals = [deal(1, PENDING), deal(2, "77"), deal(3, None), deal(4, "3")]
    named = losses(("Выбрал других", 1, 100), (None, 1, 100))
    sums = (
        *(replace(named[1], reason_id=reason_id) for reason_id in (PENDING, "77", None)),
        replace(named[0], reason_id="3"),
    )
    read = replace(refusals(*deals), by_reason=sums, reasons_wanted=wanted)
    listing = refusal_list(read, parse_filter({"pending": "1"}))
    assert [row.deal_id for row in rows_of(listing)] == listed
    assert listing.total.count == len(listed)
