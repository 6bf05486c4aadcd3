"""Pipedrive bodies: our samples with their changes and needs written by hand, captured bodies, and a plain
reading of a body that does not use the adapter.

`LOSSBOARD_CAPTURES` names a folder of captured bodies; those in its subfolder `pipedrive` are read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from service.model import Change, Instant, Need, Value
from tests.adapters.posts import utc

SAMPLES: Final = Path(__file__).parent / "samples"
OFF_THE_BOARD: Final = ("deal_archived_open",)
"""Samples of objects that exist in the CRM but not on the board."""

_PAGE: Final = "https://zerno.pipedrive.com"


def captured() -> dict[str, bytes]:
    """The captured bodies by file name; none without captures."""
    root = os.environ.get("LOSSBOARD_CAPTURES")
    folder = Path(root) / "pipedrive" if root else None
    return {path.stem: path.read_bytes() for path in sorted(folder.iterdir())} if folder else {}


def bodies() -> dict[str, bytes]:
    """Our samples and the captured bodies."""
    return {path.stem: path.read_bytes() for path in sorted(SAMPLES.iterdir())} | captured()


def plain(body: bytes) -> tuple[str, str, bool, dict[str, Value]] | None:
    """The entity, id, whether it was deleted, and the fields that are copied as they are; None for a kind of
    object other than deals, leads and activities."""
    event = json.loads(body, parse_float=Decimal)
    meta = event["meta"]
    kind, action = meta.get("entity") or meta["object"], meta["action"]
    sent: dict[str, Any] = event.get("data") or event.get("current") or event["previous"]
    if kind == "lead":
        worth = sent["value"]
        read = {"amount": int(worth["amount"] * 100), "currency": worth["currency"]}
        return "deal", f"lead:{sent['id']}", False, {"name": sent["title"], "status": "open", **read}
    if kind not in ("deal", "activity"):
        return None
    entity = {"deal": "deal", "activity": "task"}[kind]
    if action.startswith("delete"):
        return entity, str(sent["id"]), True, {}
    if kind == "activity":
        return entity, str(sent["id"]), False, {"text": sent["subject"], "completed": sent["done"]}
    amount = int(sent["value"] * (1 if sent["currency"] == "JPY" else 100))
    copied = {"name": sent["title"], "status": sent["status"], "currency": sent["currency"]}
    return entity, str(sent["id"]), False, {**copied, "amount": amount}


def _deal(deal_id: str, moment: str, **fields: Value) -> Change:
    usual: dict[str, Value] = {
        "known": True,
        "status": "open",
        "closed_at": None,
        "amount": 518400,
        "currency": "RUB",
        "reason_id": None,
        "client_id": "7",
        "manager_id": "3301",
        "pipeline_id": "2",
        "url": f"{_PAGE}/deal/{deal_id}",
    }
    return Change("deal", deal_id, utc(moment), {**usual, **fields})


def _task(task_id: str, moment: str, **fields: Value) -> Change:
    usual: dict[str, Value] = {
        "text": "позвонить",
        "completed": False,
        "completed_at": None,
        "manager_id": "3302",
        "deal_id": "501",
        "client_id": None,
        "due_at": utc("2026-11-22 20:59:59"),
        "url": f"{_PAGE}/deal/501",
    }
    return Change("task", task_id, utc(moment), {**usual, **fields})


def _named(entity: Any, entity_id: str, moment: str, name: str) -> Change:
    return Change(entity, entity_id, utc(moment), {"name": name})


def _deletion(entity: Any, entity_id: str, moment: str) -> Change:
    return Change(entity, entity_id, utc(moment), deleted=True)


_NINE_THIRTY: Final[Instant] = utc("2026-11-23 09:30:00")

EXPECTED: Final[Mapping[str, list[Change | Need]]] = {
    "deal_create": [_deal("501", "2026-11-20 07:15:01.120", name="Кофе, 2 кг")],
    "deal_lost": [
        _deal(
            "502",
            "2026-11-21 08:00:05.480",
            name="Абонемент",
            status="lost",
            closed_at=utc("2026-11-21 08:00:05"),
            amount=12761350,
            reason_id="выбрал других",
        ),
        _named("reason", "выбрал других", "2026-11-21 08:00:05.480", "Выбрал других"),
    ],
    "deal_won_by_organization": [
        _deal(
            "503",
            "2026-11-21 09:00:00.200",
            name="Оптовый заказ",
            status="won",
            closed_at=utc("2026-11-21 09:00:00"),
            amount=9000,
            currency="JPY",
            client_id="org:12",
        )
    ],
    "deal_archived_lost": [
        _deal(
            "504",
            "2026-11-21 10:00:00.300",
            name="Старая заявка",
            status="lost",
            closed_at=utc("2026-05-02 10:00:00"),
        )
    ],
    "deal_archived_open": [_deletion("deal", "505", "2026-11-21 11:00:00.300")],
    "deal_delete": [_deletion("deal", "506", "2026-11-21 12:00:00.335")],
    "deal_delete_merged": [
        _deletion("deal", "507", "2026-11-21 12:30:00.100"),
        Change("merger", "deal 507", utc("2026-11-21 12:30:00.100"), {"into_id": "501"}),
        Need("deal", "501"),
    ],
    "lead_change": [
        Change(
            "deal",
            "lead:7c9e6679-7425-40de-944b-e07fc1f90ae7",
            utc("2026-11-22 14:00:00.754"),
            {
                "known": True,
                "status": "open",
                "amount": 12300,
                "currency": "RUB",
                "name": "Мука, первый заказ",
                "client_id": "7",
                "manager_id": "3301",
                "url": f"{_PAGE}/leads/inbox/7c9e6679-7425-40de-944b-e07fc1f90ae7",
            },
        )
    ],
    "activity_create": [_task("902", "2026-11-20 07:20:00.461")],
    "activity_timed": [_task("903", "2026-11-21 09:00:00.700", due_at=_NINE_THIRTY)],
    "activity_done": [
        _task(
            "903",
            "2026-11-23 09:50:01.310",
            completed=True,
            completed_at=utc("2026-11-23 09:50:00"),
            due_at=_NINE_THIRTY,
        )
    ],
    "activity_on_organization": [
        _task(
            "904",
            "2026-11-20 07:20:00.900",
            text="отправить договор",
            deal_id=None,
            client_id="org:12",
            due_at=None,
            url=f"{_PAGE}/organization/12",
        )
    ],
    "activity_on_person": [
        _task(
            "905",
            "2026-11-20 07:20:00.950",
            text="встреча",
            deal_id=None,
            client_id="7",
            url=f"{_PAGE}/person/7",
        )
    ],
    "activity_on_nothing": [_task("906", "2026-11-20 07:20:00.990", text="обед", deal_id=None, url=None)],
    "activity_delete": [_deletion("task", "907", "2026-11-21 15:29:10.654")],
    "person_change": [
        Change(
            "client", "7", utc("2026-11-22 12:00:00.200"), {"name": "Иван Петров", "phone": "+79000000000"}
        )
    ],
    "person_delete": [_deletion("client", "8", "2026-11-22 12:10:00.200")],
    "organization_create": [_named("client", "org:12", "2026-11-22 12:05:00.900", "ООО «Зерно»")],
    "user_change": [_named("manager", "3302", "2026-11-22 13:00:00.500", "Анна")],
    "pipeline_change": [_named("pipeline", "2", "2026-11-22 13:30:00.100", "Продажи")],
    "v1_deal_updated": [
        _deal(
            "511",
            "2026-11-21 08:00:05.322662",
            name="Чай",
            status="lost",
            closed_at=utc("2026-11-21 08:00:05"),
            amount=518410,
            reason_id="не отвечает более 3-х раз",
        ),
        _named(
            "reason", "не отвечает более 3-х раз", "2026-11-21 08:00:05.322662", "Не отвечает более 3-х раз"
        ),
        _named("client", "7", "2026-11-21 08:00:05.322662", "Иван Петров"),
        _named("manager", "3301", "2026-11-21 08:00:05.322662", "Олег"),
    ],
    "v1_deal_deleted": [_deletion("deal", "512", "2026-11-21 08:01:05.322662")],
    "v1_deal_merged_nested": [
        _deal("513", "2026-11-21 08:10:00.100000", name="Слитая", amount=0, client_id="org:12"),
        _named("client", "org:12", "2026-11-21 08:10:00.100000", "ООО «Зерно»"),
        _named("manager", "3301", "2026-11-21 08:10:00.100000", "Олег"),
    ],
    "v1_activity_updated": [
        _task(
            "913",
            "2026-11-21 09:00:00.700000",
            text="позвонить ещё раз",
            deal_id="511",
            due_at=_NINE_THIRTY,
            url=f"{_PAGE}/deal/511",
        ),
        _named("manager", "3302", "2026-11-21 09:00:00.700000", "Анна"),
    ],
    "v1_user_updated": [_named("manager", "3301", "2026-11-22 13:00:00.500000", "Олег Иванов")],
}
