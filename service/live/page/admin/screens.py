"""The page of named screens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import segno

from service.calendar import iso
from service.config import Account, Language
from service.ledger.database.tables import Role
from service.ledger.upkeep.screens import NamedScreen
from service.live.page.admin.shown import Shown, local, rendered
from service.live.text.i18n import translations_of


class Added(NamedTuple):
    """A screen that was added just now, and its link, which nothing shows again."""

    name: str
    link: str


def screens_page(
    screens: Sequence[NamedScreen],
    after: str | None,
    account: Account,
    shown: Shown,
    added: Added | None = None,
    error: str = "",
) -> str:
    """A page of the screens.

    Args:
        after: The next page is that after this name; None: there is none.
        error: Why the last form was not taken, in the words of the command.
    """
    rows = [
        (screen, iso(screen.added_at, account.zone), local(screen.seen_at, account)) for screen in screens
    ]
    return rendered(
        "screens.html",
        shown,
        account,
        here="screens",
        rows=rows,
        after=after,
        added=added,
        code=None if added is None else _qr_code(added.link),
        error=error,
        role_names=_roles(shown.language),
    )


def _roles(language: Language) -> Mapping[Role, str]:
    """What the holders of links may do."""
    _ = translations_of(language).gettext
    return {"viewer": _("sees the board"), "editor": _("sees the board, and classifies reasons")}


def _qr_code(link: str) -> str:
    """A link as a QR code, an SVG element. Cameras need one that is dark on light, whatever the theme."""
    return segno.make_qr(link).svg_inline(scale=4, border=3, dark="#000", light="#fff", svgclass="code")
