"""The stops of a rotation for the page's script: where the stream of each is, and how long it stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict
from urllib.parse import urlencode

from service.live.board.query import NONE, BoardQuery
from service.live.board.rotation import Stop, parse_rotation


class ShownStop(TypedDict):
    """One board of a rotation: the address of its stream, relative to the page's, and for how many seconds it
    is shown."""

    address: str
    seconds: int


def stops_of(query: BoardQuery) -> Sequence[ShownStop]:
    """The stops of a wall; none unless it shows several boards in turns."""
    return [_shown(stop, query) for stop in parse_rotation(query.rotate)] if query.mode == "wall" else []


def first_stop(query: BoardQuery) -> BoardQuery:
    """The board that the page begins with: the first stop, if that is of the page's own account."""
    stops = parse_rotation(query.rotate) if query.mode == "wall" else ()
    if not stops or stops[0].account not in {None, query.account}:
        return query
    return query._replace(manager=None, pipeline=None)._replace(**dict(stops[0].filters))  # type: ignore[arg-type]


def _shown(stop: Stop, query: BoardQuery) -> ShownStop:
    parameters = {
        **query.parameters(rotate=None, every=None, sound=None, flash=None, quiet=None),
        "manager": "",
        "pipeline": "",
        **{name: value or NONE for name, value in stop.filters},
        "form": "html",
    }
    address = f"{stop.account or query.account}/events?{urlencode(parameters)}"
    return ShownStop(address=address, seconds=stop.seconds or query.every)
