"""The other half of a CRM's adapter: what its API is asked, and what the answers say.

Pure: a `Call` describes a request and does nothing; `service.sync` sends it, at the CRM's pace, and stores
the answer as a delivery, so that it can be decoded again as a webhook can.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

from service.config import Account
from service.model import Change, Decoded, Instant, Need, Request

RESOURCE: Final = "resource"
"""The header under which a stored answer keeps what was asked: `Call.resource`."""

ASKED: Final = "asked"
"""The header under which it keeps the ids that were asked for, separated by spaces."""

LOSSES_DAYS: Final = 400
"""How far back a backfill brings lost deals: a year, and the days it is compared with."""

TASKS_DAYS: Final = 31
"""How far back completed tasks matter: a manager's habit of 30 days."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a CRM's API.

    Args:
        resource: How the answer is read; one of the adapter's own words. Kept with the answer.
        path: Below the account's API address.
        query: Of the address; a repeated name is sent repeatedly.
        body: JSON. With one it is a POST, without a GET.
        asked: Ids that it asks for. Those that the answer leaves out are gone.
        method: In place of what the body implies.
    """

    resource: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    asked: tuple[str, ...] = ()
    method: Literal["GET", "POST", "DELETE"] | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of going through a CRM's API: a first call, and those that follow from its answers.

    Args:
        name: For people and for resuming; unique within a pass, and the same each time.
    """

    name: str
    first: Call


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a CRM may be asked: a token bucket of `burst` calls that refills at `per_second`."""

    per_second: float
    burst: int


Verdict: TypeAlias = Literal["answered", "later", "refused", "gone"]
"""What a status means: the answer is in the body (or there is nothing); ask again later; the token is not
good for it, so that somebody must act; there is no such thing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Args:
        headers: Names in lower case.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Api(Protocol):
    """A CRM's API. Stateless; every method is pure."""

    @property
    def url(self) -> str | None:
        """Where the API is, for everybody; None where each account has its own address."""
        ...

    @property
    def pace(self) -> Pace:
        """How fast one account may be asked (the vendor's documents say)."""
        ...

    @property
    def batch(self) -> int:
        """Ids that one call asks for at most."""
        ...

    def prefix(self, account: Account) -> str:
        """What every path begins with, behind the address: empty, unless the vendor's token is part of the
        path. It is a secret then, and never logged."""
        ...

    def headers(self, account: Account) -> Mapping[str, str]:
        """The headers of every call: they prove that it is us."""
        ...

    def ask(self, needs: Sequence[Need], account: Account) -> Call | None:
        """The call that answers needs of one entity, at most `batch`; None for what the API cannot tell."""
        ...

    def backfill(self, account: Account, now: Instant) -> Sequence[Stage]:
        """What brings a new account up to now: managers, reasons, pipelines, open deals, open tasks, tasks
        due within `TASKS_DAYS`, and deals lost within `LOSSES_DAYS`."""
        ...

    def changes(self, account: Account, since: Instant) -> Sequence[Stage]:
        """The deals and tasks (and what the API says of deletions) that changed since a moment."""
        ...

    def sweep(self, account: Account, now: Instant) -> Sequence[Stage]:
        """Every deal and task that still counts: open deals, deals lost within `LOSSES_DAYS`, open tasks,
        tasks due within `TASKS_DAYS`. What is known here and does not answer was deleted, or changed
        unseen."""
        ...

    def following(self, call: Call, answer: Answer) -> Call | None:
        """The next page; None after the last."""
        ...

    def verdict(self, answer: Answer) -> tuple[Verdict, float | None]:
        """What a status means to this vendor, and after how many seconds to ask again, if it says so."""
        ...

    def decode(self, request: Request, account: Account) -> Decoded:
        """What a stored answer says. Reads the body, the headers `RESOURCE` and `ASKED`, and `received_at`:
        when the API was asked, and so the moment that the answer is true at. Total and repeatable, as the
        adapter's own `decode` is."""
        ...


@runtime_checkable
class Subscribing(Protocol):
    """An API that can also say which webhooks there are, and add one."""

    def webhooks(self, account: Account) -> Call:
        """Asks for the webhooks that are registered."""
        ...

    def is_off(self, answer: Answer, address: str) -> bool | None:
        """Whether the CRM has switched off the webhook to an address; None when there is none to it."""
        ...

    def subscribe(self, account: Account, address: str) -> Sequence[Call]:
        """Registers a webhook to an address, for every event that the adapter reads."""
        ...


def standing(status: int, headers: Mapping[str, str]) -> tuple[Verdict, float | None]:
    """What a status means where the vendor means what everybody means."""
    if status in (200, 201, 204):
        return "answered", None
    if status in (401, 403):
        return "refused", None
    if status in (404, 410):
        return "gone", None
    return "later", seconds(headers.get("retry-after"))


def seconds(text: str | None) -> float | None:
    """A number of seconds, as in Retry-After; None for anything else, and for more than a day."""
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 5):
        return None
    return float(text)


def as_of(changes: Iterable[Change], asked_at: Instant) -> list[Change]:
    """The changes in an answer, each twice: with the vendor's own time, and with the time of asking.

    The first says since when it is so. The second wins over changes that are only dated by their arrival,
    such as a deletion that arrived late and was undone meanwhile.
    """
    return [
        dated
        for change in changes
        for dated in (change, replace(change, version=asked_at))
        if dated is change or change.version < asked_at
    ]


def absent_ids(request: Request, present: Collection[str | None]) -> list[str]:
    """The ids that a stored answer's call asked for and the answer leaves out.

    Args:
        present: The ids in the answer. None stands for an entry without a usable id: it could be any of them,
            so nothing counts as absent.
    """
    asked = () if None in present else request.headers.get(ASKED, "").split()
    return [entity_id for entity_id in asked if entity_id not in present]
