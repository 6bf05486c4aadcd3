"""The queue keeps its promise to senders by the present pace, on a clock and with a writer of the test's."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from service.ledger.database.errors import Unavailable
from service.ledger.write.outcome import Outcome, Overloaded
from service.ledger.write.queue import ANSWER_SECONDS, BATCH_DELIVERIES, RETRY_AFTER, Queue, answer
from service.model import Decoded, Delivery, Instant

PROMISED = 10.0
"""Seconds in which a sender is answered (SPEC section 4)."""

WATCH = 0.5


@dataclass
class Desk:
    """A queue whose batches take as long as the test says, and what became of each sender.

    Args:
        commit_seconds: How long the batch takes that is taken at a moment.
    """

    commit_seconds: Callable[[float], float]
    now: float = 0.0
    answers: dict[int, tuple[str, float]] = field(default_factory=dict)
    retries: list[int] = field(default_factory=list)
    _sent: dict[int, tuple[float, asyncio.Future[Outcome]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.queue = Queue(now=lambda: self.now)
        self._watched = self.now
        self._done_at: float | None = None

    def send(self, number: int) -> None:
        """Post some deliveries at once."""
        for sender in range(len(self._sent), len(self._sent) + number):
            delivery = Delivery("office", Instant(0), {}, b"body", Decoded(str(sender)))
            try:
                self._sent[sender] = self.now, self.queue.add(delivery)
            except Overloaded as refused:
                self._sent[sender] = self.now, asyncio.get_running_loop().create_future()
                self._note(sender, "refused", refused)

    def passes(self, seconds: float) -> None:
        """Let time pass: the writer commits what waits, batch by batch, and the watch looks now and then."""
        end = self.now + seconds
        while self.now < end:
            if self._done_at is None and self.queue.depth:
                self.queue.wait()
                self._batch = self.queue.take()
                self._done_at = self.now + self.commit_seconds(self.now)
            moments = [end, self._watched + WATCH, *([] if self._done_at is None else [self._done_at])]
            self.now = min(moments)
            if self.now == self._done_at:
                self._commit()
            if self.now >= self._watched + WATCH:
                self._watched = self.now
                self.queue.refuse_late()
                if self._done_at is not None and self._batch is not None:
                    self._batch.fail(Unavailable("late"), since=self.now - self.queue.patience)
            self._collect()

    def _commit(self) -> None:
        assert self._batch is not None
        for waiting in self._batch.deliveries:
            answer(waiting.future, Outcome("applied", 1, 1))
        self._done_at = None
        if not self.queue.depth:
            self.queue._note_pace()  # as `wait` does first

    def _collect(self) -> None:
        for sender, (_, future) in self._sent.items():
            if sender not in self.answers and future.done():
                error = future.exception()
                self._note(sender, "stored" if error is None else "refused", error)

    def _note(self, sender: int, verdict: str, error: BaseException | None) -> None:
        self.answers[sender] = verdict, self.now - self._sent[sender][0]
        if isinstance(error, Overloaded):
            self.retries.append(error.retry_after)

    @property
    def counts(self) -> Counter[str]:
        """How many were stored, and how many were refused."""
        return Counter(verdict for verdict, _ in self.answers.values())

    @property
    def slowest(self) -> float:
        """Seconds that the slowest answer took. Everybody must have one."""
        assert self.answers.keys() == self._sent.keys()
        return max(seconds for _, seconds in self.answers.values())


async def test_a_slow_disk_makes_nobody_wait_longer_than_promised() -> None:
    """3 500 posts on a disk whose every sync takes 1.5 s."""
    desk = Desk(lambda _now: 1.5)
    for _ in range(35):
        desk.send(100)
        desk.passes(0.02)
    desk.passes(40)
    assert desk.slowest <= ANSWER_SECONDS + WATCH < PROMISED
    assert 4 * BATCH_DELIVERIES <= desk.counts["stored"] <= 6 * BATCH_DELIVERIES
    assert all(retry in RETRY_AFTER for retry in desk.retries)
    assert max(desk.retries) >= 7


async def test_once_the_pace_is_known_what_would_wait_in_vain_is_refused_at_once() -> None:
    desk = Desk(lambda _now: 1.5)
    desk.send(BATCH_DELIVERIES)
    desk.passes(0.1)
    desk.send(BATCH_DELIVERIES)
    desk.passes(1.5)
    desk.send(3_000)
    refused = [seconds for verdict, seconds in desk.answers.values() if verdict == "refused"]
    assert len(refused) > 1_500
    assert max(refused) == 0.0


async def test_a_disk_that_is_fast_again_takes_everything_again() -> None:
    desk = Desk(lambda now: 2.0 if now < 20 else 0.05)
    for _ in range(40):
        desk.send(100)
        desk.passes(1)
    before = desk.counts["refused"]
    desk.passes(5)
    desk.send(4_000)
    desk.passes(5)
    assert desk.counts["refused"] == before
    assert desk.slowest <= ANSWER_SECONDS + WATCH


async def test_one_slow_commit_among_fast_ones_turns_nobody_away_who_waits() -> None:
    desk = Desk(lambda now: 2.0 if 1 <= now < 1.1 else 0.05)
    for _ in range(20):
        desk.send(50)
        desk.passes(0.05)
    desk.send(3_000)
    desk.passes(5)
    assert desk.counts["refused"] == 0


@pytest.mark.parametrize("seconds", [9.5, 60.0])
async def test_a_disk_that_is_too_slow_for_any_promise_is_tried_and_nobody_waits_for_it(
    seconds: float,
) -> None:
    """Only a commit shows that the pace is better again."""
    desk = Desk(lambda now: seconds if now < 100 else 0.01)
    for _ in range(150):
        desk.send(3)
        desk.passes(1)
    desk.passes(60)
    assert desk.slowest <= ANSWER_SECONDS + WATCH
    assert [desk.answers[sender][0] for sender in range(447, 450)] == ["stored"] * 3


async def test_a_sender_that_is_refused_is_told_when_to_come_again() -> None:
    queue = Queue(now=lambda: 0.0)
    queue._seconds = 300.0
    queue.add(Delivery("office", Instant(0), {}, b"", Decoded("a")))
    with pytest.raises(Overloaded) as refused:
        queue.add(Delivery("office", Instant(0), {}, b"", Decoded("b")))
    assert refused.value.retry_after == max(RETRY_AFTER)
