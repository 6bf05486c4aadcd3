"""The list of what is wrong with an account: the troubles with its CRM, and what is in quarantine. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from service import calendar
from service.config import Account, Language
from service.ledger.read.trouble_rows import TroubleRows
from service.live.text.i18n import translations_of
from service.live.text.warnings import Warned, cause_text, warning_text
from service.model import Instant, Trouble


@dataclass(frozen=True, slots=True)
class TroubleRow:
    """One thing that is wrong.

    Args:
        what: In words, with what to do.
        about: What of the CRM it is about, or why a delivery could not be read; empty where `what` says all.
        since: When it began or came: ISO, local; `last_at` likewise when it was last.
        delivery: The number of the delivery in quarantine.
    """

    what: str
    about: str
    count: int
    since: str | None
    last_at: str | None
    delivery: int | None = None


class TroubleList(NamedTuple):
    """What is wrong.

    Args:
        as_of: The moment that it is true for: ISO, local.
        quarantined: How many rows are deliveries in quarantine.
    """

    seq: int
    as_of: str
    quarantined: int
    rows: list[TroubleRow]


def trouble_list(read: TroubleRows, account: Account, language: Language) -> TroubleList:
    """What is wrong, in a language."""
    as_of = calendar.iso(read.as_of, account.zone)
    rows = [_trouble(trouble, as_of[:10], account, language) for trouble in read.troubles]
    if read.repaired:
        text = warning_text(Warned("missed", read.repaired), as_of[:10], language)
        rows.append(TroubleRow(text, "", read.repaired, _iso(read.synced_at, account), None))
    rows += _quarantined(read, account, language)
    return TroubleList(read.seq, as_of, len(read.quarantined), rows)


def _trouble(trouble: Trouble, day: str, account: Account, language: Language) -> TroubleRow:
    since, last_at = _iso(trouble.since, account), _iso(trouble.last_at, account)
    warned = Warned(trouble.code, trouble.count, since, last_at, trouble.subject)
    about = trouble.subject
    if trouble.code == "requests_refused":
        about = cause_text(trouble.subject, language)
    return TroubleRow(warning_text(warned, day, language), about, trouble.count, since, last_at)


def _quarantined(read: TroubleRows, account: Account, language: Language) -> Iterator[TroubleRow]:
    what = translations_of(language).gettext("Unreadable, so not in the figures")
    for part in read.quarantined:
        received_at = _iso(part.received_at, account)
        yield TroubleRow(what, f"{part.error}: {part.detail}", 1, received_at, received_at, part.number)


def _iso(moment: Instant | None, account: Account) -> str | None:
    return None if moment is None else calendar.iso(moment, account.zone)
