"""A version with one more projection on a database with data: its figure is right at once, and stays
right."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from service.ledger.database import schema
from service.ledger.database.database import Database
from service.ledger.upkeep import recompute
from service.ledger.write import heads
from service.ledger.write.batch import advance, load
from service.ledger.write.heads import OtherRules
from service.model import Change, Instant, later
from service.projections import FINGERPRINT, FLOW, PROJECTIONS, REVISION, next_step
from service.projections.flow import Flow, fingerprint
from tests.histories import at
from tests.ledger.offices import OFFICE, Ledger

NOW = at("2026-11-23T12:00:00+03:00")

OLD = Flow([projection for projection in PROJECTIONS if projection is not next_step.PROJECTION])
"""The version before knows no deals without a next step."""

MIGRATION = '''"""The new projection's table."""
from alembic import op
from service.ledger.database.ddl import create_sums
revision, down_revision, oldest, safe_because = "9999", "0001", "0001", "nobody else reads the new table"
def upgrade():
    create_sums(op, "no_next_step", (), ("deals", "amount"))
'''


class Versions:
    """Makes the process one of the old or of the new version."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self._patch = patch
        self._old = schema.migrations()
        self._new = Path(shutil.copytree(self._old, folder / "alembic"))
        (self._new / "versions" / "9999_next_step.py").write_text(MIGRATION)

    def old(self) -> None:
        self._become(OLD, fingerprint(OLD.relations, REVISION), self._old)

    def new(self) -> None:
        self._become(FLOW, FINGERPRINT, self._new)

    def _become(self, flow: Flow, digest: str, folder: Path) -> None:
        for module in (advance, load, recompute):
            self._patch.setattr(module, "FLOW", flow)
        self._patch.setattr(heads, "FINGERPRINT", digest)
        self._patch.setattr(schema, "migrations", lambda: folder)


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Versions:
    return Versions(monkeypatch, tmp_path)


@pytest.fixture
def upgraded(versions: Versions, ledger_url: str) -> Iterator[Ledger]:
    """A ledger with two open deals of the old version, brought to the new version as `serve` does."""
    versions.old()
    with closing(Database(ledger_url)) as database, database.writing() as connection:
        connection.exec_driver_sql("DROP TABLE no_next_step")
    ledger = Ledger(ledger_url, NOW)
    ledger.say(deal("1", 900), deal("2", 100))
    versions.new()
    assert schema.migrate(ledger_url) == "9999"
    with ledger.engine.begin() as connection:
        assert recompute.rules_changed(connection, OFFICE)
        recompute.rebuild(connection, OFFICE, NOW, lambda _: None)
        assert not recompute.rules_changed(connection, OFFICE)
    yield ledger
    ledger.close()


def deal(deal_id: str, amount: int, version: int = NOW) -> Change:
    return Change("deal", deal_id, Instant(version), {"known": True, "status": "open", "amount": amount})


def figure(ledger: Ledger) -> tuple[int, ...]:
    return tuple(ledger.read().totals["no_next_step"].values())


def test_a_new_figure_covers_what_was_there_before_the_upgrade(upgraded: Ledger) -> None:
    assert figure(upgraded) == (2, 1000)
    upgraded.say(deal("1", 500, NOW + 1))
    assert figure(upgraded) == (2, 600)
    upgraded.say(Change("deal", "1", later(NOW, 2), deleted=True))
    assert figure(upgraded) == (1, 100)
    assert upgraded.differences() == []


def test_an_old_version_that_restarts_does_not_take_the_figures_back(
    upgraded: Ledger, versions: Versions
) -> None:
    versions.old()
    with upgraded.engine.begin() as connection:
        with pytest.raises(OtherRules, match="newer version"):
            recompute.rules_changed(connection, OFFICE)
        with pytest.raises(OtherRules, match="newer version"):
            recompute.rebuild(connection, OFFICE, NOW, lambda _: None)
    versions.new()
    assert figure(upgraded) == (2, 1000)
