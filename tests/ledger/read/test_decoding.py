"""The log is decoded in a second process: the same changes in the same order, a few pages ahead."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator

import pytest

from service.ledger.read import decoding
from service.ledger.read.decoding import AHEAD, Decode, Ended, beside, one_by_one
from service.ledger.write.log import Stored
from service.model import Change, Decoded
from service.operator_error import Unknown
from tests.histories import at

NOW = at("2026-11-23T12:00:00+03:00")
PAGES = 40


def page(number: int) -> list[Stored]:
    """Two deliveries with long bodies: a few pages fill the pipe between the processes."""
    return [
        Stored("office", one, f"k{one}", NOW, {"h": "ü"}, b"\xff" * 50_000, {}, "webhook", None, applied=True)
        for one in (2 * number, 2 * number + 1)
    ]


def decode(stored: Stored) -> Decoded:
    assert stored.body is not None
    told = Change(
        "deal", str(stored.number), NOW, {"known": True, "amount": -5, "name": "n" * len(stored.body)}
    )
    return Decoded(stored.key, (told, Change("task", stored.key, stored.received_at, deleted=True)))


def pid_as_id(_stored: Stored) -> Decoded:
    return Decoded("k", (Change("deal", str(os.getpid()), NOW),))


def deciding_process(decode: Decode = pid_as_id) -> int:
    with beside(decode) as decoded:
        ((_, change), _) = next(decoded(iter([page(0)])))
    return int(change.id)


def test_another_process_decodes_the_same_a_few_pages_ahead() -> None:
    read: list[int] = []

    def pages() -> Iterator[list[Stored]]:
        for number in range(PAGES):
            read.append(number)
            yield page(number)

    expected = one_by_one(decode)(map(page, range(PAGES)))
    with beside(decode) as decoded:
        for number, said in enumerate(decoded(pages())):
            assert said == next(expected)
            assert len(read) <= number + AHEAD + 1
    assert len(read) == PAGES
    assert deciding_process() != os.getpid()


def test_without_a_second_core_this_process_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "cores", lambda: 1)
    assert deciding_process() == os.getpid()


def test_what_fails_there_fails_here_and_leaves_no_process() -> None:
    def unknown(stored: Stored) -> Decoded:
        raise Unknown(f"delivery {stored.number}")

    def ended(_stored: Stored) -> Decoded:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    for broken, error in ((unknown, Unknown), (ended, Ended)):
        with pytest.raises(error), beside(broken) as decoded:
            list(decoded(map(page, range(PAGES))))
    assert multiprocessing.active_children() == []
