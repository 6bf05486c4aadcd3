"""How a page of the administration is shown, and what every such page has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from service.calendar import iso
from service.config import Account, Language
from service.live.page.environment import template
from service.live.text.i18n import translations_of
from service.model import Instant


class Shown(NamedTuple):
    """In which language, under which root path, at which moment."""

    language: Language
    root_path: str
    now: Instant


def rendered(name: str, shown: Shown, account: Account | None = None, **values: object) -> str:
    """A page.

    Args:
        name: Of its template, in `admin/`.
        account: The account that it is about; None: all of them.
    """
    return template(shown.language, f"admin/{name}").render(
        account=account,
        sections=_sections(shown.language),
        admin=f"{shown.root_path}/admin",
        root_path=shown.root_path,
        now=None if account is None else iso(shown.now, account.zone),
        **values,
    )


def local(moment: Instant | None, account: Account) -> str | None:
    """A moment as ISO, local; None for None."""
    return None if moment is None else iso(moment, account.zone)


def _sections(language: Language) -> Mapping[str, str]:
    """What the pages of an account are called, by what ends their addresses."""
    _ = translations_of(language).gettext
    return {
        "": _("Health"),
        "deliveries": _("Deliveries"),
        "quarantine": _("Quarantine"),
        "reasons": _("Reasons"),
        "screens": _("Screens"),
    }
