"""Links to what was merged, redirected to what is left."""

from __future__ import annotations

from service.model import Instant
from service.projections.merge import Record
from service.projections.mergers import left_of, links, redirect, successors

MERGED = {"client 6": "5", "client 5": "9", "deal 6": "7"}


def test_what_was_merged_several_times_leads_to_what_is_left() -> None:
    assert (
        left_of("client 6", MERGED)
        == left_of("client 5", MERGED)
        == left_of("client 9", MERGED)
        == "client 9"
    )
    assert left_of("deal 6", MERGED) == "deal 7"
    assert left_of("deal 5", MERGED) == "deal 5"


def test_a_circle_leads_all_of_its_records_to_one_of_them() -> None:
    circle = {"client 6": "5", "client 5": "8", "client 8": "6", "client 1": "8"}
    assert {left_of(f"client {id}", circle) for id in ("6", "5", "8", "1")} == {"client 5"}


def test_the_links_of_deals_and_tasks_are_redirected_and_keep_their_stamps() -> None:
    stamps = {"client_id": (Instant(1), 1), "deal_id": (Instant(2), 2)}
    task = Record({"client_id": "6", "deal_id": "6", "text": "6"}, dict(stamps))
    deal = Record({"client_id": "6", "manager_id": "6"})
    assert set(links("task", task.values)) == {"client 6", "deal 6"}
    assert set(links("deal", deal.values)) == {"client 6"}
    redirect("task", [task], MERGED)
    redirect("deal", [deal], MERGED)
    assert (task.values, task.stamps) == ({"client_id": "9", "deal_id": "7", "text": "6"}, stamps)
    assert deal.values == {"client_id": "9", "manager_id": "6"}
    client = Record({"name": "6"})
    redirect("client", [client], MERGED)
    assert client.values == {"name": "6"}


def test_a_merger_without_a_successor_leads_nowhere() -> None:
    known, deleted = Record({"into_id": "5"}), Record(deleted=Instant(1))
    assert successors({"client 6": known, "client 7": deleted}) == {"client 6": "5"}
