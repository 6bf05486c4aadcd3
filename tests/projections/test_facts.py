"""Why a deal was lost, as its record says: a reason, none, or one that is not known yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from service.config import zone
from service.model import Change, Instant, Value
from service.projections.facts import NOBODY, PENDING, Rules, deal_facts
from service.projections.merge import Record, merge

ASKS = Rules(zone("Europe/Moscow"), "RUB", {}, asks=True)


def reason(rules: Rules, fields: Mapping[str, Value]) -> str:
    """The reason of a lost deal with these fields."""
    record = Record()
    merge(record, Change("deal", "42", Instant(1), {"known": True, "status": "lost", **fields}), 1)
    return deal_facts("42", record, rules).reason_id


@pytest.mark.parametrize(
    ("fields", "with_api", "without_api"),
    [
        ({"reason_id": "7"}, "7", "7"),
        ({"reason_id": None}, NOBODY, NOBODY),  # the CRM says that there is none
        ({}, PENDING, NOBODY),  # not known yet
    ],
)
def test_a_reason_is_pending_while_it_is_unset_and_the_api_can_tell_it(
    fields: Mapping[str, Value], with_api: str, without_api: str
) -> None:
    assert reason(ASKS, fields) == with_api
    assert reason(replace(ASKS, asks=False), fields) == without_api
