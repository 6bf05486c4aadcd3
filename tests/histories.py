"""Small, adversarial histories for Hypothesis: few entities, many changes, moments where rules change hands.

A history is a list of deliveries. `numbered` gives what the oracle takes; `batches` and `steps` give ways in
which the same history can reach the service. Nothing here depends on how the service is built.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Final, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import strategies as st
from msgspec import structs

from service.calendar import shifted
from service.ledger.read.board import Selection
from service.model import DAY, SECOND, Change, Day, Decoded, Delivery, Entity, Instant, Value, earlier, later
from tests.oracle import EPOCH, local_day

T = TypeVar("T")

MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE


def at(text: str) -> Instant:
    """The instant that an ISO 8601 text with an offset names."""
    return Instant((datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1))


@dataclass(frozen=True, slots=True)
class Office:
    """The part of an account's configuration that the figures depend on (`tests.oracle.Terms`)."""

    id: str = "office"
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Moscow"))
    currency: str = "RUB"
    rates: Mapping[str, Decimal] = field(default_factory=dict)


RATES: Final[Mapping[str, Decimal]] = {
    "USD": Decimal("92.50"),  # an odd number of cents is half a kopeck: rounding to even shows
    "JPY": Decimal("0.615"),  # no minor digits
    "KWD": Decimal("301.25"),  # three minor digits
}


@dataclass(frozen=True)
class Scene:
    """An office, the moment that its histories are about, and a change of its clocks shortly before."""

    office: Office
    now: Instant
    shift: Instant

    @cached_property
    def moments(self) -> tuple[Instant, ...]:
        """Instants at which some rule changes its answer, and those beside them; the plainest first."""
        near = [later(self.now, n * MINUTE) for n in (-120, -10, -1, 0, 1, 10, 120)]
        today = local_day(self.now, self.office.zone)
        starts = [day_start(today + n, self.office.zone) for n in (0, 1, -1, -6, -7, -29, -30)]
        shifts = [later(self.shift, n * MINUTE) for n in (-30, 0, 30, 90)]
        edges = [earlier(moment, 1) for moment in (self.now, self.shift, *starts)]
        far = [later(self.now, n * DAY) for n in (-40, -3, -8, 2)]
        return tuple(dict.fromkeys([*near, *starts, *shifts, *edges, later(self.now, 1), *far]))

    @cached_property
    def selections(self) -> tuple[Selection, ...]:
        """Ranges of days that cut the moments differently; and whose refusals."""
        today = local_day(self.now, self.office.zone)
        first = date.fromordinal(today).replace(day=1).toordinal()
        long_ago = today - 60
        return (
            Selection(Day(today), Day(today)),
            Selection(shifted(Day(today), -1), shifted(Day(today), -1)),
            Selection(shifted(Day(today), -6), Day(today)),
            Selection(Day(first), Day(today)),
            Selection(Day(long_ago), Day(today)),
            Selection(Day(long_ago), Day(today), manager_id="m1"),
            Selection(Day(long_ago), Day(today), manager_id=""),
            Selection(Day(long_ago), Day(today), pipeline_id="p1"),
            Selection(Day(long_ago), Day(today), manager_id="m1", pipeline_id=""),
        )


def day_start(day: int, zone: ZoneInfo) -> Instant:
    """The first instant of a local day, by trying: in every zone it is on a quarter of an hour."""
    moment = at(f"{date.fromordinal(day)}T00:00:00Z") - 15 * HOUR
    while local_day(Instant(moment), zone) < day:
        moment += 15 * MINUTE
    return Instant(moment)


SPRING: Final = Scene(
    Office(zone=ZoneInfo("America/Santiago"), rates=RATES),
    at("2026-09-07T13:00:00Z"),
    at("2026-09-06T04:00:00Z"),
)
"""Yesterday had 23 hours and began at 01:00: its midnight does not exist."""

