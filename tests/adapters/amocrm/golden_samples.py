"""What each body in `samples/` says, written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from service.model import Change
from tests.adapters.posts import NOW, utc

_PAGE: Final = "https://zerno.amocrm.ru"

EXPECTED: Final[Mapping[str, tuple[Change, ...]]] = {
    "lead_add": (
        Change(
            "deal",
            "5000101",
            utc("2026-11-20 07:15:00"),
            {
                "known": True,
                "name": "Кофе, 2 кг",
                "status": "open",
                "amount": 518400,
                "manager_id": "3301",
                "pipeline_id": "7001",
                "url": f"{_PAGE}/leads/detail/5000101",
            },
        ),
    ),
    "lead_update": (
        Change(
            "deal",
            "5000102",
            utc("2026-11-21 08:00:05"),
            {
                "known": True,
                "name": "Абонемент",
                "status": "open",
                "amount": 120050,
                "manager_id": "3302",
                "pipeline_id": "7001",
                "url": f"{_PAGE}/leads/detail/5000102",
            },
        ),
    ),
    "lead_status": (
        Change(
            "deal",
            "5000102",
            utc("2026-11-21 08:00:05"),
            {
                "known": True,
                "name": "Абонемент",
                "status": "lost",
                "amount": 120050,
                "manager_id": "3302",
                "pipeline_id": "7001",
                "url": f"{_PAGE}/leads/detail/5000102",
            },
        ),
    ),
    "lead_responsible": (
        Change(
            "deal",
            "5000102",
            utc("2026-11-21 08:10:00"),
            {
                "known": True,
                "name": "Абонемент",
                "status": "open",
                "amount": 120000,
                "manager_id": None,
                "pipeline_id": "7001",
                "url": f"{_PAGE}/leads/detail/5000102",
            },
        ),
    ),
    "lead_delete_typed": (Change("deal", "5000103", NOW, deleted=True),),
    "lead_restore_empty_price": (
        Change(
            "deal",
            "5000103",
            NOW,
            {
                "known": True,
                "name": "Пробное занятие",
                "status": "open",
                "amount": 0,
                "manager_id": "3301",
                "pipeline_id": "7001",
                "url": f"{_PAGE}/leads/detail/5000103",
            },
        ),
    ),
    "lead_add_account_first": (
        Change(
            "deal",
            "5000104",
            utc("2026-11-22 10:00:01"),
            {
                "known": True,
                "name": "Тест (не звонить)",
                "status": "open",
                "amount": 0,
                "manager_id": "3301",
                "pipeline_id": "7001",
                "url": f"{_PAGE}/leads/detail/5000104",
            },
        ),
    ),
    "lead_update_by_robot": (
        Change(
            "deal",
            "5000104",
            utc("2026-11-22 10:00:02"),
            {
                "known": True,
                "name": "Тест (не звонить)",
                "status": "won",
                "amount": 90000,
                "manager_id": "3301",
                "pipeline_id": "7001",
                "url": f"{_PAGE}/leads/detail/5000104",
            },
        ),
    ),
    "lead_delete_account_first": (Change("deal", "5000104", NOW, deleted=True),),
    "lead_status_short": (
        Change(
            "deal",
            "5000105",
            NOW,
            {"known": True, "status": "lost", "pipeline_id": "7001", "url": f"{_PAGE}/leads/detail/5000105"},
        ),
    ),
    "lead_add_short": (
        Change(
            "deal",
            "5000106",
            NOW,
            {"known": True, "status": "open", "pipeline_id": "7002", "url": f"{_PAGE}/leads/detail/5000106"},
        ),
    ),
    "lead_status_custom_fields": (
        Change(
            "deal",
            "5000107",
            utc("2026-11-22 11:00:00"),
            {
                "known": True,
                "name": None,
                "status": "lost",
                "amount": 100000,
                "manager_id": "3301",
                "pipeline_id": "7001",
                "reason_id": "выбрал других",
            },
        ),
        Change("reason", "выбрал других", utc("2026-11-22 11:00:00"), {"name": "Выбрал других"}),
    ),
    "lead_delete_docs": (Change("deal", "5000108", NOW, deleted=True),),
    "lead_malformed_fields": (
        Change(
            "deal",
            "5000111",
            utc("2026-11-22 14:00:00"),
            {
                "known": True,
                "name": "Как есть",
                "status": "open",
                "amount": None,
                "pipeline_id": None,
                "url": f"{_PAGE}/leads/detail/5000111",
            },
        ),
    ),
    "leads_two_items": (
        Change(
            "deal",
            "5000109",
            utc("2026-11-22 13:00:00"),
            {
                "known": True,
                "name": "Первый",
                "status": "open",
                "amount": 10000,
                "manager_id": "3301",
                "pipeline_id": "7001",
                "url": f"{_PAGE}/leads/detail/5000109",
            },
        ),
        *(
            Change(
                "deal",
                "5000110",
                utc("2026-11-22 13:00:01"),
                {
                    "known": True,
                    "name": "Второй",
                    "status": "won",
                    "amount": 20000,
                    "manager_id": "3302",
                    "pipeline_id": "7001",
                    "url": f"{_PAGE}/leads/detail/5000110",
                },
            ),
        )
        * 2,
    ),
    "task_add": (
        Change(
            "task",
            "9000201",
            utc("2026-11-20 07:20:00"),
            {
                "text": "позвонить",
                "completed": False,
                "completed_at": None,
                "manager_id": "3302",
                "due_at": utc("2026-11-22 20:59:00"),
                "deal_id": "5000101",
                "client_id": None,
            },
        ),
    ),
    "task_update_text": (
        Change(
            "task",
            "9000202",
            utc("2026-11-21 09:00:00"),
            {
                "text": "позвонить ещё раз",
                "completed": False,
                "completed_at": None,
                "manager_id": "3302",
                "due_at": utc("2026-11-23 12:00:00"),
                "deal_id": "5000102",
                "client_id": None,
            },
        ),
    ),
    "task_completed": (
        Change(
            "task",
            "9000202",
            utc("2026-11-23 09:30:00"),
            {
                "text": "позвонить ещё раз",
                "completed": True,
                "manager_id": "3302",
                "due_at": utc("2026-11-23 08:00:00"),
                "deal_id": "5000102",
                "client_id": None,
                "url": f"{_PAGE}/leads/detail/5000102",
            },
        ),
    ),
    "task_delete": (Change("task", "9000203", NOW, deleted=True),),
    "task_on_contact_naive_times": (
        Change(
            "task",
            "9000204",
            utc("2026-11-21 09:00:00"),
            {
                "text": "встреча",
                "completed": False,
                "completed_at": None,
                "manager_id": "3302",
                "due_at": utc("2026-11-23 12:00:00"),
                "deal_id": None,
                "client_id": "6000301",
                "url": f"{_PAGE}/contacts/detail/6000301",
            },
        ),
    ),
    "task_on_company": (
        Change(
            "task",
            "9000205",
            utc("2026-11-21 09:00:00"),
            {
                "text": "отправить договор",
                "completed": False,
                "completed_at": None,
                "manager_id": "3302",
                "due_at": utc("2026-11-23 12:00:00"),
                "deal_id": None,
                "client_id": "6000302",
                "url": f"{_PAGE}/companies/detail/6000302",
            },
        ),
    ),
    "task_on_nothing": (
        Change(
            "task",
            "9000206",
            utc("2026-11-21 09:00:00"),
            {
                "text": "позвонить в налоговую",
                "completed": False,
                "completed_at": None,
                "manager_id": "3302",
                "due_at": utc("2026-11-23 12:00:00"),
                "deal_id": None,
                "client_id": None,
                "url": None,
            },
        ),
    ),
    "contact_update_linked": (
        Change("client", "6000301", utc("2026-11-22 12:00:00"), {"name": "Иван Петров"}),
        Change("deal", "5000101", utc("2006-09-21 15:00:00"), {"client_id": "6000301"}),
        Change("deal", "5000102", utc("2006-09-21 15:00:00"), {"client_id": "6000301"}),
    ),
    "company_add": (
        Change("client", "6000302", utc("2026-11-22 12:05:00"), {"name": "ООО «Зерно»"}),
        Change("deal", "5000101", utc("2000-01-10 19:44:24.3"), {"client_id": "6000302"}),
    ),
    "contact_delete": (Change("client", "6000303", NOW, deleted=True),),
}
