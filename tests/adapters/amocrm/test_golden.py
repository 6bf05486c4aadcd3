"""amoCRM's bodies: samples against what was read from them by hand, captures against a plain reading."""

from __future__ import annotations

import pytest

from service.adapters.amocrm.adapter import AmoCRMAdapter
from service.adapters.amocrm.options import AmoCRMOptions
from tests.adapters.amocrm import captures, golden_samples
from tests.adapters.posts import NOW, account, post

OFFICE = account("amocrm", options=AmoCRMOptions(reason_field="Причина отказа"))
BODIES = captures.bodies()
SPECIAL = ("lead_malformed_fields", "task_on_contact_naive_times")
"""Samples with broken fields or naive times, which only the golden test can judge."""


@pytest.mark.parametrize("name", sorted(golden_samples.EXPECTED))
def test_a_sample_says_what_was_read_from_it_by_hand(name: str) -> None:
    body = (captures.SAMPLES / f"{name}.txt").read_bytes()
    decoded = AmoCRMAdapter().decode(post(body), OFFICE)
    assert decoded.rejections == ()
    assert decoded.changes == golden_samples.EXPECTED[name]


def test_every_sample_was_read_by_hand() -> None:
    assert {path.stem for path in captures.SAMPLES.glob("*.txt")} == set(golden_samples.EXPECTED)


@pytest.mark.parametrize("name", sorted(BODIES.keys() - set(SPECIAL)))
def test_a_body_about_a_lead_or_a_task_says_what_its_pairs_say(name: str) -> None:
    decoded = AmoCRMAdapter().decode(post(BODIES[name]), OFFICE)
    assert decoded.rejections == ()
    item = captures.plain(BODIES[name])
    if item is None:
        return  # about contacts, or several items at once: the golden test's part
    wanted = captures.expected(item, NOW)
    (change,) = [one for one in decoded.changes if (one.entity, one.id) == (wanted.entity, wanted.id)]
    assert (change.version, change.deleted) == (wanted.version, wanted.deleted)
    apart = {"url", "reason_id"} | ({"due_at"} if item.get("complete_before") is None else set())
    assert {key: value for key, value in change.fields.items() if key not in apart} == wanted.fields