AUTUMN: Final = Scene(
    Office(zone=ZoneInfo("America/Havana"), rates=RATES),
    at("2026-11-02T15:00:00Z"),
    at("2026-11-01T05:00:00Z"),
)
"""Yesterday had 25 hours: it was 00:00 to 01:00 twice, so its midnight is ambiguous."""

SCENES: Final = (SPRING, AUTUMN)


@dataclass(frozen=True, slots=True)
class Deliver:
    """These deliveries reach the service together."""

    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """The clock says `now`."""

    now: Instant


Step: TypeAlias = Deliver | Tick

DEALS: Final = ("d1", "d2", "d3")
TASKS: Final = ("t1", "t2", "t3", "t4", "t5")
CLIENTS: Final = ("c1", "c2")
MANAGERS: Final = ("m1", "m2")
REASONS: Final = ("r1", "r2", "r3")
AMOUNTS: Final = (518_400, 1, 3, 100, 0, 250_005, 11_119_700, -205, 10**13, 10**13 + 1, -(10**14))
"""In minor units: plain ones, and those at the bound of what counts and of what is kept."""

CURRENCIES: Final = ("RUB", "USD", "RUB", "EUR", "RUB", "JPY", "KWD", "XXX")


def _maybe(values: Sequence[Value]) -> st.SearchStrategy[Value]:
    """One of the values, the first more often; now and then null."""
    return st.sampled_from((values[0], *values, *values, None))


def deal_changes(scene: Scene) -> st.SearchStrategy[Change]:
    """Changes about a deal itself, with some of its fields."""
    return _changes("deal", DEALS, scene, _fields(_deal_fields(scene), {"known": st.just(True)}))


def new_deals(scene: Scene) -> st.SearchStrategy[Change]:
    """Changes that say what counts of a deal, and perhaps more."""
    rest = _deal_fields(scene)
    required = {name: rest.pop(name) for name in ("status", "amount", "currency", "client_id")}
    return _changes("deal", DEALS, scene, _fields(rest, {"known": st.just(True), **required}))


def task_changes(scene: Scene) -> st.SearchStrategy[Change]:
    """Changes about a task, with some of its fields: at least one, for what says nothing is no change."""
    fields = _fields(_task_fields(scene), {}).map(lambda some: some or {"completed": False})
    return _changes("task", TASKS, scene, fields)


def new_tasks(scene: Scene) -> st.SearchStrategy[Change]:
    """Changes that say when a task is due and what it is about (a client itself, one time in four)."""
    rest = _task_fields(scene)
    on_deal = {name: rest.pop(name) for name in ("deal_id", "client_id", "due_at")}
    on_client = {**on_deal, "deal_id": st.none()}
    targets = st.sampled_from((on_deal, on_deal, on_deal, on_client))
    return _changes("task", TASKS, scene, targets.flatmap(lambda target: _fields(rest, target)))


def completions(scene: Scene) -> st.SearchStrategy[Change]:
    """Changes that complete a task, by a moment of their own or by their version."""
    fields = _task_fields(scene)
    given = {"completed_at": fields["completed_at"], "due_at": fields["due_at"]}
    return _changes("task", TASKS, scene, _fields(given, {"completed": st.just(True)}))


def _deal_fields(scene: Scene) -> dict[str, st.SearchStrategy[Value]]:
    return {
        "name": _maybe(("Абонемент", "Séance", "Deal")),
        "status": _maybe(("open", "lost", "won")),
        "reason_id": _maybe(REASONS),
        "amount": _maybe(AMOUNTS),
        "currency": _maybe(CURRENCIES),
        "closed_at": _maybe(scene.moments),
        "url": _maybe(("https://crm.example/deals/1", "https://crm.example/deals/2")),
        "client_id": _maybe(CLIENTS),
        "manager_id": _maybe(MANAGERS),
        "pipeline_id": _maybe(("p1",)),
    }


def _task_fields(scene: Scene) -> dict[str, st.SearchStrategy[Value]]:
    return {
        "text": _maybe(("позвонить", "отправить счёт")),
        "deal_id": _maybe(DEALS),
        "client_id": _maybe(CLIENTS),
        "manager_id": _maybe(MANAGERS),
        "due_at": _maybe(scene.moments),
        "completed": _maybe((True, False)),
        "completed_at": _maybe(scene.moments),
        "url": _maybe(("https://crm.example/tasks/1",)),
    }


