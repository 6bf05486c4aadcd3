"""Real-world cases of Pipedrive, each with its right value.

Bodies are in `pipedrive/`, and in the shared folder, if there is one.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from service.config import Account
from tests.cases.desk import CASES, Desk, configured, desk

USER: Final = "board:a-password-of-some-length"
HEADERS: Final = {
    "content-type": "application/json",
    "authorization": f"Basic {base64.b64encode(USER.encode()).decode()}",
}
OWN: Final = Path(__file__).parent / "pipedrive"
SHARED: Final = CASES / "pipedrive"
SOURCES: Final = [folder for folder in (OWN, SHARED) if folder.is_dir()]
"""The folders of bodies. They hold the same shapes."""

API: Final = {"url": "https://mill.pipedrive.com", "token": "a-token"}
LEAD: Final = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"

Ledgers = Callable[[], str]


def office(**keys: Any) -> Account:
    return configured("pipedrive", webhook_secret=USER, currency="EUR", **keys)


async def post(at: Desk, *bodies: Path) -> None:
    for path in bodies:
        answer = await at.post(path.read_bytes(), HEADERS)
        assert (answer.status_code, answer.json()["status"]) == (200, "applied"), answer.text


async def losses(at: Desk) -> tuple[int, str]:
    total = (await at.snapshot())["losses"]["total"]
    return total["count"], total["amount"]


def warned(board: dict[str, Any]) -> dict[str, int]:
    return {warning["code"]: warning["count"] for warning in board["warnings"]}


def in_order(names: Sequence[str]) -> list[list[Path]]:
    """The files in every order, from each source."""
    return [
        [folder / name for name in order] for folder in SOURCES for order in itertools.permutations(names)
    ]


@pytest.mark.parametrize("bodies", in_order(["second-1-open.json", "second-2-lost.json"]))
async def test_changes_within_a_second_are_told_apart(bodies: list[Path], sqlite_ledgers: Ledgers) -> None:
    async with desk(sqlite_ledgers, office()) as at:
        await post(at, *bodies)
        value = json.loads(bodies[0].read_bytes())["data"]["value"]
        assert await losses(at) == (1, f"{value:.2f}")


@pytest.mark.parametrize(
    "bodies", in_order(["late-change-after-delete-1.json", "late-change-after-delete-2.json"])
)
async def test_a_change_before_a_deletion_in_one_second_revives_nothing(
    bodies: list[Path], sqlite_ledgers: Ledgers
) -> None:
    async with desk(sqlite_ledgers, office()) as at:
        await post(at, *bodies)
        board = await at.snapshot()
        assert board["at_risk"]["no_next_step"]["deals"] == 0
        assert await losses(at) == (0, "0.00")


UNKNOWN: Final = [OWN / "currency-custom.json", OWN / "currency-lower.json"]
UNKNOWN_SHARED: Final = [SHARED / "currency-USDT.json", SHARED / "currency-usd-lower.json"]


@pytest.mark.parametrize("body", [*UNKNOWN, *(path for path in UNKNOWN_SHARED if path.exists())])
async def test_what_is_no_currency_code_is_unknown(body: Path, sqlite_ledgers: Ledgers) -> None:
    async with desk(sqlite_ledgers, office()) as at:
        await post(at, body)
        assert await losses(at) == (1, "0.00")
        assert warned(await at.snapshot())["amount_unknown"] == 1


@pytest.mark.parametrize(
    "body",
    [path for path in (OWN / "currency-no-rate.json", SHARED / "currency-JPY.json") if path.exists()],
)
async def test_a_currency_without_a_rate_is_told(body: Path, sqlite_ledgers: Ledgers) -> None:
    async with desk(sqlite_ledgers, office()) as at:
        await post(at, body)
        assert await losses(at) == (1, "0.00")
        assert warned(await at.snapshot())["unconverted"] == 1


@pytest.mark.parametrize("folder", SOURCES)
async def test_a_lost_deal_keeps_its_day_in_another_pipeline(folder: Path, sqlite_ledgers: Ledgers) -> None:
    async with desk(sqlite_ledgers, office()) as at:
        body = folder / "lost-moved-pipeline.json"
        await post(at, body)
        day = json.loads(body.read_bytes())["data"]["lost_time"][:10]
        assert (await at.snapshot(f"{day}..{day}"))["losses"]["total"]["count"] == 1
        assert (await at.snapshot("today"))["losses"]["total"]["count"] == 0


@pytest.mark.parametrize("folder", SOURCES)
async def test_an_activity_of_an_organisation_is_a_promise_to_it(
    folder: Path, sqlite_ledgers: Ledgers
) -> None:
    async with desk(sqlite_ledgers, office()) as at:
        body = folder / "activity-of-organisation.json"
        await post(at, body)
        organization = json.loads(body.read_bytes())["data"]["org_id"]
        (client,) = (await at.snapshot())["at_risk"]["list"]
        assert (client["client_id"], len(client["tasks"])) == (f"org:{organization}", 1)


async def test_an_activity_of_nothing_is_not_on_the_board(sqlite_ledgers: Ledgers) -> None:
    async with desk(sqlite_ledgers, office()) as at:
        await post(at, OWN / "activity-of-nothing.json")
        at_risk = (await at.snapshot())["at_risk"]
        assert (at_risk["tasks"], at_risk["list"], at_risk["managers"]) == (0, (), ())


async def test_a_promise_to_a_lead_counts_like_one_on_a_deal(sqlite_ledgers: Ledgers) -> None:
    vendor = Vendor()
    value = {"amount": 700, "currency": "EUR"}
    lead = {"id": LEAD, "title": "Мельница", "value": value, "person_id": 77, "organization_id": None}
    vendor.leads = [lead]
    vendor.activities = [json.loads((OWN / "activity-of-lead.json").read_bytes())["data"]]
    async with desk(sqlite_ledgers, office(api=API), vendor) as at:
        await post(at, OWN / "activity-of-lead.json")
        (client,) = (await at.snapshot())["at_risk"]["list"]
        assert (client["client"], client["amount"]) == (f"lead:{LEAD}", "0.00")
        await at.ask()
        (client,) = (await at.snapshot())["at_risk"]["list"]
        assert (client["client_id"], client["amount"]) == ("77", "700.00")
        (task,) = client["tasks"]
        assert (task["deal_id"], task["url"]) == (f"lead:{LEAD}", f"{API['url']}/leads/inbox/{LEAD}")
        await post(at, OWN / "lead-converted.json")
        assert (await at.snapshot())["at_risk"]["list"] == ()
        vendor.leads, vendor.deals = [], [an_open_deal(5, source_lead_id=LEAD)]
        await at.reconcile()
        (client,) = (await at.snapshot())["at_risk"]["list"]
        assert (client["amount"], [task["deal_id"] for task in client["tasks"]]) == ("100.00", ["5"])


MERGED: Final = [
    "person-merge-1-deals.json",
    "person-merge-2-deals.json",
    "person-merge-3-activity.json",
    "person-merge-4-activity.json",
]
MERGERS: Final = ["person-merge-5-delete.json", "person-merge-6-change.json"]


@pytest.mark.parametrize(
    "names",
    [
        [*MERGED, *MERGERS],
        [*MERGERS, *MERGED],
        [*MERGED[:2], *reversed(MERGERS), *MERGED[2:]],
        [*MERGED, MERGERS[0]],
        [MERGERS[1], *MERGED],
    ],
)
async def test_merged_persons_are_one_client(names: list[str], sqlite_ledgers: Ledgers) -> None:
    async with desk(sqlite_ledgers, office()) as at:
        await post(at, *(OWN / name for name in names))
        (client,) = (await at.snapshot())["at_risk"]["list"]
        assert (client["client_id"], client["amount"], len(client["tasks"])) == ("77", "500.00", 2)


@pytest.mark.parametrize("folder", SOURCES)
async def test_a_byte_order_mark_is_skipped(folder: Path, sqlite_ledgers: Ledgers) -> None:
    async with desk(sqlite_ledgers, office()) as at:
        await post(at, folder / "bom.json")
        assert (await losses(at))[0] == 1


def an_open_deal(number: int, **more: object) -> dict[str, object]:
    """An open deal that nobody has touched for weeks."""
    times = {"add_time": "2026-11-01T09:00:00Z", "update_time": "2026-11-06T09:00:00Z"}
    fields = {"id": number, "title": f"Deal {number}", "status": "open", "value": 100, "currency": "EUR"}
    return {**fields, "person_id": 1, "owner_id": 21, "pipeline_id": 4, **times, **more}


class Vendor:
    """A Pipedrive with open deals, two on a page.

    Attributes:
        leads: Its leads that are not archived.
        activities: Its open activities.
        junk: What it answers once to some question: by the path and the cursor that are asked for.
    """

    def __init__(self, *deals: dict[str, object]) -> None:
        self.deals = list(deals)
        self.leads: list[dict[str, object]] = []
        self.activities: list[dict[str, object]] = []
        self.junk: dict[tuple[str, str], httpx.Response] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, query = request.url.path, request.url.params
        cursor = query.get("cursor", "")
        if (path, cursor) in self.junk and ("ids" in query or query.get("status") == "open"):
            return self.junk.pop((path, cursor))
        if path == "/api/v2/deals" and "ids" in query:
            asked = query["ids"].split(",")
            return self._list([deal for deal in self.deals if str(deal["id"]) in asked])
        if path == "/api/v2/deals" and query.get("status") == "open":
            start = int(cursor or 0)
            more = str(start + 2) if start + 2 < len(self.deals) else None
            return self._list(self.deals[start : start + 2], more)
        if path == "/api/v2/activities" and query.get("done") == "false":
            return self._list(self.activities)
        if path == "/api/v1/users":
            return httpx.Response(200, json={"success": True, "data": [{"id": 21, "name": "Anna"}]})
        if path == "/api/v1/leads":
            page = {"start": int(query["start"]), "limit": 500, "more_items_in_collection": False}
            body = {"success": True, "data": self.leads, "additional_data": {"pagination": page}}
            return httpx.Response(200, json=body)
        if path == "/api/v1/webhooks":
            return httpx.Response(200, json={"success": True, "status": "ok", "data": []})
        return self._list([])

    def _list(self, objects: list[dict[str, object]], cursor: str | None = None) -> httpx.Response:
        body = {"success": True, "data": objects, "additional_data": {"next_cursor": cursor}}
        return httpx.Response(200, json=body)


async def open_deals(at: Desk) -> int:
    """How many open deals the board has; none of them has a next step."""
    deals: int = (await at.snapshot())["at_risk"]["no_next_step"]["deals"]
    return deals


JUNK: Final = {
    "null": httpx.Response(200, content=b"null"),
    "nothing": httpx.Response(200, content=b""),
    "no data": httpx.Response(200, json={"success": True}),
    "data null": httpx.Response(200, json={"success": True, "data": None, "additional_data": None}),
    "data an object": httpx.Response(200, json={"success": True, "data": {"id": 3}}),
    "no success": httpx.Response(200, json={"success": False, "error": "x", "data": []}),
    "html": httpx.Response(200, html="<html>welcome</html>"),
    "no content": httpx.Response(204),
    "itself": httpx.Response(
        200, json={"success": True, "data": [an_open_deal(1)], "additional_data": {"next_cursor": "2"}}
    ),
    "not a cursor": httpx.Response(
        200, json={"success": True, "data": [an_open_deal(1)], "additional_data": {"next_cursor": 7}}
    ),
}


@pytest.mark.parametrize("name", JUNK)
async def test_a_junk_page_is_asked_for_again(name: str, sqlite_ledgers: Ledgers) -> None:
    vendor = Vendor(*map(an_open_deal, range(1, 5)))
    vendor.junk["/api/v2/deals", "2"] = JUNK[name]
    async with desk(sqlite_ledgers, office(api=API), vendor) as at:
        await at.ask()
        assert vendor.junk == {}
        assert await open_deals(at) == 4


@pytest.mark.parametrize("name", sorted(JUNK.keys() - {"itself", "not a cursor"}))
async def test_a_junk_answer_by_ids_deletes_nothing(name: str, sqlite_ledgers: Ledgers) -> None:
    vendor = Vendor(*map(an_open_deal, (1, 2)))
    async with desk(sqlite_ledgers, office(api=API), vendor) as at:
        await at.ask()
        assert await open_deals(at) == 2
        vendor.junk["/api/v2/deals", ""] = JUNK[name]
        vendor.deals = [an_open_deal(1)]
        assert await open_deals(at) == 2
        await at.reconcile()
        assert vendor.junk == {}
        assert await open_deals(at) == 1


async def test_a_reconciliation_finds_what_the_board_never_had(sqlite_ledgers: Ledgers) -> None:
    vendor = Vendor(*map(an_open_deal, (1, 2)))
    async with desk(sqlite_ledgers, office(api=API), vendor) as at:
        await at.ask()
        assert await open_deals(at) == 2
        vendor.deals = list(map(an_open_deal, range(1, 5)))
        await at.reconcile()
        assert await open_deals(at) == 4


@pytest.mark.parametrize("status", [301, 302, 400, 401, 402, 403, 404, 405, 410, 413, 414, 415, 422])
async def test_what_asking_again_cannot_mend_is_told(status: int, sqlite_ledgers: Ledgers) -> None:
    def refusing(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"success": False, "error": "x"})

    async with desk(sqlite_ledgers, office(api=API), refusing) as at:
        for _ in range(3):
            await at.sync.turn()  # type: ignore[union-attr]
        told = [code for code in warned(await at.snapshot()) if code.startswith("api_")]
        assert len(told) == 1
