"""Whether the pages of a list lead on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.adapters.api import Call
from service.model import Change, Decoded, Instant, Need
from service.sync.pages import Pages


def call(page: int, resource: str = "leads") -> Call:
    return Call(resource, "/leads", (("page", str(page)),))


def says(*ids: str, at: int = 1) -> Decoded:
    return Decoded("", tuple(Change("deal", id, Instant(at), {"known": True}) for id in ids))


def test_pages_lead_on_to_the_last() -> None:
    pages = Pages()
    assert pages.lead_on(call(1), says("1", "2"), call(2))
    assert pages.lead_on(call(2), says("3"), call(3))
    assert pages.lead_on(call(3), says(), None)


def test_a_page_that_leads_to_itself_does_not_lead_on() -> None:
    assert not Pages().lead_on(call(1), says("1"), call(1))


@pytest.mark.parametrize("cursor", ["\udc00", "a\0b"])
def test_a_page_that_leads_to_what_cannot_be_asked_for_does_not_lead_on(cursor: str) -> None:
    for following in (
        replace(call(1), query=(("cursor", cursor),)),
        replace(call(1), left=(("status", cursor),)),
        replace(call(1), asked=(cursor,)),
    ):
        assert not Pages().lead_on(call(1), says("1"), following)


def test_pages_in_a_circle_do_not_lead_on() -> None:
    pages = Pages()
    assert pages.lead_on(call(1), says("1"), call(2))
    assert pages.lead_on(call(2), says("2"), call(3))
    assert not pages.lead_on(call(3), says("3"), call(1))
    assert pages.lead_on(call(3), says("3"), call(4))  # asked again, it is well


def test_a_page_with_the_entries_of_the_page_before_does_not_lead_on() -> None:
    pages = Pages()
    assert pages.lead_on(call(1), says("1", "2"), call(2))
    assert not pages.lead_on(call(2), says("1", "2", at=2), None)
    assert pages.lead_on(call(2), says("3"), None)


def test_what_is_wanted_are_entries_too() -> None:
    pages = Pages()
    wanting = Decoded("", needs=(Need("deal", "1"),))
    assert pages.lead_on(call(1), wanting, call(2))
    assert not pages.lead_on(call(2), wanting, None)


def test_empty_pages_and_other_lists_repeat_nothing() -> None:
    pages = Pages()
    assert pages.lead_on(call(1), says(), call(2))
    assert pages.lead_on(call(2), says(), call(3))
    assert pages.lead_on(call(3), says("1"), call(1, "links"))
    assert pages.lead_on(call(1, "links"), says("1"), None)


def test_a_page_that_is_read_again_because_it_was_not_stored_leads_on() -> None:
    pages = Pages()
    assert pages.lead_on(call(1), says("1"), call(2))
    assert pages.lead_on(call(1), says("1"), call(2))
