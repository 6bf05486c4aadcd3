"""Real-world cases of the `standard` format, each with its right value.

Bodies are in `standard/`, and in the shared folder, if there is one.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from service.model import SECOND
from tests.adapters.posts import KEY
from tests.cases.desk import CASES, NOW, Desk, configured, desk

OWN: Final = Path(__file__).parent / "standard"
SOURCES: Final = [folder for folder in (OWN, CASES / "standard") if folder.is_dir()]
"""The folders of bodies. They hold the same shapes under the same names."""

ACCOUNT: Final = configured("standard", webhook_secret=KEY)

Ledgers = Callable[[], str]


def signed(body: bytes, prefix: str = "webhook") -> dict[str, str]:
    timestamp = str(NOW // SECOND)
    key = base64.b64decode(KEY.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, f"msg_1.{timestamp}.".encode() + body, "sha256")).decode()
    headers = {"id": "msg_1", "timestamp": timestamp, "signature": f"v1,{signature}"}
    named = {f"{prefix}-{name}": value for name, value in headers.items()}
    return {"content-type": "application/json", **named}


async def losses(at: Desk) -> tuple[int, str]:
    total = (await at.snapshot())["losses"]["total"]
    return total["count"], total["amount"]


@pytest.mark.parametrize("folder", SOURCES)
async def test_the_headers_of_svix_are_taken(folder: Path, sqlite_ledgers: Ledgers) -> None:
    body = (folder / "svix.json").read_bytes()
    async with desk(sqlite_ledgers, ACCOUNT) as at:
        forged = await at.post(body, {**signed(body, "svix"), "svix-signature": "v1,AAAA"})
        assert forged.status_code == 401
        first, again = [await at.post(body, signed(body, "svix")) for _ in range(2)]
        assert (first.json()["status"], again.json()["status"]) == ("applied", "duplicate")
        assert await losses(at) == (1, json.loads(body)["data"]["amount"])


@pytest.mark.parametrize("folder", SOURCES)
async def test_a_byte_order_mark_is_skipped(folder: Path, sqlite_ledgers: Ledgers) -> None:
    body = (folder / "bom.json").read_bytes()
    async with desk(sqlite_ledgers, ACCOUNT) as at:
        assert (await at.post(body, signed(body))).json()["status"] == "applied"
        assert (await losses(at))[0] == 1


@pytest.mark.parametrize("folder", SOURCES)
async def test_a_number_is_read_by_its_digits(folder: Path, sqlite_ledgers: Ledgers) -> None:
    body = (folder / "float-amount.json").read_bytes()
    async with desk(sqlite_ledgers, ACCOUNT) as at:
        assert (await at.post(body, signed(body))).json()["status"] == "applied"
        amount = json.loads(body)["data"]["amount"]
        assert await losses(at) == (1, f"{amount:.2f}")
        assert (await at.snapshot())["losses"]["controllable"]["count"] == 1


@pytest.mark.parametrize("folder", SOURCES)
async def test_a_deal_closed_in_year_1_is_in_quarantine_and_told(
    folder: Path, sqlite_ledgers: Ledgers
) -> None:
    body = (folder / "closed-in-year-1.json").read_bytes()
    async with desk(sqlite_ledgers, ACCOUNT) as at:
        answer = await at.post(body, signed(body))
        assert (answer.status_code, answer.json()["status"]) == (200, "quarantined")
        assert len(await at.quarantined()) == 1
        warnings = (await at.snapshot())["warnings"]
        assert [warning["count"] for warning in warnings if warning["code"] == "quarantine"] == [1]


@pytest.mark.parametrize("folder", SOURCES)
async def test_of_one_moment_the_later_event_of_the_array_counts(
    folder: Path, sqlite_ledgers: Ledgers
) -> None:
    body = (folder / "same-moment-twice.json").read_bytes()
    async with desk(sqlite_ledgers, ACCOUNT) as at:
        assert (await at.post(body, signed(body))).json()["status"] == "applied"
        assert await losses(at) == (0, "0.00")
