"""Classifying a reason by hand: by an editor's page or by JSON, seen at once, and by no other site's page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final
from urllib.parse import urljoin

import httpx
import pytest

from service.live.http.access import cookie_value
from service.live.stream.hub import Hub
from service.model import Change, Value
from tests.ledger.offices import Ledger
from tests.live.boards import NOW
from tests.live.http.door import Door, account, door
from tests.live.page.html import Elements, text

PATH: Final = "/boards/office/reasons"
OWN: Final = {"origin": "http://127.0.0.1"}
FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
PUBLIC: Final = "https://board.example/lossboard"
EDITOR: Final = "an editor's"
REASONS: Final = ("Дорого", "Далеко", "Спам")


def lost(number: int, name: str) -> tuple[Change, Change]:
    fields: dict[str, Value] = {"known": True, "status": "lost", "closed_at": NOW, "amount": 500 * 10**number}
    return (
        Change("deal", str(number), NOW, {**fields, "reason_id": str(number)}),
        Change("reason", str(number), NOW, {"name": name}),
    )


@pytest.fixture
async def opened(sqlite_ledgers: Callable[[], str]) -> AsyncIterator[Door]:
    url = sqlite_ledgers()
    ledger = Ledger(url, NOW)
    ledger.say(*(change for number, name in enumerate(REASONS, 1) for change in lost(number, name)))
    ledger.close()
    async with door(url, accounts=[account("office", public_url=PUBLIC)]) as service:
        yield service


def cookie(opened: Door, proof: Any = EDITOR) -> dict[str, str]:
    return {"cookie": f"lossboard_office={cookie_value('office', opened.tokens[proof])}"}


async def send(opened: Door, body: str, path: str = PATH, **headers: str) -> httpx.Response:
    """Post a form, by default as the editor's own page does."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with opened.client() as client:
        return await client.post(path, content=body, headers={**FORM, **OWN, **cookie(opened), **named})


async def see(opened: Door, path: str, proof: str = EDITOR) -> httpx.Response:
    async with opened.client() as client:
        return await client.get(path, headers=cookie(opened, proof))


async def losses(opened: Door) -> dict[str, Any]:
    shown: dict[str, Any] = (await see(opened, "/boards/office/snapshot", "right")).json()["losses"]
    return shown


def forms(html: str) -> list[Mapping[str, str | None]]:
    return [form for form in Elements(html).of("form") if form.get("method") == "post"]


