"""The words of the page in each language: gettext catalogues, with English as the language of the source.

`catalogue/<language>.po` is read as it is; nothing has to be compiled.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final, get_args

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from service.config import Language
from service.model import SyncProblem
from service.projections.facts import PENDING

SOURCE: Final[Language] = "en"
"""The language of the messages in the source."""

NO_REASON: Final = "No reason given"
"""The name of the refusals that have none; translated with `Translations.gettext`."""

PENDING_REASON: Final = "Reason being asked for"
"""The name of those whose reason the CRM is still being asked for."""


class Translations:
    """One language's translations."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.catalogue = _catalogue(language)

    def gettext(self, message: str, **values: str | int) -> str:
        """A message in this language, its `%(name)s` filled in."""
        found = self.catalogue.gettext(message)
        return found % values if values else found

    def ngettext(self, one: str, many: str, count: int, **values: str | int) -> str:
        """A message in the form that a number asks for; `%(num)s` is the number."""
        return self.catalogue.ngettext(one, many, count) % {"num": count, **values}

    def reason(self, reason_id: str | None, name: str | None) -> str:
        """What a reason is called: by its name, else by its id."""
        if name:
            return name
        if reason_id == PENDING:
            return self.gettext(PENDING_REASON)
        return reason_id or self.gettext(NO_REASON)

    def trouble(self, trouble: SyncProblem) -> str:
        """What somebody must see to with the CRM."""
        if trouble == "webhook_off":
            return self.gettext("The CRM has switched its webhook off: switch it on in the CRM's settings.")
        return self.gettext("The CRM's API refuses the token: names and reasons stay unknown.")

    def missed(self, count: int) -> str:
        """What the last reconciliation mended."""
        return self.gettext("Missed changes found: %(num)s", num=count)

    def unconverted(self, count: int, currency: str) -> str:
        """The warning that deals in a currency without a rate count with amount 0."""
        return self.ngettext(
            "%(num)s deal in %(currency)s counts as 0: there is no rate. Add it to the configuration, "
            "[accounts.rates].",
            "%(num)s deals in %(currency)s count as 0: there is no rate. Add it to the configuration, "
            "[accounts.rates].",
            count,
            currency=currency,
        )

    def unclassified(self, count: int) -> str:
        """The hint how to classify reasons that are in no list."""
        return self.ngettext(
            "%(num)s refusal is unclassified. Add its reason to controllable, objective or excluded in the "
            "configuration, [accounts.reasons].",
            "%(num)s refusals are unclassified. Add their reasons to controllable, objective or excluded in "
            "the configuration, [accounts.reasons].",
            count,
        )

    def script(self) -> Mapping[str, str | list[str]]:
        """What the page's script says by itself; lists are plural forms, by the language's plural rules."""
        return {
            "minute": self.gettext("%(num)s min"),
            "hour": self.gettext("%(num)s h"),
            "day": self._plural_forms("%(num)s day", "%(num)s days"),
            "moment": self.gettext("less than a minute"),
            "date": self.gettext("%(day)s/%(month)s/%(year)s, %(time)s"),
            "live": self.gettext("Live"),
            "connecting": self.gettext("Connecting…"),
            "lost": self.gettext("Connection lost"),
            "client": self._plural_forms(
                "%(num)s more client · %(amount)s", "%(num)s more clients · %(amount)s"
            ),
            "arrived": self._plural_forms(
                "Overdue now: %(names)s", "Overdue now: %(num)s clients, %(names)s"
            ),
            "saved": self.gettext("Saved: %(names)s"),
            "credit": self.gettext("✓ %(by)s"),
            "done": self.gettext("✓ Done"),
            "stale": self.gettext("No connection: the figures are those of %(time)s, %(age)s ago"),
        }

    def _plural_forms(self, one: str, many: str) -> list[str]:
        """The forms for one, few and many (or one and other): what 1, 2 and 5 take."""
        return [self.catalogue.ngettext(one, many, count) for count in (1, 2, 5)]


@cache
def same_reason(name: str, language: Language) -> str:
    """A reason's name, in another language if it is one that the board itself gives."""
    for message in (NO_REASON, PENDING_REASON):
        if name in {translations_of(each).gettext(message) for each in get_args(Language)}:
            return translations_of(language).gettext(message)
    return name


@cache
def translations_of(language: Language) -> Translations:
    """The words of a language."""
    return Translations(language)


def _catalogue(language: Language) -> gettext.NullTranslations:
    if language == SOURCE:
        return gettext.NullTranslations()
    source = resources.files("service.live") / "catalogue" / f"{language}.po"
    compiled = io.BytesIO()
    with source.open("rb") as messages:
        write_mo(compiled, read_po(messages, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
