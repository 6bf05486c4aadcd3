"""The words of Lossboard: what a delivery says, and nothing about where it is kept.

Everything downstream of an adapter speaks in these terms (SPEC, "Words"). Pure: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Instant: TypeAlias = int
"""A moment: microseconds since 1970-01-01T00:00:00Z. The only form of time inside the service."""

SECOND: Final = 1_000_000
"""Microseconds in a second."""

DAY: Final = 86_400 * SECOND
"""Microseconds in 24 hours. A local day can be longer or shorter: see `calendar`."""

Value: TypeAlias = str | int | bool | None
"""What a field can hold. `None` is a value ("the CRM says that there is none"), not an absence."""

Entity: TypeAlias = Literal["deal", "task", "client", "manager", "reason", "pipeline"]

Status: TypeAlias = Literal["open", "won", "lost"]

Source: TypeAlias = Literal["webhook", "answer", "sync", "import"]
"""How a delivery came: the CRM posted it; its API answered a need; its API was gone through (a backfill or a
reconciliation); somebody imported a file. What came by the last two is state, not news."""

SyncProblem: TypeAlias = Literal["", "webhook_off", "api_refused"]
"""What somebody must see to: the CRM has switched the webhook off; its API takes our token no more."""

FIELDS: Final[Mapping[Entity, Mapping[str, type[str | int | bool]]]] = {
    "deal": {
        "known": bool,  # set by every change about the deal itself; a mere link to it leaves it unset
        "name": str,
        "status": str,  # a Status; unset counts as open
        "reason_id": str,  # the CRM's id of the loss reason, or `reason_key(name)` where it sends names
        "amount": int,  # minor units of `currency`
        "currency": str,  # ISO 4217; unset means the account's
        "closed_at": int,  # Instant
        "url": str,
        "client_id": str,
        "manager_id": str,
        "pipeline_id": str,
    },
    "task": {
        "text": str,
        "deal_id": str,
        "client_id": str,  # only for a task on the client itself
        "manager_id": str,
        "due_at": int,  # Instant
        "completed": bool,
        "completed_at": int,  # Instant
        "url": str,  # where the task is seen in the CRM, for a deal that is not known yet
    },
    "client": {"name": str},
    "manager": {"name": str},
    "reason": {"name": str},
    "pipeline": {"name": str},
}
"""The fields of each entity, and their types. State has one column for each."""

ID_LENGTH: Final = 200
"""Characters in the longest id that is taken; a longer one is an error (ids are keys in the database)."""

TEXT_LENGTH: Final = 500
"""Characters in the longest name or text that is kept; the rest is cut, the raw body keeps it."""

AMOUNT_LIMIT: Final = 10**14
"""The largest amount of one deal, in minor units; sums of 90 000 such deals still fit 64 bits."""


@dataclass(frozen=True, slots=True)
class Change:
    """One fact about one entity.

    Args:
        entity: What it is about.
        id: The CRM's id of it, as a string.
        version: When the CRM says that it happened; orders changes of one field (SPEC section 4).
        fields: The fields that the CRM sent, and no others. Never filled with defaults.
        deleted: The entity was deleted at `version`; `fields` is then empty.
    """

    entity: Entity
    id: str
    version: Instant
    fields: Mapping[str, Value] = field(default_factory=dict)
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """A part of an authentic delivery that could not be decoded: goes to quarantine.

    Args:
        part: Index of the event in the body, from 0; 0 for a body that is one event or no event.
        error: One line for the person who connects the CRM: what is wrong, and where.
        detail: A traceback, if there is one.
    """

    part: int
    error: str
    detail: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """Something that the CRM's API must be asked for, because what came does not say it.

    A deal or a task is asked for whole; of everything else only the name is wanted, and only as long as none
    is known.
    """

    entity: Entity
    id: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """What an adapter made of a body.

    Args:
        key: What makes the delivery unique in its account (the webhook's id, or a digest of the body).
        changes: In the order in which the body gave them.
        rejections: The parts that could not be decoded; the others are applied all the same.
        needs: What the body leaves out. Noted only for an account whose API can be asked.
    """

    key: str
    changes: tuple[Change, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as an adapter sees it.

    Args:
        method: Upper case.
        path: As received, without the query string.
        query: The decoded query parameters; of repeated ones the first.
        headers: Names in lower case; of repeated ones the last.
        body: Raw.
        received_at: When the service had read it.
        query_string: What stands behind the question mark, as received.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    received_at: Instant
    query_string: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook as it came in, or one answer of the CRM's API, with what it was decoded to. The ledger
    stores it and applies it.

    Args:
        account: The account's id.
        received_at: When the service had read it; of an answer, when the API was asked.
        headers: Those that matter for decoding it again; names in lower case; never a secret.
        body: Raw.
        decoded: What the adapter made of it.
        source: How it came.
        settles: The needs that it settles, each with the number of the delivery that wanted it last when the
            API was asked: one that was wanted again since stays.
    """

    account: str
    received_at: Instant
    headers: Mapping[str, str]
    body: bytes
    decoded: Decoded
    source: Source = "webhook"
    settles: Mapping[Need, int] = field(default_factory=dict)


def cleaned(text: str) -> str:
    """Text that both databases keep alike: no NUL, no lone surrogates, trimmed, `TEXT_LENGTH` at most."""
    text = text.replace("\0", "").encode("utf-8", "replace").decode("utf-8").strip()
    return text if len(text) <= TEXT_LENGTH else text[: TEXT_LENGTH - 1] + "…"
