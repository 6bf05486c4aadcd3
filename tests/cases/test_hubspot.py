"""Real-world cases of HubSpot, each with its right value: our own bodies, and those beside the checkout."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.config import Account
from tests.adapters.hubspot.posts import event, signed
from tests.cases.desk import CASES, NOW, Desk, Vendor, configured, desk

SECRET = "hubspot-client-secret"
ADDRESS = "https://board.example/webhooks/office"
OPEN_STAGES = (
    "appointmentscheduled",
    "qualifiedtobuy",
    "presentationscheduled",
    "decisionmakerboughtin",
    "contractsent",
)

Ledgers = Callable[[], str]

bodies = pytest.mark.parametrize(
    "bodies",
    [folder for folder in (Path(__file__).parent / "hubspot", CASES / "hubspot") if folder.is_dir()],
    ids=lambda folder: "shared" if folder.parent == CASES else "own",
)
"""Each case is fed from every folder that has its bodies."""


def hubspot(*, asks: bool = False, **options: str) -> Account:
    """The account; with `asks`, one whose API is asked."""
    api = {"api": {"token": "pat"}} if asks else {}
    return configured("hubspot", webhook_secret=SECRET, hubspot=options, **api)


async def post(at: Desk, body: bytes) -> None:
    """Post a webhook that is authentic and stored."""
    headers = {"content-type": "application/json", **signed(body, ADDRESS, at.clock.now(), SECRET)}
    answer = await at.post(body, headers)
    assert answer.status_code == 200, answer.text


def changed(deal: str, property_name: str, value: str) -> dict[str, Any]:
    """A change of a deal's property, a minute before the moment of the cases."""
    return event(
        "deal.propertyChange",
        objectId=int(deal),
        occurredAt=NOW // 1000 - 60_000,
        propertyName=property_name,
        propertyValue=value,
    )


def packed(*events: Any) -> bytes:
    return json.dumps(events, ensure_ascii=False).encode()


def lost(board: Mapping[str, Any]) -> tuple[int, str]:
    total = board["losses"]["total"]
    return total["count"], total["amount"]


def at_risk(board: Mapping[str, Any]) -> tuple[int, str, int]:
    risk = board["at_risk"]
    return risk["clients"], risk["amount"], risk["tasks"]


