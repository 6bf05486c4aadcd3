"""The boards that a wall shows in turns (`rotate=all,pipeline:1@60,office2/manager:3&every=30`). Pure.

A stop is `all`, `manager:ID` or `pipeline:ID`; before it may stand another account (`office2/`), behind it
its own time in seconds (`@60`). In an id, the characters `,/@:%` are escaped as in an address (`%2C`).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote

MOST: Final = 20
"""Stops of one wall."""

SECONDS: Final = range(5, 3601)
"""For which a stop can be shown."""

EVERY: Final = 30
"""Seconds for which a stop is shown, unless the address says otherwise."""

_STOP: Final = re.compile(
    r"(?:(?P<account>[a-z0-9-]{1,40})/)?(?:all|(?P<kind>manager|pipeline):(?P<id>[^,/@:]+))(?:@(?P<seconds>\d{1,4}))?"
)


class Stop(NamedTuple):
    """One board of a rotation.

    Args:
        account: None: the wall's own.
        filters: `manager` or `pipeline` with its id; empty for what has none. Nothing for the whole board.
        seconds: None: as long as most.
    """

    account: str | None
    filters: tuple[tuple[str, str], ...]
    seconds: int | None


def parse_rotation(text: str) -> tuple[Stop, ...]:
    """The stops of a rotation; none for an empty text.

    Raises:
        ValueError: The text is no rotation.
    """
    parts = text.split(",") if text else []
    if len(parts) > MOST:
        raise ValueError(f"rotate has at most {MOST} stops")
    return tuple(_stop(part.strip()) for part in parts)


def _stop(text: str) -> Stop:
    found = _STOP.fullmatch(text)
    if found is None:
        raise ValueError(f"rotate: {text!a} is no stop such as all, manager:3, pipeline:1@60 or office2/all")
    seconds = None if found["seconds"] is None else int(found["seconds"])
    if seconds is not None and seconds not in SECONDS:
        raise ValueError(f"rotate: a stop lasts {SECONDS.start} to {SECONDS.stop - 1} seconds")
    filters = ((found["kind"], "" if found["id"] == "-" else unquote(found["id"])),) if found["kind"] else ()
    return Stop(found["account"], filters, seconds)
