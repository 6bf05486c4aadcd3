"""The one loop over the parts of a body: events, items, results or objects. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from service.adapters.fields import UNDECODABLE, one_line
from service.model import Change, Decoded, Need, Rejection

_Part = TypeVar("_Part")

MAX_CHANGES: Final = 25_000
"""Changes that are taken of one body, because one commit applies them all while everybody waits. The largest
body has room for 22 000 in sound events."""


class Parsed(msgspec.Struct, frozen=True):
    """The changes and needs in one part of a body, or in the whole body.

    Args:
        rejections: What cannot be decoded, while the rest counts. In a part all have the number 0.
        is_dated: Every change carries the vendor's own time, so that an equal body says nothing new.
    """

    changes: tuple[Change, ...] = ()
    needs: tuple[Need, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    is_dated: bool = True

    def __add__(self, other: Parsed) -> Parsed:
        return _joined((self, other))

    def decoded(self, key: str, content: str = "") -> Decoded:
        """The delivery with a key that says this; see `Decoded`."""
        return Decoded(key, self.changes, self.rejections, tuple(dict.fromkeys(self.needs)), content)


def parse_body(read: Callable[[], Iterable[_Part]], parse: Callable[[_Part], Parsed]) -> Parsed:
    """Everything that a body says. Each part stands alone: one that cannot be parsed becomes a rejection and
    costs the other parts nothing. The rejections of a part carry its number.

    Args:
        read: Returns the parts. Raises one of `UNDECODABLE` if the body as a whole cannot be read.
        parse: Parses one part. Raises one of `UNDECODABLE`.
    """
    try:
        parts = list(read())
    except UNDECODABLE as error:
        return rejected(error)
    parsed: list[Parsed] = []
    room = MAX_CHANGES
    for number, part in enumerate(parts):
        try:
            said = _fitting(parse(part), room)
        except UNDECODABLE as error:
            said = rejected(error)
        parsed.append(_numbered(number, said) if said.rejections else said)
        room -= len(said.changes)
    return _joined(parsed)


def _joined(parts: Sequence[Parsed]) -> Parsed:
    if len(parts) == 1:
        return parts[0]
    return Parsed(
        tuple(change for part in parts for change in part.changes),
        tuple(need for part in parts for need in part.needs),
        tuple(rejection for part in parts for rejection in part.rejections),
        all(part.is_dated for part in parts),
    )


def _fitting(parsed: Parsed, room: int) -> Parsed:
    if len(parsed.changes) > room:
        raise ValueError(f"a body with more than {MAX_CHANGES} changes is not taken whole")
    return parsed


def _numbered(number: int, parsed: Parsed) -> Parsed:
    rejections = (Rejection(number, told.error, told.detail) for told in parsed.rejections)
    return replace(parsed, rejections=tuple(rejections))


def rejected(error: Exception) -> Parsed:
    """A body, or a part of it, that cannot be decoded."""
    return Parsed(rejections=(Rejection(0, one_line(error)),))