def reasons(board: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    return [(row["reason"], row["kind"], row["count"]) for row in board["losses"]["reasons"]]


def told(board: Mapping[str, Any]) -> dict[str, int]:
    """The warnings, by code, without that reasons are still to be classified by the office."""
    return {warning["code"]: warning["count"] for warning in board["warnings"]}


def answering(answers: Mapping[str, bytes]) -> Vendor:
    """A vendor that answers a call by the end of its path, and any other with an empty list."""

    def answer(request: httpx.Request) -> httpx.Response:
        for path, body in answers.items():
            if request.url.path.endswith(path):
                return httpx.Response(200, content=body)
        return httpx.Response(200, json={"status": "COMPLETE", "total": 0, "results": []})

    return answer


DEALS = "/deals/batch/read"


def of_deals(bodies: Path, name: str, **more: bytes) -> Vendor:
    """A vendor that answers the question for deals with a case."""
    definition = (bodies / "property-lost-reason.json").read_bytes()
    return answering(
        {
            "/contacts/batch/read": b'{"status": "COMPLETE", "results": []}',
            "/associations/2026-09/deals/companies/batch/read": b'{"status": "COMPLETE", "results": []}',
            "/objects/2026-09" + DEALS: (bodies / name).read_bytes(),
            "/deals/lost_reason": definition,
            **more,
        }
    )


async def ask_for(at: Desk, *deals: str) -> dict[str, Any]:
    """Hear of deals, ask for them, and read the board."""
    await post(at, packed(*(changed(deal, "dealname", "x") for deal in deals)))
    await at.ask()
    return await at.snapshot()


@bodies
@pytest.mark.parametrize("stage", OPEN_STAGES)
async def test_a_deal_that_goes_back_to_a_stage_of_the_default_pipeline_is_open(
    stage: str, bodies: Path, sqlite_ledgers: Ledgers
) -> None:
    body = (bodies / "reopened.json").read_bytes()
    assert OPEN_STAGES[0].encode() in body
    async with desk(sqlite_ledgers, hubspot()) as at:
        await post(at, body.replace(OPEN_STAGES[0].encode(), stage.encode()))
        assert lost(await at.snapshot()) == (0, "0.00")


@bodies
async def test_a_planned_closing_date_is_no_closing_date(bodies: Path, sqlite_ledgers: Ledgers) -> None:
    async with desk(sqlite_ledgers, hubspot()) as at:
        await post(at, (bodies / "planned-closedate.json").read_bytes())
        assert lost(await at.snapshot("today")) == (1, "50.00")


@bodies
@pytest.mark.parametrize("case", ["deal-reason-option-value.json", "deal-reason-checkboxes.json"])
async def test_a_choice_is_shown_by_its_label_and_several_by_the_first(
    case: str, bodies: Path, sqlite_ledgers: Ledgers
) -> None:
    account = hubspot(asks=True, reason_field="lost_reason")
    async with desk(sqlite_ledgers, account, of_deals(bodies, case)) as at:
        assert reasons(await ask_for(at, "42")) == [("Выбрал других", "controllable", 1)]


@bodies
async def test_a_deal_that_the_answer_says_is_gone_is_deleted(bodies: Path, sqlite_ledgers: Ledgers) -> None:
    vendor = of_deals(bodies, "deals-207-missing.json")
    async with desk(sqlite_ledgers, hubspot(asks=True), vendor) as at:
        board = await ask_for(at, "42", "43")
        assert lost(board) == (1, "5184.00")
        assert board["at_risk"]["no_next_step"]["deals"] == 0
        assert await at.quarantined() == []


@bodies
async def test_no_chosen_currency_is_the_accounts(bodies: Path, sqlite_ledgers: Ledgers) -> None:
    vendor = of_deals(bodies, "deal-currency-unassigned.json")
    async with desk(sqlite_ledgers, hubspot(asks=True), vendor) as at:
        board = await ask_for(at, "42")
        assert lost(board) == (1, "5184.00")
        assert told(board) == {}


@bodies
async def test_what_a_merged_contact_is_linked_to_is_the_kept_ones(
    bodies: Path, sqlite_ledgers: Ledgers
) -> None:
    before, merge = ((bodies / f"contact-merge-{number}.json").read_bytes() for number in (1, 2))
    async with desk(sqlite_ledgers, hubspot()) as at:
        await post(at, before)
        assert at_risk(await at.snapshot()) == (2, "300.00", 2)
        await post(at, merge)
        board = await at.snapshot()
        assert at_risk(board) == (1, "300.00", 2)
        (client,) = board["at_risk"]["list"]
        assert (client["client_id"], len(client["tasks"])) == ("5", 2)
    async with desk(sqlite_ledgers, hubspot()) as at:
        for body in (merge, before):
            await post(at, body)
        assert at_risk(await at.snapshot()) == (1, "300.00", 2)


@bodies
async def test_a_byte_order_mark_before_a_body_is_skipped(bodies: Path, sqlite_ledgers: Ledgers) -> None:
    body = (bodies / "bom.json").read_bytes()
    assert body.startswith(b"\xef\xbb\xbf")
    async with desk(sqlite_ledgers, hubspot()) as at:
        await post(at, body)
        assert lost(await at.snapshot())[0] == 1


@bodies
async def test_bad_events_cost_their_neighbours_nothing_and_are_told(
    bodies: Path, sqlite_ledgers: Ledgers
) -> None:
    async with desk(sqlite_ledgers, hubspot()) as at:
        await post(at, (bodies / "batch-with-bad-events.json").read_bytes())
        board = await at.snapshot()
        assert lost(board) == (2, "100.50")
        assert [held.part for held in await at.quarantined()] == [2, 3, 4]
        assert told(board)["quarantine"] == 1


@bodies
async def test_a_planned_date_that_nobody_moved_is_not_believed(
    bodies: Path, sqlite_ledgers: Ledgers
) -> None:
    vendor = of_deals(bodies, "deal-lost-closedate-future.json")
    async with desk(sqlite_ledgers, hubspot(asks=True), vendor) as at:
        await ask_for(at, "42")
        assert lost(await at.snapshot("2026-11-20..2026-11-20")) == (1, "5184.00")
        assert lost(await at.snapshot("2027-01-01..2027-12-31"))[0] == 0


async def test_a_reason_field_that_does_not_exist_is_told(sqlite_ledgers: Ledgers) -> None:
    """HubSpot leaves a property that does not exist out of its answers, and says 404 when asked for it."""
    account = hubspot(asks=True, reason_field="lots_reason")
    sent = {"hs_is_closed": "true", "hs_is_closed_won": "false", "hs_is_closed_lost": "true", "amount": "10"}
    deals = [
        {"id": str(id), "properties": sent, "updatedAt": "2026-11-20T10:00:00Z", "archived": False}
        for id in range(1, 26)
    ]
    batch = json.dumps({"status": "COMPLETE", "results": deals}).encode()

    def vendor(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/properties/2026-09/deals/lots_reason"):
            missing = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "-"}
            return httpx.Response(404, json=missing)
        return answering({"/objects/2026-09" + DEALS: batch})(request)

    async with desk(sqlite_ledgers, account, vendor) as at:
        board = await ask_for(at, *(str(id) for id in range(1, 26)))
        assert lost(board) == (25, "250.00")
        (warning,) = (one for one in board["warnings"] if one["code"] == "reason_field")
        assert warning["subject"] == "lots_reason"
        assert await at.quarantined() == []


JUNK = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b"<html></html>",
    b'{"status": "error", "category": "INTERNAL_ERROR", "message": "-"}',
    b'{"status": "COMPLETE"}',
    b'{"status": "COMPLETE", "results": []}',
    b'{"status": "COMPLETE", "results": [], "errors": [{"status": "error", "category": "INTERNAL_ERROR"}]}',
    b'{"status": "PENDING", "results": []}',
)


