"""State: last writer wins, field by field, with deletes. Pure.

Each field of an entity is a register that keeps the stamp (version, delivery number) of its value. Merging is
therefore commutative, associative and idempotent, and partial, late and repeated webhooks need no special
case (SPEC section 4).

Two registers also remember since when they have had their value: "the change that made the deal lost" and
"the change that completed the task". That is not the latest change that says so (every later edit repeats
it), but the first one, by version, after the last change that said otherwise. A late change can cut such a
run in two, so the run keeps all its stamps.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from service.model import UNDATED, Change, Entity, Instant, Value

Stamp: TypeAlias = tuple[Instant, int]
"""Version and delivery number: the order of two values of one field."""

SINCE: Final[Mapping[Entity, tuple[str, Value]]] = {"deal": ("status", "lost"), "task": ("completed", True)}
"""By entity, the field and the value whose beginning is remembered."""

Place: TypeAlias = tuple[str, str]
"""The pipeline (empty where there is none) and the stage in which a deal is lost."""


class Run(msgspec.Struct, frozen=True, gc=False):
    """The changes that set a register to its present value, since the last change to another value.

    Args:
        stamps: Of those changes, oldest first.
        after: The stamp of that last other change. Nothing older than it can matter again.
    """

    stamps: tuple[Stamp, ...]
    after: Stamp | None = None


class Record(msgspec.Struct, gc=False):
    """The state of one entity: its registers, and the version of its newest delete.

    Args:
        places: Where the run's changes say that the deal is lost, if its loss reason is the stage. It is
            replaced and never changed, because copies of the record share it.
    """

    values: dict[str, Value] = {}
    stamps: dict[str, Stamp] = {}
    deleted: Instant | None = None
    run: Run | None = None
    places: Mapping[Stamp, Place] = {}

    @property
    def since(self) -> Instant | None:
        """The version of the change that gave the remembered register its present value: the first that is
        dated."""
        if self.run is None:
            return None
        oldest = self.run.stamps[0][0]
        if oldest > UNDATED:
            return oldest
        return next((version for version, _ in self.run.stamps if version > UNDATED), oldest)

    def copy(self) -> Record:
        """A record that can be merged into without changing this one."""
        return Record(self.values.copy(), self.stamps.copy(), self.deleted, self.run, self.places)


def merge(record: Record, change: Change, number: int) -> dict[str, tuple[Value, Value]]:
    """Merge `change`, of the delivery with this number, into `record`.

    Returns:
        The values that it changed: field → (old, new).
    """
    if change.deleted:
        changed = _delete(record, change.version)
        _settle_reason(record, changed)
        return changed
    if record.deleted is not None and change.version <= record.deleted:
        return {}
    stamp, fields = (change.version, number), change.fields
    values, stamps = record.values, record.stamps
    since = SINCE.get(change.entity)
    if since is not None and since[0] in fields:
        record.run = _run_after(record, since[0], fields[since[0]], stamp, remembered=since[1])
    changed = {}
    for name, value in fields.items():
        known = stamps.get(name)
        if known is None or stamp >= known:
            stamps[name] = stamp
            old = values.get(name)
            values[name] = value
            if value != old:
                changed[name] = (old, value)
    if "stage_id" in stamps:
        if isinstance(stage_id := fields.get("stage_id"), str):
            place = str(fields.get("pipeline_id") or ""), stage_id
            record.places = {**record.places, stamp: place}
        _settle_reason(record, changed)
    return changed


def _settle_reason(record: Record, changed: dict[str, tuple[Value, Value]]) -> None:
    """Set the reason of a deal whose reason is the stage: the newest stage of the pipeline in which it was
    lost; none unless it is lost."""
    if record.values.get("stage_id") is None:
        record.places = {}
        return
    run = record.run.stamps if record.run and record.values.get("status") == "lost" else ()
    record.places = {stamp: record.places[stamp] for stamp in run if stamp in record.places}
    stamp, reason = record.stamps["stage_id"], None
    if record.places:
        lost_in = record.places[min(record.places)][0]
        stamp = max(stamp for stamp, place in record.places.items() if place[0] == lost_in)
        reason = record.places[stamp][1]
    old = changed.get("reason_id", (record.values.get("reason_id"),))[0]
    record.values["reason_id"], record.stamps["reason_id"] = reason, stamp
    if reason != old:
        changed["reason_id"] = (old, reason)
    else:
        changed.pop("reason_id", None)


def _run_after(record: Record, name: str, value: Value, stamp: Stamp, remembered: Value) -> Run:
    """The run of a register after one more change of it, which is not merged yet."""
    run, known = record.run, record.stamps.get(name)
    if run is None or known is None:
        return Run((stamp,))
    if value == record.values[name]:
        return _repeated(run, stamp) if value == remembered else Run((max(run.stamps[-1], stamp),), run.after)
    if stamp >= known:
        return Run((stamp,), after=run.stamps[-1])
    if run.after is not None and stamp < run.after:
        return run
    return Run(tuple(kept for kept in run.stamps if kept > stamp), after=stamp)


def _repeated(run: Run, stamp: Stamp) -> Run:
    """The run with one more change to the same value. Of equal versions the newest stamp is enough."""
    if run.after is not None and stamp < run.after:
        return run
    version, stamps = stamp[0], run.stamps  # searched by halves: one body may repeat a value 10 000 times
    start, end = bisect_left(stamps, (version,)), bisect_left(stamps, (version + 1,))
    return Run((*stamps[:start], max((stamp, *stamps[start:end])), *stamps[end:]), run.after)


def _delete(record: Record, version: Instant) -> dict[str, tuple[Value, Value]]:
    """Remove every value that is not newer than the delete."""
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
        stamps = tuple(stamp for stamp in record.run.stamps if stamp[0] > version)
        after = record.run.after
        record.run = Run(stamps, after if after and after[0] > version else None) if stamps else None
    return changed
