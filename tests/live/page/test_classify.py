"""The controls of an editor on the page: what the script sends, and what it tells."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs

from playwright.sync_api import Browser, Request, Route, expect

from service.live.board.snapshot import Reason
from service.live.page import render
from service.live.page.environment import template
from tests.browser import fits_in_width, violations
from tests.live.boards import QUERY, board, board_rows, losses
from tests.live.page.html import HOSTILE, Elements, assert_harmless, text
from tests.live.screens import opened

EDITOR = QUERY._replace(editor=True)
OPEN = board_rows(refusals=losses(("Дорого", 14, 7172200), ("Далеко", 2, 900), (None, 1, 500)))


def test_a_verdict_is_sent_without_leaving_the_page_told_and_taken_back(browser: Browser) -> None:
    sent: list[Request] = []
    reply = '{{"said": "«Дорого» {kind}", "reason": "Дорого", "kind": "{kind}"}}'

    def answer(route: Route) -> None:
        sent.append(route.request)
        kind = parse_qs(route.request.post_data or "")["kind"][0]
        route.fulfill(content_type="application/json", body=reply.format(kind=kind))

    with opened(browser, EDITOR) as screen:
        page, told = screen.page, screen.page.locator("#verdict")
        page.route("**/boards/office/reasons?**", answer)
        screen.open(OPEN)
        page.get_by_role("button", name="Не считать: Дорого").click()
        expect(told.locator("span")).to_have_text("«Дорого» excluded")
        assert parse_qs(sent[0].post_data or "") == {
            "reason": ["Дорого"],
            "back": ["board"],
            "kind": ["excluded"],
        }
        assert (sent[0].headers["accept"], "lang=ru" in sent[0].url) == ("application/json", True)
        screen.change(replace(OPEN, seq=2, by_hand={"дорого": "excluded"}))
        expect(page.get_by_role("button", name="Не считать: Дорого")).to_have_count(0)
        told.get_by_role("button", name="Отменить").click()
        expect(told.locator("span")).to_have_text("«Дорого» unclassified")
        expect(told.get_by_role("button")).to_be_hidden()
        assert parse_qs(sent[1].post_data or "") == {"reason": ["Дорого"], "kind": ["unclassified"]}
        page.clock.run_for(30_000)
        expect(told).to_be_hidden()
        reply = "<p>An error of a proxy"
        page.get_by_role("button", name="В объективные: Далеко").click()
        expect(told.locator("span")).to_have_text("Не сохранилось. Попробуйте ещё раз.")
        assert fits_in_width(page, (390, 844))
        page.clock.resume()
        assert violations(page) == []


def test_a_reason_by_hand_can_be_taken_back_where_it_stands_and_the_foot_leads_to_all() -> None:
    read = replace(OPEN, by_hand={"дорого": "controllable", "бот": "excluded", "спам": "objective"})
    html = render.fragments(board(read), EDITOR)["losses-reasons"]
    assert [form["action"] for form in Elements(html).of("form")] == [
        "office/reasons?period=month&sort=amount&lang=ru"
    ] * 2
    assert "разобрано вручную Отменить" in text(html)
    assert text(html).index("Не разобрано") < text(html).index("Управляемые")
    assert "Вручную разобраны 2 причины" in text(html)
    viewers = render.fragments(board(read), QUERY)["losses-reasons"]
    assert text(viewers).index("Управляемые") < text(viewers).index("Не разобрано")
    assert (Elements(viewers).of("form"), "Вручную разобраны 2 причины" in text(viewers)) == ([], True)
    wall = render.fragments(board(read), QUERY._replace(mode="wall"))["losses-reasons"]
    assert "ручную" not in wall


def test_a_list_says_of_a_single_reason_that_the_configuration_has_it_and_of_none_where_to_enter_it() -> None:
    of_list = template("ru", "classify.html").module.of_list  # type: ignore[attr-defined]
    listed = Reason("Выбрал других", "controllable", 1, "5.00")
    assert "Управляемые: так задано в файле настроек" in text(of_list([listed], EDITOR, "", "RUB"))
    assert of_list([listed, listed], EDITOR, "", "RUB").strip() == ""
    nothing = Reason("Причина не указана", "unclassified", 1, "5.00")
    assert "Укажите причину у сделки" in text(of_list([nothing], EDITOR, "", "RUB"))
    hostile = Reason(HOSTILE, "unclassified", 1, "5.00")
    assert_harmless(of_list([hostile], EDITOR, "", "RUB"))