def _fields(
    optional: dict[str, st.SearchStrategy[Value]], required: dict[str, st.SearchStrategy[Value]]
) -> st.SearchStrategy[dict[str, Value]]:
    return st.fixed_dictionaries(required, optional=optional)


def links(scene: Scene) -> st.SearchStrategy[Change]:
    """Changes that link a client to a deal, and say nothing about the deal itself."""
    return _changes("deal", DEALS, scene, st.fixed_dictionaries({"client_id": _maybe(CLIENTS)}))


def namings(scene: Scene) -> st.SearchStrategy[Change]:
    """Changes that name (or take the name from) a client, a manager, a reason or a pipeline."""
    name = {"name": _maybe(("Анна", "Ivan", "Спам"))}
    phone = {"phone": _maybe(("+79000000000", "112233"))}
    pools: dict[Entity, tuple[str, ...]] = {
        "client": CLIENTS,
        "manager": MANAGERS,
        "reason": REASONS,
        "pipeline": ("p1",),
    }
    named = [_changes(entity, ids, scene, st.fixed_dictionaries(name)) for entity, ids in pools.items()]
    return st.one_of(
        [*named, _changes("client", CLIENTS, scene, st.fixed_dictionaries({}, optional=name | phone))]
    )


def mergers(scene: Scene) -> st.SearchStrategy[Change]:
    """Mergers of clients and deals. What was merged does not come back, so that each has one successor."""
    into = {"client c2": "c1", "client c1": "c3", "deal d3": "d2", "deal d2": "d1"}
    return st.builds(
        lambda merged, version: Change("merger", merged, version, {"into_id": into[merged]}),
        st.sampled_from(sorted(into)),
        st.sampled_from(scene.moments),
    )


def deletes(scene: Scene) -> st.SearchStrategy[Change]:
    """Deletes, of deals and tasks above all."""
    targets: list[tuple[Entity, str]] = [
        *[("deal", key) for key in DEALS],
        *[("task", key) for key in TASKS],
        ("client", "c1"),
        ("manager", "m1"),
        ("reason", "r1"),
    ]
    return st.builds(
        lambda target, version: Change(target[0], target[1], version, deleted=True),
        st.sampled_from(targets),
        st.sampled_from(scene.moments),
    )


def _changes(
    entity: Entity, ids: Sequence[str], scene: Scene, fields: st.SearchStrategy[dict[str, Value]]
) -> st.SearchStrategy[Change]:
    return st.builds(Change, st.just(entity), st.sampled_from(ids), st.sampled_from(scene.moments), fields)


@st.composite
def changes(draw: st.DrawFn, scene: Scene) -> list[Change]:
    """Changes of every sort: some that create deals and tasks, then some of anything, with any versions."""
    founding = draw(st.lists(new_deals(scene), max_size=6)) + draw(st.lists(new_tasks(scene), max_size=8))
    deal, task = deal_changes(scene), task_changes(scene)
    rarer = (completions(scene), namings(scene), links(scene), deletes(scene), mergers(scene))
    anything = st.one_of(deal, task, deal, task, *rarer)
    return founding + draw(st.lists(anything, min_size=1, max_size=12))


@st.composite
def histories(draw: st.DrawFn, scene: Scene = SPRING) -> list[Delivery]:
    """Deliveries that give the same board in any order.

    Two changes of one (entity, id, version) come in one delivery and tell different fields, or are alike, or
    one is a delete, which wins anyway. Some deliveries repeat under their own key what another one said.
    """
    distinct = list({_stamp(change): change for change in draw(changes(scene))}.values())
    groups = [draw(_split(group)) for group in draw(_cuts(distinct))]
    repeats = draw(st.lists(st.sampled_from(distinct), max_size=2))
    return deliveries([*groups, *[[change] for change in repeats]], scene.now)


