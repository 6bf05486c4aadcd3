"""The brake on guessing: a budget for each address, bounded, and a log that a stranger cannot fill."""

from __future__ import annotations

import asyncio
import logging

import pytest

from service.brake import BURST, LOG_SECONDS, MAX_ADDRESSES, SECONDS_EACH, Brake, source_of
from tests.adapters.posts import NOW
from tests.clocks import StandingClock

GUESSER = "203.0.113.5"


def fail(brake: Brake, times: int, address: str = GUESSER) -> None:
    for _ in range(times):
        brake.failed(address, "office", "token")


def test_an_address_may_fail_a_few_times_and_then_has_to_wait() -> None:
    brake = Brake(StandingClock(NOW))
    fail(brake, BURST - 1)
    assert brake.refusal(GUESSER) is None
    fail(brake, 1)
    assert brake.refusal(GUESSER) == SECONDS_EACH


def test_what_was_braked_makes_nobody_wait_longer() -> None:
    clock = StandingClock(NOW)
    brake = Brake(clock)
    fail(brake, BURST + 1_000)
    clock.advance(SECONDS_EACH - 0.5)
    assert brake.refusal(GUESSER) == 1
    clock.advance(0.5)
    assert brake.refusal(GUESSER) is None
    fail(brake, 1)
    assert brake.refusal(GUESSER) == SECONDS_EACH


def test_a_budget_never_grows_beyond_a_burst() -> None:
    clock = StandingClock(NOW)
    brake = Brake(clock)
    fail(brake, 1)
    clock.advance(1_000_000)
    fail(brake, BURST)
    assert brake.refusal(GUESSER) is not None


def test_addresses_have_budgets_of_their_own_whatever_the_account() -> None:
    brake = Brake(StandingClock(NOW))
    fail(brake, BURST)
    brake.failed("203.0.113.6", "office", "token")
    assert brake.refusal("203.0.113.6") is None
    assert brake.refusal("203.0.113.7") is None


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "an unknown address"),
        ("forged\nline", "an unknown address"),
    ],
)
def test_all_addresses_of_one_customer_share_a_budget(address: str, source: str) -> None:
    assert source_of(address) == source


def test_a_stranger_with_many_addresses_costs_a_bounded_number_of_them() -> None:
    brake = Brake(StandingClock(NOW))
    fail(brake, BURST)
    for number in range(MAX_ADDRESSES - 1):
        brake.failed(f"2001:db8:{number:x}::1", "office", "token")
    assert brake.refusal(GUESSER) is not None
    brake.failed("198.51.100.1", "office", "token")
    assert brake.refusal(GUESSER) is None
    assert len(brake._budgets) == MAX_ADDRESSES


def test_each_failure_is_counted_with_whether_it_was_braked() -> None:
    counted: list[tuple[str, str, bool]] = []
    brake = Brake(StandingClock(NOW), lambda *failure: counted.append(failure))
    fail(brake, BURST + 2)
    assert counted == [("office", "token", False)] * BURST + [("office", "token", True)] * 2


def test_the_first_failure_is_logged_at_once_and_the_others_with_their_number_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = StandingClock(NOW)
    brake = Brake(clock)
    with caplog.at_level(logging.WARNING):
        fail(brake, 500)
        brake.failed(GUESSER, "other", "token")
        brake.failed(GUESSER, "office", "stale")
        assert [record.getMessage() for record in caplog.records] == [
            f"office: a request from {GUESSER} is not authentic: token",
            f"other: a request from {GUESSER} is not authentic: token",
            f"office: a request from {GUESSER} is not authentic: stale",
        ]
        brake.failed(GUESSER, "", "admin_token")
        assert caplog.messages[-1] == f"a request from {GUESSER} is not authentic: admin_token"
        accounts = [vars(record).get("account") for record in caplog.records]
        assert accounts == ["office", "other", "office", None]
        clock.advance(LOG_SECONDS)
        fail(brake, 2)
    assert [record.getMessage() for record in caplog.records[4:]] == [
        f"office: a request from {GUESSER} is not authentic: token, and 499 more since the last such line"
    ]


async def test_those_that_were_not_told_are_told_after_a_minute_though_no_other_follows(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = StandingClock(NOW)
    brake = Brake(clock)
    running = asyncio.create_task(brake.run())
    with caplog.at_level(logging.WARNING):
        fail(brake, 500)
        for _ in range(60):
            clock.advance(5)
            for _ in range(3):
                await asyncio.sleep(0)
    running.cancel()
    assert [record.getMessage() for record in caplog.records] == [
        f"office: a request from {GUESSER} is not authentic: token",
        "office: 499 more requests were not authentic: token",
    ]