async def test_a_verdict_moves_the_money_of_every_view_and_can_be_taken_back(
    opened: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await losses(opened)
    assert (before["unclassified"]["amount"], before["total"]["amount"]) == ("550.00", "550.00")
    answer = await send(opened, "reason=+дорого&kind=controllable", "/boards/office/reasons?lang=en")
    assert answer.json() == {
        "reason": "дорого",
        "kind": "controllable",
        "said": "“дорого” now counts as avoidable",
    }
    after = await losses(opened)
    assert (after["controllable"]["amount"], after["unclassified"]["amount"]) == ("50.00", "500.00")
    assert after["reasons"][0] == {
        "reason": "Дорого",
        "kind": "controllable",
        "count": 1,
        "amount": "50.00",
        "by_hand": True,
    }
    assert "Дорого" in (await see(opened, "/boards/office/deals.csv?kind=controllable")).text
    await send(opened, "reason=Далеко&kind=excluded")
    assert ((await losses(opened))["total"]["amount"], (await losses(opened))["by_hand"]) == ("50.00", 2)
    assert "Далеко" not in (await see(opened, "/boards/office/deals.csv")).text
    for reason in ("Дорого", "Далеко"):
        await send(opened, f"reason={reason}&kind=unclassified")
    assert await losses(opened) == before


async def test_open_boards_are_told_at_once(
    sqlite_ledgers: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Mapping[str, int]] = []
    monkeypatch.setattr(Hub, "on_seq", lambda _hub, seqs: told.append(seqs))
    async with door(sqlite_ledgers()) as opened:
        await send(opened, "reason=Дорого&kind=excluded")
        assert {"office": 1} in told


FOREIGN: Final[tuple[dict[str, str], ...]] = (
    {},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:8000"},
    {"origin": "http://evil.example", "referer": "http://127.0.0.1/"},
    {"origin": "http://127.0.0.1", "sec-fetch-site": "cross-site"},
    {"origin": "http://127.0.0.1", "sec-fetch-site": "same-site"},
    {"authorization": "Basic YTpi"},
)
ITS_OWN: Final[tuple[dict[str, str], ...]] = (
    {"origin": "http://127.0.0.1"},
    {"origin": "https://127.0.0.1"},
    {"origin": "https://board.example"},
    {"origin": "null", "sec-fetch-site": "same-origin"},
)


async def test_another_sites_page_cannot_classify(opened: Door) -> None:
    async with opened.client() as client:
        for headers in (*FOREIGN, *ITS_OWN):
            sent = {**FORM, **cookie(opened), **headers}
            answer = await client.post(PATH, content="reason=Дорого&kind=excluded", headers=sent)
            assert answer.status_code == (403 if headers in FOREIGN else 200), headers
            assert (await losses(opened))["by_hand"] == (headers in ITS_OWN)
            await send(opened, "reason=Дорого&kind=unclassified")


async def test_a_program_classifies_by_json_and_a_bearer_token(opened: Door) -> None:
    bearer = {"authorization": f"Bearer {opened.tokens[EDITOR]}"}
    async with opened.client() as client:
        answer = await client.post(PATH, json={"reason": "Дорого", "kind": "objective"}, headers=bearer)
        assert answer.json()["kind"] == "objective"
        for body, status in (
            ({"reason": "Дорого"}, 400),
            ({"reason": "Дорого", "kind": "none"}, 400),
            ({"reason": " ", "kind": "excluded"}, 400),
            ({"reason": "Причина не указана", "kind": "excluded"}, 400),
            ({"reason": "а\x00б", "kind": "excluded"}, 400),
            ({"reason": "а" * 5000, "kind": "excluded"}, 400),
            ({"reason": "а" * 9000, "kind": "excluded"}, 413),
            ({"reason": 5, "kind": "excluded"}, 400),
            (["Дорого"], 400),
            ({"reason": "спам", "kind": "objective"}, 409),
            ({"reason": "спам", "kind": "unclassified"}, 200),
        ):
            assert (await client.post(PATH, json=body, headers=bearer)).status_code == status, body
        plain = {**bearer, "content-type": "text/plain"}
        assert (await client.post(PATH, content="reason=a&kind=excluded", headers=plain)).status_code == 415
        bad = {**bearer, **FORM}
        assert (await client.post(PATH, content=b"reason=\xff&kind=excluded", headers=bad)).status_code == 400
    assert (await losses(opened))["by_hand"] == 1


async def test_there_is_an_end_to_it(opened: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.ledger.upkeep.classify.MOST", 0)
    assert (await send(opened, "reason=Дорого&kind=excluded")).status_code == 409


async def test_a_body_that_does_not_come_is_not_waited_for(
    opened: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.live.http.forms.BODY_SECONDS", 0)

    async def endless() -> AsyncIterator[bytes]:
        yield b"reason="
        await asyncio.Event().wait()

    async with opened.client() as client:
        answer = await client.post(PATH, content=endless(), headers={**FORM, **OWN, **cookie(opened)})
    assert answer.status_code == 408


async def test_a_browser_without_a_script_comes_back_to_its_page(opened: Door) -> None:
    html = {"accept": "text/html,*/*"}
    for back, kept, page in (
        ("board", "period=week&lang=ru", "../office?period=week&lang=ru"),
        ("deals", "kind=unclassified&token_of=x", "deals?kind=unclassified"),
        ("reasons", "", "reasons"),
    ):
        path = f"{PATH}?{kept}" if kept else PATH
        answer = await send(opened, f"reason=Дорого&kind=excluded&back={back}", path, **html)
        assert (answer.status_code, answer.headers["location"]) == (303, page)
        assert (await see(opened, urljoin(path, page))).status_code == 200
    assert (await send(opened, "reason=a&kind=excluded&back=//evil.example", **html)).status_code == 400
    refused = await send(opened, "reason=a&kind=excluded", **html, **cookie(opened, "right"))
    assert (refused.status_code, refused.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert "This link only shows the board" in text(refused.text)


async def test_only_an_editors_desk_has_controls_also_of_pages_that_are_made_together(opened: Door) -> None:
    asked = [(EDITOR, ""), ("right", ""), ("a screen's", ""), (EDITOR, "?mode=wall")] * 3
    pages = await asyncio.gather(*(see(opened, f"/boards/office{query}", proof) for proof, query in asked))
    for (proof, query), page in zip(asked, pages, strict=True):
        is_editors = (proof, query) == (EDITOR, "")
        assert bool(forms(page.text)) == is_editors
        assert ("classify.js" in page.text) == is_editors
    editors = pages[0].text
    actions = {urljoin("/boards/office", form["action"] or "").partition("?")[0] for form in forms(editors)}
    assert actions == {PATH}
    assert len(forms(editors)) == 3  # two unclassified reasons, and what tells of a verdict


async def test_the_lists_of_an_editor_have_them_too_and_the_page_says_who_and_when(opened: Door) -> None:
    listed = await see(opened, "/boards/office/deals?kind=unclassified&lang=en")
    assert len(forms(listed.text)) == 2
    assert forms((await see(opened, "/boards/office/deals", "right")).text) == []
    await send(opened, "reason=Дорого&kind=excluded")
    page = await see(opened, "/boards/office/reasons?lang=en")
    assert "Дорого" in text(page.text)
    assert "desk 10:00:00" in text(page.text)
    assert len(forms(page.text)) == 1
    viewers = await see(opened, "/boards/office/reasons?lang=en", "right")
    assert "Not counted" in text(viewers.text)
    assert forms(viewers.text) == []
