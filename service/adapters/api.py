"""The other half of a CRM's adapter: the calls of its API, and what the answers say.

Pure: a `Call` describes a request. `service.sync` sends it at the CRM's pace and stores the answer as a
delivery, so that an answer can be decoded again in the same way as a webhook.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

from service.config import Account
from service.model import Change, Decoded, Instant, Need, Request, TroubleCode

RESOURCE: Final = "resource"
"""The header under which a stored answer keeps its `Call.resource`."""

ASKED: Final = "asked"
"""The header under which a stored answer keeps its `Call.asked`, separated by spaces."""

LOSSES_DAYS: Final = 400
"""How far back a backfill brings lost deals: a year, and the days that it is compared with."""

TASKS_DAYS: Final = 31
"""How far back completed tasks matter: a manager's habit of 30 days."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a CRM's API.

    Args:
        resource: The adapter's name for how the answer is read. Kept with the answer.
        path: Below the account's API address.
        query: Of the address; a repeated name is sent repeatedly.
        body: JSON. A call with a body is a POST, one without is a GET.
        asked: The ids that the call asks for; see `absent_ids`.
        method: Overrides the method that the body implies.
        left: What the calls after this one ask for, as parts of their queries. It is kept with a run's
            position; the vendor never sees it.
    """

    resource: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    asked: tuple[str, ...] = ()
    method: Literal["GET", "POST", "DELETE"] | None = None
    left: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of a run through a CRM's API: a first call, and the calls that follow from its answers.

    Args:
        name: Shown to people, and used to resume; unique within a run, and the same in each run.
    """

    name: str
    first: Call


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a CRM may be called: a token bucket of `burst` calls that refills at `per_second`."""

    per_second: float
    burst: int


Meaning: TypeAlias = Literal["answered", "gone", "refused", "later"]
"""The answer is of the documented form for the call; the CRM has no such thing, in the documented form for
this call; a person must act; call again later."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer to a call means.

    Args:
        trouble: Why it is refused, or what to report once it has been `later` for some time.
        retry_seconds: After how long to call again, if the vendor says so.
    """

    meaning: Meaning
    trouble: TroubleCode | None = None
    retry_seconds: float | None = None

    @property
    def is_answer(self) -> bool:
        """Whether it proves something, be it that there is no such thing."""
        return self.meaning in ("answered", "gone")


ANSWERED: Final = Verdict("answered")
GONE: Final = Verdict("gone")
JUNK: Final = Verdict("later", "api_junk")
"""The status says that the body is an answer, and the body has not the documented form."""


def refused(trouble: TroubleCode) -> Verdict:
    """A person must act."""
    return Verdict("refused", trouble)


def busy(retry_seconds: float | None = None) -> Verdict:
    """The API is out of reach, overloaded, or called too fast."""
    return Verdict("later", "api_unreachable", retry_seconds)


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a call.

    Args:
        headers: Names in lower case.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Api(Protocol):
    """A CRM's API. The API of an adapter subclasses it; it is stateless, and every method is pure.

    Args:
        pace: How fast one account may be called, by the vendor's documents.
        url: The address of the API; None where each account has its own.
        batch: The most ids that one call asks for.
    """

    pace: Pace
    url: str | None = None
    batch: int = 100

    def prefix(self, account: Account) -> str:
        """The beginning of every path, behind the address. Not empty only where the vendor's token is part of
        the path; then it is a secret, and is never logged."""
        return ""

    def headers(self, account: Account) -> Mapping[str, str]:
        """The headers of every call, which prove who calls."""
        return {"authorization": f"Bearer {account.api.token.value}"} if account.api else {}

    @abstractmethod
    def ask(self, needs: Sequence[Need], account: Account) -> Call | None:
        """The call that answers needs of one entity, at most `batch`; None where the API cannot."""

    @abstractmethod
    def backfill(self, account: Account, now: Instant) -> Sequence[Stage]:
        """The stages that bring a new account up to now: managers, reasons, pipelines, open deals, open
        tasks, tasks due within `TASKS_DAYS`, and deals lost within `LOSSES_DAYS`."""

    @abstractmethod
    def changes(self, account: Account, since: Instant) -> Sequence[Stage]:
        """The deals and tasks that changed since a moment, and the deletions that the API knows."""

    @abstractmethod
    def sweep(self, account: Account, now: Instant) -> Sequence[Stage]:
        """Every deal and task that still counts: open deals, deals lost within `LOSSES_DAYS`, open tasks,
        tasks due within `TASKS_DAYS`. A deal or task that the board has and the listing lacks was deleted, or
        changed without a webhook."""

    @abstractmethod
    def following(self, call: Call, answer: Answer) -> Call | None:
        """The call for the next page; None only where the answer says that there is none. The answer is a
        recognised one.

        A page that leads to itself, or back to an earlier one, is given as it is: sync refuses it, and asks
        again. To end there would make a part pass for the whole.
        """

    def verdict(self, call: Call, answer: Answer) -> Verdict:
        """What the answer means (SPEC section 4): only an answer that is recognised proves anything."""
        if 200 <= answer.status < 300:
            return ANSWERED if self.is_recognised(call, answer) else JUNK
        return by_status(answer)

    @abstractmethod
    def is_recognised(self, call: Call, answer: Answer) -> bool:
        """Whether an answer with a 2xx has the form that the vendor documents for this call: a list with its
        list and, unless it is the last, with the next page; the objects that were asked for; or the
        documented form of "there is none"."""

    def field(self, account: Account) -> Call | None:
        """The call for the CRM's field that the configuration names as `reason_field`; None where it names
        none, or where no call can tell. An answer that means `gone` says that there is no such field."""
        return None

    def has_field(self, answer: Answer, account: Account) -> bool:
        """Whether the answer to `field` has the field. If it has not, the pages that follow are read too."""
        return True

    @abstractmethod
    def decode(self, request: Request, account: Account) -> Decoded:
        """What a stored answer says. Reads the body, the headers `RESOURCE` and `ASKED`, and `received_at`,
        which is the time of asking, and so the moment at which the answer is true. Total and repeatable, in
        the same way as `Adapter.decode`."""


@runtime_checkable
class Subscribing(Protocol):
    """An API that can also list the registered webhooks, and add one."""

    def webhooks(self, account: Account) -> Call:
        """The call for the registered webhooks."""
        ...

    def is_off(self, answer: Answer, address: str) -> bool | None:
        """Whether the CRM has switched off the webhook to an address; None if there is no such webhook."""
        ...

    def subscribe(self, account: Account, address: str) -> Sequence[Call]:
        """The calls that register a webhook to an address, for every event that the adapter reads."""
        ...


def by_status(answer: Answer) -> Verdict:
    """What a status that is no 2xx means, where the vendor documents nothing else."""
    status = answer.status
    if 300 <= status < 400:
        return refused("api_moved")
    if status in _REFUSALS:
        return refused(_REFUSALS[status])
    retry_seconds = seconds(answer.headers.get("retry-after"))
    if 400 <= status < 500 and status not in _PASSING and retry_seconds is None:
        return refused("api_rejected")
    return busy(retry_seconds)


_REFUSALS: Final[Mapping[int, TroubleCode]] = {
    401: "api_token",
    402: "api_unpaid",
    403: "api_forbidden",
    404: "api_not_found",
    410: "api_not_found",
}
_PASSING: Final = frozenset({408, 409, 423, 425, 429})
"""Statuses of the 4xx kind that pass by themselves. So does another one that says when to call again."""


def seconds(text: str | None) -> float | None:
    """A number of seconds from a header such as Retry-After; None for anything else, and for more than 99 999
    seconds."""
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
        for dated in (change, msgspec.structs.replace(change, version=asked_at))
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