@st.composite
def tied_histories(draw: st.DrawFn, scene: Scene = SPRING) -> list[Delivery]:
    """Deliveries many of which carry the same versions: their board depends on how they are numbered.

    Changes of one version can disagree within a delivery, too: there the later in the body wins.
    """
    versions = st.sampled_from(draw(st.lists(st.sampled_from(scene.moments), min_size=1, max_size=3)))
    tied = [msgspec.structs.replace(change, version=draw(versions)) for change in draw(changes(scene))]
    return deliveries(draw(_cuts(tied)), scene.now)


def _stamp(change: Change) -> tuple[str, str, Instant, bool]:
    return change.entity, change.id, change.version, change.deleted


@st.composite
def _split(draw: st.DrawFn, group: Sequence[Change]) -> list[Change]:
    """The same facts, some of them as two changes of one version."""
    parts: list[Change] = []
    for change in group:
        names = sorted(change.fields)
        cut = draw(st.sampled_from((0, 0, 0, len(names) // 2)))
        if cut:
            parts.append(
                msgspec.structs.replace(change, fields={name: change.fields[name] for name in names[:cut]})
            )
        parts.append(
            msgspec.structs.replace(change, fields={name: change.fields[name] for name in names[cut:]})
        )
    return parts


@st.composite
def _cuts(draw: st.DrawFn, items: Sequence[T]) -> list[list[T]]:
    """The items in their order, cut into groups."""
    groups: list[list[T]] = [[]]
    for item in items:
        groups[-1].append(item)
        if draw(st.booleans()):
            groups.append([])
    return [group for group in groups if group]


def deliveries(groups: Iterable[Sequence[Change]], received_at: Instant) -> list[Delivery]:
    """A delivery for each group of changes, with a key of its own."""
    return [
        Delivery("office", received_at, {}, key.encode(), Decoded(key, tuple(group)))
        for key, group in ((f"k{n}", group) for n, group in enumerate(groups, start=1))
    ]


def numbered(applied: Iterable[Delivery]) -> list[tuple[int, Change]]:
    """What the oracle takes: the deliveries' changes, numbered in the order in which keys first came."""
    first: dict[str, Delivery] = {}
    for delivery in applied:
        first.setdefault(delivery.decoded.key, delivery)
    return [(n, change) for n, own in enumerate(first.values(), start=1) for change in own.decoded.changes]


@st.composite
def batches(draw: st.DrawFn, history: Sequence[Delivery], keep_order: bool = False) -> list[list[Delivery]]:
    """The deliveries permuted (unless `keep_order`), some of them repeated later on, and cut into batches."""
    order = list(history) if keep_order else draw(st.permutations(history))
    for repeated in draw(st.lists(st.sampled_from(history), max_size=3)):
        order.insert(draw(st.integers(order.index(repeated) + 1, len(order))), repeated)
    return draw(_cuts(order))


def clock_readings(scene: Scene) -> st.SearchStrategy[list[Instant]]:
    """Moments that never go back; many are the very ones at which something becomes due or a day begins."""
    return st.lists(st.sampled_from(scene.moments), min_size=1, max_size=6).map(sorted)


@st.composite
def steps(draw: st.DrawFn, scene: Scene = SPRING, ties: bool = False) -> list[Step]:
    """A history's batches among readings of the clock; the first step is a `Tick`.

    With `ties` it is a tied history, whose deliveries keep their order.
    """
    history = draw(tied_histories(scene) if ties else histories(scene))
    parts = draw(batches(history, keep_order=ties))
    readings = draw(clock_readings(scene))
    slots = draw(st.lists(st.sampled_from(range(len(readings))), min_size=len(parts), max_size=len(parts)))
    slots.sort()
    walk: list[Step] = []
    for n, now in enumerate(readings):
        walk.append(Tick(now))
        for slot, part in zip(slots, parts, strict=True):
            if slot == n:
                walk.append(Deliver(tuple(structs.replace(delivery, received_at=now) for delivery in part)))
    return walk
