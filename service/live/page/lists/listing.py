"""What the page and the file of any list need. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, Self

from service import calendar
from service.ledger.read.board import Known
from service.live.board.at_risk import name_of
from service.live.board.build import choices
from service.live.board.query import BoardQuery
from service.live.board.snapshot import Choice, Total
from service.live.page.lists.rows import Rows
from service.live.page.lists.table import Row, Table, View


class Scope(NamedTuple):
    """The manager and the pipeline that a list is filtered by, by name, and those to choose from."""

    manager: str | None = None
    pipeline: str | None = None
    managers: tuple[Choice, ...] = ()
    pipelines: tuple[Choice, ...] = ()

    @classmethod
    def of(
        cls, query: BoardQuery, manager_names: Mapping[str, str], pipeline_names: Mapping[str, str]
    ) -> Self:
        """The scope of a query."""
        return cls(
            name_of(query.manager, manager_names),
            name_of(query.pipeline, pipeline_names),
            choices(manager_names),
            choices(pipeline_names),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[Row]):
    """A list.

    Args:
        as_of: The moment of the figures: ISO, local.
        scope: None where a list cannot be filtered by manager and pipeline.
        parameters: Those of its address that no other list has.
        known: What the account knows at all.
        file_name: The file's name in ASCII, without its ending.
        named: The parts of its name in the reader's language.
    """

    table: Table[Row]
    seq: int
    as_of: str
    rows: Rows[Row]
    view: View
    scope: Scope | None = None
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    known: Known = field(default_factory=Known)
    file_name: str
    named: tuple[str | None, ...]

    @property
    def known_from(self) -> str | None:
        """The first day of which the losses are complete, as an ISO date; None while nothing is known."""
        return None if self.known.known_from is None else calendar.iso_day(self.known.known_from)

    @property
    def total(self) -> Total:
        """The number of the rows, and their amount; see `Rows.total`."""
        return self.rows.total
