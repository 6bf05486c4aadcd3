"""State: last writer wins, field by field, with deletes. Pure.

Each field of each entity is a register that keeps the stamp (version, delivery number) of its value, so
merging is commutative, associative and idempotent: partial, late and repeated webhooks need no case of their
own (SPEC section 4).

Two registers also remember since when they have held their value, for "the change that made the deal lost"
and "the change that completed the task": not the last change that says so (every later edit repeats it), but
the first one after the last that said otherwise, by version. A late change can cut such a run in two, so the
run keeps all of its stamps.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from service.model import Change, Entity, Instant, Value

Stamp: TypeAlias = tuple[Instant, int]
"""Version and delivery number: the order of two values of one field."""

SINCE: Final[Mapping[Entity, tuple[str, Value]]] = {"deal": ("status", "lost"), "task": ("completed", True)}
"""The field of an entity, and the value of it, of which it is remembered since when it holds."""


@dataclass(slots=True)
class Run:
    """The stamps at which a register was told its present value, since it was last told another one.

    `after` is the stamp of that other one. What is older than `after` can never matter again.
    """

    stamps: list[Stamp]
    after: Stamp | None = None

    def observe(self, stamp: Stamp, *, same: bool, whole: bool) -> None:
        """Take in one more observation; `same`: of the present value; `whole`: keep more than the newest."""
        newest = self.stamps[-1]
        if same:
            if whole and (self.after is None or stamp > self.after):
                self._insert(stamp)
            elif not whole:
                self.stamps = [max(newest, stamp)]
        elif self.after is None or stamp > self.after:
            self.after = stamp
            self.stamps = [kept for kept in self.stamps if kept > stamp]

    def _insert(self, stamp: Stamp) -> None:
        if all(kept[0] != stamp[0] for kept in self.stamps):
            insort(self.stamps, stamp)
        elif stamp > self.stamps[-1]:
            self.stamps[-1] = stamp


@dataclass(slots=True)
class Record:
    """What is known of one entity: its registers, and the version of its newest delete."""

    values: dict[str, Value] = field(default_factory=dict)
    stamps: dict[str, Stamp] = field(default_factory=dict)
    deleted: Instant | None = None
    run: Run | None = None

    @property
    def since(self) -> Instant | None:
        """When the change happened that gave the remembered register its present value."""
        return self.run.stamps[0][0] if self.run is not None else None


def merge(record: Record, change: Change, number: int) -> dict[str, tuple[Value, Value]]:
    """Merge `change` of delivery `number` into `record`, and return the values it changed: field → (old,
    new)."""
    if change.deleted:
        return _delete(record, change.version)
    if record.deleted is not None and change.version <= record.deleted:
        return {}
    stamp = (change.version, number)
    since = SINCE.get(change.entity)
    changed: dict[str, tuple[Value, Value]] = {}
    for name, value in change.fields.items():
        old = record.values.get(name)
        if since is not None and name == since[0]:
            _observe(record, name, value, stamp, keep=since[1])
        known = record.stamps.get(name)
        if known is None or stamp >= known:
            record.stamps[name] = stamp
            record.values[name] = value
            if value != old:
                changed[name] = (old, value)
    return changed


def _observe(record: Record, name: str, value: Value, stamp: Stamp, keep: Value) -> None:
    run, known = record.run, record.stamps.get(name)
    if run is None or known is None:
        record.run = Run([stamp])
    elif value != record.values[name] and stamp >= known:
        record.run = Run([stamp], after=run.stamps[-1])
    else:
        run.observe(stamp, same=value == record.values[name], whole=value == keep)


def _delete(record: Record, version: Instant) -> dict[str, tuple[Value, Value]]:
    """Void everything that is not newer than the delete."""
    if record.deleted is not None and version <= record.deleted:
        return {}
    record.deleted = version
    changed: dict[str, tuple[Value, Value]] = {}
    for name in [name for name, stamp in record.stamps.items() if stamp[0] <= version]:
        old = record.values.pop(name)
        del record.stamps[name]
        if old is not None:
            changed[name] = (old, None)
    if record.run is not None:
        record.run.stamps = [stamp for stamp in record.run.stamps if stamp[0] > version]
        if record.run.after is not None and record.run.after[0] <= version:
            record.run.after = None
        if not record.run.stamps:
            record.run = None
    return changed