def known_deal(deal: str) -> dict[str, Any]:
    """An open deal, as the API answers it."""
    sent = {
        "amount": "10",
        "hs_is_closed": "false",
        "hs_is_closed_won": "false",
        "hs_is_closed_lost": "false",
    }
    return {"id": deal, "properties": sent, "updatedAt": "2026-11-20T10:00:00Z", "archived": False}


@pytest.mark.parametrize("junk", JUNK, ids=str)
async def test_junk_deletes_nothing_and_the_question_is_asked_again(
    junk: bytes, sqlite_ledgers: Ledgers
) -> None:
    deals = [known_deal("1"), known_deal("2")]
    answers = [junk, json.dumps({"status": "COMPLETE", "results": deals}).encode()]

    def vendor(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/objects/2026-09" + DEALS):
            return httpx.Response(200, content=answers.pop(0) if len(answers) > 1 else answers[0])
        return answering({})(request)

    async with desk(sqlite_ledgers, hubspot(asks=True), vendor) as at:
        await post(at, packed(changed("1", "amount", "10"), changed("2", "amount", "10")))
        while len(answers) > 1:
            assert at.sync is not None
            await at.sync.turn()
        assert (await at.snapshot())["at_risk"]["no_next_step"] == {"deals": 2, "amount": "20.00"}
        await at.ask()
        assert (await at.snapshot())["at_risk"]["no_next_step"] == {"deals": 2, "amount": "20.00"}
        assert sum(request.url.path.endswith("/objects/2026-09" + DEALS) for request in at.asked) >= 2
        assert await at.quarantined() == []


@pytest.mark.parametrize(
    "junk",
    [*JUNK[:7], b'{"results": [], "paging": {"next": {"after": "2"}}}', b'{"results": [{"id": "3"'],
    ids=str,
)
async def test_no_backfill_ends_with_a_junk_page(junk: bytes, sqlite_ledgers: Ledgers) -> None:
    pages = [
        json.dumps(
            {"results": [known_deal("1"), known_deal("2")], "paging": {"next": {"after": "2"}}}
        ).encode(),
        junk,
        json.dumps({"results": [known_deal("3"), known_deal("4")]}).encode(),
    ]

    def vendor(request: httpx.Request) -> httpx.Response:
        listing = request.method == "GET" and request.url.path.endswith("/objects/2026-09/deals")
        if listing and "archived=false" in str(request.url):
            return httpx.Response(200, content=pages.pop(0))
        return answering({})(request)

    async with desk(sqlite_ledgers, hubspot(asks=True), vendor) as at:
        await at.ask()
        assert pages == []
        assert (await at.snapshot())["at_risk"]["no_next_step"]["deals"] == 4
        assert (await at.state()).synced_at is not None
        assert await at.quarantined() == []


@pytest.mark.parametrize(
    ("status", "category", "code"),
    [
        (401, "EXPIRED_AUTHENTICATION", "api_token"),
        (403, "INVALID_AUTHENTICATION", "api_token"),
        (403, "MISSING_SCOPES", "api_forbidden"),
        (400, "VALIDATION_ERROR", "api_rejected"),
        (402, "-", "api_unpaid"),
        (301, "-", "api_moved"),
    ],
)
async def test_what_somebody_must_mend_is_told(
    status: int, category: str, code: str, sqlite_ledgers: Ledgers
) -> None:
    def vendor(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"status": "error", "category": category, "message": "-"})

    async with desk(sqlite_ledgers, hubspot(asks=True), vendor) as at:
        assert at.sync is not None
        for _ in range(3):
            await at.sync.turn()
        assert code in told(await at.snapshot())
