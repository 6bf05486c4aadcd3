"""`lossboard import`: stores a CSV file as one delivery, if every line of it is valid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from service.adapters.csv import file
from service.adapters.csv.file import ParsedFile, Progress
from service.adapters.cutting import without_secrets
from service.adapters.fields import digest
from service.clock import Clock
from service.config import Account, Config
from service.ledger.upkeep.attach import attach
from service.ledger.write.outcome import Outcome
from service.model import Decoded, Delivery, Request
from service.operator_error import OperatorError

MAX_FILE: Final = 64 * 2**20
"""Bytes of the largest accepted file: a million deals."""


class ImportFailed(OperatorError):
    """Nothing was stored; the text lists what is wrong, one error a line."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A file that was stored, and what the ledger did with it."""

    read: ParsedFile
    outcome: Outcome

    @property
    def changed(self) -> int:
        """The number of deals or tasks that are new or changed."""
        return sum(entity.startswith(f"{self.read.kind} ") for entity in self.outcome.changed)


def read(body: bytes, account: Account, clock: Clock, on_lines: Progress) -> tuple[Request, ParsedFile]:
    """Parse a whole file; returns the request as which it is stored, and the parsed content.

    Raises:
        ImportFailed: It is too large, or some line of it is bad.
    """
    if len(body) > MAX_FILE:
        raise ImportFailed(f"the file is larger than {MAX_FILE // 2**20} MiB; split it")
    headers = {file.TIMEZONE: account.timezone}
    request = Request("POST", "", {}, headers, without_secrets(body, account), clock.now())
    parsed = file.read(request, account, on_lines)
    if parsed.bad_lines:
        more = parsed.bad_lines - len(parsed.bad)
        tail = [f"and {more} more bad lines"] if more else []
        raise ImportFailed("\n".join(["nothing was imported:", *map(str, parsed.bad), *tail]))
    if not parsed.entities:
        raise ImportFailed("nothing was imported: there is no line after the first")
    return request, parsed


async def store(
    config: Config, account: Account, clock: Clock, request: Request, parsed: ParsedFile
) -> Imported:
    """Store a parsed file in one transaction; safe while a service runs.

    Raises:
        ImportFailed: The ledger could not apply it.
        SchemaError: The database is not migrated.
        Unavailable: The database is away.
    """
    decoded = Decoded(digest(request.body), tuple(parsed.changes))
    delivery = Delivery(account.id, request.received_at, request.headers, request.body, decoded, "import")
    async with attach(config.database_url, account, clock) as ledger:
        outcome = await ledger.writer.submit(delivery)
    if outcome.status == "quarantined":
        raise ImportFailed(
            f"nothing was imported: see lossboard quarantine show {account.id} {outcome.number}"
        )
    return Imported(parsed, outcome)
