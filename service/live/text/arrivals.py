"""What came first of all from a CRM that had never been heard from, in words."""

from __future__ import annotations

from service.config import Language
from service.ledger.read.board import Arrived
from service.live.text.formats import number
from service.live.text.i18n import translations_of


def arrival_text(arrived: Arrived, language: Language) -> str:
    """What came, in a few words."""
    translations = translations_of(language)

    def counted(one: str, many: str, count: int) -> str:
        return translations.ngettext(one, many, count, grouped=number(count, language))

    parts = (
        (arrived.deals, counted("%(grouped)s deal", "%(grouped)s deals", arrived.deals)),
        (arrived.tasks, counted("%(num)s task", "%(num)s tasks", arrived.tasks)),
        (arrived.clients, counted("%(grouped)s client", "%(grouped)s clients", arrived.clients)),
    )
    told = ", ".join(text for count, text in parts if count)
    return told or translations.gettext("an event without a deal, a task or a client")
