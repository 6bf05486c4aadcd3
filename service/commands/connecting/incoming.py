"""What comes in while a command looks on: deliveries, and requests that were refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from service.calendar import iso
from service.commands import tail
from service.config import Account, Config
from service.ledger.read.admin import deliveries
from service.ledger.upkeep import attach
from service.ledger.write import log, troubles
from service.ledger.write.log import Stored
from service.live.text.warnings import cause_remedy, cause_text
from service.model import Trouble


class Came(NamedTuple):
    """Something that came in.

    Args:
        stored: The delivery; None for requests that were refused.
        line: What to print.
    """

    account: Account
    stored: Stored | None
    line: str


class Incoming:
    """Looks at the database.

    Args:
        lines: How many earlier deliveries of each account count as new.
    """

    def __init__(self, config: Config, accounts: Sequence[Account], lines: int) -> None:
        self._url = config.database_url
        self._accounts = accounts
        self._seen = {
            account.id: max(0, attach.read(self._url, log.newest_number, account.id) - lines)
            for account in accounts
        }
        self._refused: dict[tuple[str, str], int] = {}

    def look(self) -> Iterator[Came]:
        """What came since the last look. The first look has the refusals that the board tells of."""
        for account in self._accounts:
            for stored in attach.read(self._url, log.stored, account.id, self._seen[account.id]):
                self._seen[account.id] = stored.number
                yield Came(account, stored, line_of(self._url, stored, account))
            yield from self._refusals(account)

    def _refusals(self, account: Account) -> Iterator[Came]:
        for trouble in attach.read(self._url, troubles.read, account.id):
            if trouble.code != "requests_refused":
                continue
            known = self._refused.get((account.id, trouble.subject), 0)
            new = trouble.count - known if trouble.count >= known else trouble.count  # counted again from 0
            if new:
                self._refused[account.id, trouble.subject] = trouble.count
                yield Came(account, None, _refusal(trouble, new, account))


def line_of(url: str, stored: Stored, account: Account) -> str:
    """A delivery in one line, with its amounts in the currencies of their deals."""
    (told,) = attach.read(url, deliveries.told, account, [stored])
    return tail.line(told.stored, account, told.currencies, ignored=told.ignored)


def _refusal(trouble: Trouble, times: int, account: Account) -> str:
    """Requests that were refused for one cause, in one line: how many, when the last came, what to do.

    Args:
        trouble: Its subject is the cause.
    """
    cause, remedy = cause_text(trouble.subject, "en"), cause_remedy(trouble.subject, "en")
    number = f"{times} request" if times == 1 else f"{times} requests"
    return f"{account.id} – {iso(trouble.last_at, account.zone)} REFUSED {number}: {cause}. {remedy}"
