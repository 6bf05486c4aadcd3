"""The JSON documents that the service writes field by field, as structs: for their schemas alone. The tests
hold them against real answers."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from service.live.board.snapshot import Moment
from service.live.http.admin.guard import SignIn
from service.live.http.admin.routes import Release
from service.live.http.admin.screens import ScreenForm
from service.live.http.classifying import Classification
from service.reasons import Kind

Status: TypeAlias = Annotated[int, msgspec.Meta(ge=100, le=599)]


class Problem(msgspec.Struct):
    """Why a request was refused (RFC 9457).

    Args:
        type: Always `about:blank`: the status names the problem.
        title: The status in words.
        detail: What is wrong with this request, for a person.
    """

    type: Literal["about:blank"]
    title: str
    status: Status
    detail: str


class UnreadPart(msgspec.Struct):
    """A part of a delivery that went to quarantine.

    Args:
        part: Its index in the body.
        error: Why.
    """

    part: Annotated[int, msgspec.Meta(ge=0)]
    error: str


class Stored(msgspec.Struct):
    """A delivery that is stored durably, with its effect on every figure.

    Args:
        status: `duplicate`: it was stored before, and this request changed nothing. `quarantined`: at least a
            part of it could not be read; that part is kept, to be tried again by the operator.
        delivery: Its number in the account, from 1.
        seq: The sequence number of the board that shows it.
        errors: The parts that could not be read, 100 at most.
    """

    status: Literal["applied", "duplicate", "quarantined"]
    delivery: int
    seq: int
    errors: list[UnreadPart]


class Classified(msgspec.Struct):
    """A reason that was classified by hand.

    Args:
        reason: As it was sent.
        kind: As it was sent.
        said: What became of the reason, in words.
    """

    reason: str
    kind: Kind
    said: str


class Happened(msgspec.Struct):
    """An event of the invented office.

    Args:
        at: Its local time of day.
    """

    at: str
    text: str


class Happening(msgspec.Struct):
    """What the invented office does.

    Args:
        now: One sentence each.
        events: The last ones, newest first.
    """

    now: list[str]
    events: list[Happened]


class Heartbeat(msgspec.Struct):
    """The service is there. It has no `id`.

    Args:
        storing: Whether the service can store what comes in.
    """

    seq: int
    as_of: Moment
    last_delivery_at: Moment | None
    storing: bool


class Ended(msgspec.Struct):
    """Of a shared connection, one view has ended, or was refused.

    Args:
        status: What the view would have got alone.
    """

    status: Status


WRITTEN = (Problem, Stored, Classified, Happening)
"""What requests are answered with, besides the snapshot."""

READ = (Classification, Release, ScreenForm, SignIn)
"""What requests carry, besides webhooks."""
