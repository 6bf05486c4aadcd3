"""Several event streams through one connection: `GET /events?view=office?period=month&view=…`.

Browsers open six connections to a host over HTTP/1.1, so that the tabs of one browser share a stream
(`static/shared.js`). The streams are as they would be alone. The data of each event begins with a line that
has the number of its view in the address, from 0. A view that is refused, or whose stream ends before the
others, gets the event `ended`; its data has the status that it would have got alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from starlette.datastructures import QueryParams

from service.config import Account
from service.live.board.query import BoardQuery, QueryError
from service.live.stream.open_stream import OpenStream
from service.live.stream.places import Limit, Place, Places
from service.live.stream.response import EventStream
from service.live.stream.wire import Wire
from service.problems import Problem

MOST: Final = 40
"""Views of one connection."""


class Channel(NamedTuple):
    """A stream.

    Args:
        account: As it was configured when the request was let in.
        screen: The digest of the named screen that it is for; None for the viewer token.
        last_seq: The sequence number of the last frame that the screen has received, if any.
    """

    account: Account
    query: BoardQuery
    screen: str | None
    last_seq: int | None


def views_of(parameters: QueryParams) -> Sequence[str]:
    """The views that an address asks for.

    Raises:
        QueryError: There is none, or there are too many.
    """
    views = parameters.getlist("view")
    if not 0 < len(views) <= MOST:
        raise QueryError(f"view: expected 1 to {MOST}, each such as office?period=month")
    return views


def view_of(text: str) -> tuple[str, Mapping[str, str]]:
    """The account of a view, and its parameters."""
    account, _, query = text.partition("?")
    return account, dict(parse_qsl(query, keep_blank_values=True))


def sequence_number(text: str | None) -> int | None:
    """The sequence number of a Last-Event-ID; None (which gets a snapshot) if there is none in it."""
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > 18:
        return None
    return int(text)


def shared_stream(
    asked: Sequence[Channel | Problem],
    places: Places,
    full: Mapping[Limit, Problem],
    show: Callable[[OpenStream, Channel, int], None],
    wire: Wire,
) -> EventStream | Problem:
    """The response: the streams for which there is a place; without any, the first refusal.

    Args:
        full: The refusals where there is none.
        show: Subscribes a stream that is open to a channel of a number.
    """
    held: list[Place] = []
    channels: dict[int, Channel] = {}
    refusals: dict[int, Problem] = {}
    for number, channel in enumerate(asked):
        if isinstance(channel, Problem):
            refusals[number] = channel
        elif limit := places.full(channel.query, channel.screen):
            refusals[number] = full[limit]
        else:
            held.append(places.taken(channel.query, channel.screen))
            channels[number] = channel
    if not channels:
        return next(iter(refusals.values()))

    def show_all(stream: OpenStream) -> None:
        for number, problem in refusals.items():
            stream.tell_ended(number, problem.status)
        for number, channel in channels.items():
            show(stream, channel, number)

    return EventStream(show_all, held, wire)
