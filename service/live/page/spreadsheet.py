"""Lists as CSV files that a spreadsheet opens as they are, and runs nothing of. Pure.

Russian spreadsheets part cells by semicolons, English ones by commas; both take UTF-8 for what it is only
when it begins with a byte order mark.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import quote

from service.config import Account, Language
from service.live.page.lists import RefusalList, TaskList
from service.live.text.formats import NO_BREAK
from service.live.text.i18n import translations_of

Cell: TypeAlias = str | Decimal | None
"""Text, an amount, or nothing."""

_SEPARATORS: Final[dict[Language, str]] = {"ru": ";", "en": ","}
_POINTS: Final[dict[Language, str]] = {"ru": ",", "en": "."}
"""Decimal points as a spreadsheet of the language reads them: of another one it makes text, or a date."""

_FORMULA: Final = re.compile(r"[=+\-@\t\r\n]")
"""What a spreadsheet takes a formula by, or looks behind for one."""

_NOT_IN_FILE_NAMES: Final = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
_NAME_LENGTH: Final = 120


class Sheet(NamedTuple):
    """A file.

    Args:
        disposition: The Content-Disposition header.
    """

    content: bytes
    disposition: str


def refusal_sheet(shown: RefusalList, account: Account, language: Language) -> Sheet:
    """All refusals of a list."""
    translations = translations_of(language)
    header = (
        translations.gettext("Lost on"),
        translations.gettext("Client"),
        translations.gettext("Deal"),
        translations.gettext("Deal number"),
        translations.gettext("Reason"),
        translations.gettext("Kind"),
        translations.gettext("Manager"),
        translations.gettext("Pipeline"),
        translations.gettext("Amount"),
        translations.gettext("Currency"),
        translations.gettext("Link"),
    )
    rows = (
        (
            row.day,
            row.client,
            row.deal,
            row.deal_id,
            row.reason,
            translations.kind(row.kind),
            row.manager,
            row.pipeline,
            Decimal(row.amount),
            account.currency,
            row.url,
        )
        for row in shown.rows
    )
    about = [translations.kind(shown.kind) if shown.kind else None, shown.reason]
    name = [
        translations.gettext("Refusals"),
        account.title,
        *about,
        shown.manager,
        shown.pipeline,
        shown.first,
        shown.last,
    ]
    plain = f"refusals-{account.id}-{shown.first}-{shown.last}"
    return Sheet(_encoded(header, rows, language), _disposition(plain, name))


def task_sheet(shown: TaskList, account: Account, language: Language) -> Sheet:
    """All tasks of a list."""
    translations = translations_of(language)
    header = (
        translations.gettext("Client"),
        translations.gettext("Task"),
        translations.gettext("Deal"),
        translations.gettext("Deal number"),
        translations.gettext("Manager"),
        translations.gettext("Due"),
        translations.gettext("Overdue by"),
        translations.gettext("Amount"),
        translations.gettext("Currency"),
        translations.gettext("Link"),
    )
    rows = (
        (
            row.client,
            row.text,
            row.deal,
            row.deal_id,
            row.manager,
            row.due_at[:16].replace("T", " "),
            row.overdue.replace(NO_BREAK, " "),
            None if row.amount is None else Decimal(row.amount),
            None if row.amount is None else account.currency,
            row.url,
        )
        for row in shown.rows
    )
    day = shown.as_of[:10]
    name = [translations.gettext("Tasks that are overdue"), account.title, shown.manager, shown.pipeline, day]
    return Sheet(_encoded(header, rows, language), _disposition(f"overdue-tasks-{account.id}-{day}", name))


def _encoded(header: Sequence[str], rows: Iterable[Sequence[Cell]], language: Language) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=_SEPARATORS[language], lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(_written(row, language) for row in rows)
    return file.getvalue().encode("utf-8-sig")


def _written(row: Sequence[Cell], language: Language) -> Iterator[str]:
    for cell in row:
        if isinstance(cell, Decimal):
            yield f"{cell:f}".replace(".", _POINTS[language])
        else:
            yield harmless(cell or "")


def harmless(text: str) -> str:
    """Text that a spreadsheet shows and does not run: what could begin a formula gets an apostrophe."""
    return f"'{text}" if _FORMULA.match(text) else text


def _disposition(plain: str, parts: Sequence[str | None]) -> str:
    """A Content-Disposition header with a name for every browser, and one for those that read Unicode."""
    full = " ".join(_NOT_IN_FILE_NAMES.sub(" ", " – ".join(part for part in parts if part)).split())
    return f"attachment; filename=\"{plain}.csv\"; filename*=UTF-8''{quote(full[:_NAME_LENGTH], safe='')}.csv"
