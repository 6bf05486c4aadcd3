"""`lossboard import`: a CSV file becomes one delivery, if every line of it is sound; else nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from service.adapters.csv import file
from service.adapters.csv.file import ParsedFile, Progress
from service.clock import Clock
from service.config import Account, Config
from service.ledger.database.outcome import Outcome
from service.ledger.upkeep.attach import beside
from service.model import Decoded, Delivery, Request

LARGEST: Final = 64 * 2**20
"""Bytes of the largest file that is taken: a million deals."""


class NotImported(Exception):
    """Nothing was stored; the text says what is wrong, a line each."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file that was stored."""

    read: ParsedFile
    outcome: Outcome

    @property
    def changed(self) -> int:
        """Deals or tasks of which something else is known than before."""
        return sum(each.startswith(f"{self.read.kind} ") for each in self.outcome.changed)


def read(body: bytes, account: Account, clock: Clock, progress: Progress) -> tuple[Request, ParsedFile]:
    """ParsedFile a file, whole, and the request as which it is stored.

    Raises:
        NotImported: It is too large, or some line of it is bad.
    """
    if len(body) > LARGEST:
        raise NotImported(f"the file is larger than {LARGEST // 2**20} MiB: split it")
    headers = {file.TIMEZONE: account.timezone}
    request = Request("POST", "", {}, headers, body, clock.now())
    found = file.read(request, account, progress)
    if found.bad_lines:
        more = found.bad_lines - len(found.bad)
        raise NotImported(
            "\n".join(
                [
                    "nothing was imported:",
                    *map(str, found.bad),
                    *([f"and {more} more bad lines"] if more else ()),
                ]
            )
        )
    if not found.entities:
        raise NotImported("nothing was imported: there is no line after the first")
    return request, found


async def store(
    config: Config, account: Account, clock: Clock, request: Request, found: ParsedFile
) -> Imported:
    """Store a file that was read, in one transaction; a service may run meanwhile.

    Raises:
        NotImported: It could not be applied.
        SchemaError: The database is not migrated.
        Unavailable: The database is away.
    """
    decoded = Decoded(file.key_of(request.body), tuple(found.changes))
    delivery = Delivery(account.id, request.received_at, request.headers, request.body, decoded, "import")
    async with beside(config.database_url, account, clock) as ledger:
        outcome = await ledger.writer.submit(delivery)
    if outcome.status == "quarantined":
        raise NotImported(
            f"nothing was imported: see lossboard quarantine show {account.id} {outcome.number}"
        )
    return Imported(found, outcome)
