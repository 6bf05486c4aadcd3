"""What became of a delivery that was handed to the writer, and of the boards that it changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import msgspec

Seqs: TypeAlias = Mapping[str, int]
"""Sequence numbers by account."""

OnSeq: TypeAlias = Callable[[Seqs], None]
"""Called on the event loop with the sequence numbers of boards; some of them may be no news."""

Status: TypeAlias = Literal["applied", "duplicate", "quarantined"]


class Outcome(msgspec.Struct, frozen=True):
    """A delivery is durably stored, and its effect on every projection is committed.

    Args:
        status: `duplicate` if a delivery with the same key was stored before (this one changed nothing);
            `quarantined` if it, or a part of it, could not be decoded or applied and is kept to be retried.
        number: The delivery's number in its account.
        seq: The board's sequence number that shows it.
        changed: What it changed, such as "deal 42".
        conflicts_with: See `Delivery`.
    """

    status: Status
    number: int
    seq: int
    changed: frozenset[str] = frozenset()
    conflicts_with: int | None = None


class Overloaded(Exception):
    """The writer's queue is full: nothing was stored.

    Args:
        retry_after: Seconds after which the sender may try again.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"the queue is full; try again in {retry_after} s")
        self.retry_after = retry_after
