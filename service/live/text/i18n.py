"""The messages of the board in each language: gettext catalogues; English is the language of the source.

`catalogue/<language>.po` is compiled in memory when it is first used.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Final, get_args

from babel.dates import get_month_names
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from service.config import Language
from service.projections.facts import PENDING
from service.reasons import Kind, reason_key

SOURCE: Final[Language] = "en"
"""The language of the messages in the source."""

NO_REASON: Final = "No reason given"
"""The message that names the refusals without a reason."""

PENDING_REASON: Final = "Reason pending"
"""The message that names the refusals whose reason the CRM's API has not told yet."""


class Translations:
    """The messages in one language. Args of messages are named: `%(name)s`."""

    def __init__(self, language: Language) -> None:
        self.language: Final = language
        self.catalogue = _catalogue(language)

    def gettext(self, message: str, **values: str | int) -> str:
        """A message in this language."""
        translated = self.catalogue.gettext(message)
        return translated % values if values else translated

    def ngettext(self, singular: str, plural: str, count: int, **values: str | int) -> str:
        """A message in the plural form of a number, which the message has as `%(num)s`."""
        return self.catalogue.ngettext(singular, plural, count) % {"num": count, **values}

    def reason(self, reason_id: str | None, name: str | None) -> str:
        """The name of a reason, or else its id."""
        if name:
            return name
        if reason_id == PENDING:
            return self.gettext(PENDING_REASON)
        return reason_id or self.gettext(NO_REASON)

    def kind(self, kind: Kind) -> str:
        """The name of a kind of refusals."""
        return {
            "controllable": self.gettext("Avoidable"),
            "objective": self.gettext("Not avoidable"),
            "unclassified": self.gettext("Unclassified"),
            "excluded": self.gettext("Not counted"),
        }[kind]

    def kind_meaning(self, kind: Kind) -> str:
        """What a kind of refusals means."""
        return {
            "controllable": self.gettext("our fault"),
            "objective": self.gettext("beyond our control"),
            "unclassified": self.gettext("reason not in any list"),
        }[kind]

    def verdicts(self) -> dict[str, str]:
        """What the buttons say that classify a reason."""
        return {
            "controllable": self.gettext("Count as avoidable"),
            "objective": self.gettext("Count as not avoidable"),
            "excluded": self.gettext("Do not count"),
        }

    def verdict(self, reason: str, kind: Kind) -> str:
        """What became of a reason that was classified by hand."""
        return {
            "controllable": self.gettext("“%(reason)s” now counts as avoidable", reason=reason),
            "objective": self.gettext("“%(reason)s” now counts as not avoidable", reason=reason),
            "excluded": self.gettext("“%(reason)s” is not counted any more", reason=reason),
            "unclassified": self.gettext("“%(reason)s” is unclassified again", reason=reason),
        }[kind]

    def script(self) -> Mapping[str, str | list[str]]:
        """The messages of the page's script, by the script's names for them; a list has the plural forms."""
        return {
            "minute": self.gettext("%(num)s min"),
            "hour": self.gettext("%(num)s h"),
            "day": self._plural_forms("%(num)s day", "%(num)s days"),
            "moment": self.gettext("less than a minute"),
            "months": [get_month_names("abbreviated", locale=self.language)[month] for month in range(1, 13)],
            "date": self.gettext("%(month)s %(day)s"),
            "dated": self.gettext("%(month)s %(day)s, %(year)s"),
            "came": self.gettext("The first event has come"),
            "copied": self.gettext("Copied"),
            "live": self.gettext("Live"),
            "connecting": self.gettext("Connecting…"),
            "lost": self.gettext("Connection lost"),
            "full": self.gettext("Not storing data"),
            "waiting": self.gettext("No connection: your choice is shown when it is back"),
            "further": self.gettext("%(num)s more · %(amount)s"),
            "arrived": self._plural_forms(
                "Overdue now: %(names)s", "Overdue now: %(num)s clients, %(names)s"
            ),
            "saved": self.gettext("Saved: %(names)s"),
            "sound_on": self.gettext("Turn sound on"),
            "sound_off": self.gettext("Turn sound off"),
            "credit": self.gettext("✓ %(by)s"),
            "done": self.gettext("✓ Done"),
            "none": self.gettext("none yet"),
            "stale": self.gettext("No connection: figures as of %(time)s, %(age)s ago"),
        }

    def _plural_forms(self, singular: str, plural: str) -> list[str]:
        """The forms for one, few and many (in English one and other): those of 1, 2 and 5."""
        return [self.catalogue.ngettext(singular, plural, count) for count in (1, 2, 5)]


@lru_cache(maxsize=4096)
def same_reason(name: str, language: Language) -> str:
    """A reason's name in another language, if the board itself gives that name; else the name as it is."""
    for message in (NO_REASON, PENDING_REASON):
        if name in {translations_of(source).gettext(message) for source in get_args(Language)}:
            return translations_of(language).gettext(message)
    return name


def is_no_reason(name: str) -> bool:
    """Whether a reason's name is one that the board itself gives, because the CRM gave none."""
    own = (translations_of(language).gettext(NO_REASON) for language in get_args(Language))
    pending = (translations_of(language).gettext(PENDING_REASON) for language in get_args(Language))
    return reason_key(name) in map(reason_key, (*own, *pending))


_TAGS: Final = 32
"""Languages of an Accept-Language header that are looked at; a browser sends a handful."""


def preferred_language(accepted: str) -> Language:
    """The first of our languages in an Accept-Language header, where browsers put the preferred one first;
    else the source's."""
    for tag in accepted.split(",", _TAGS)[:_TAGS]:
        primary = tag.partition(";")[0].strip().partition("-")[0].lower()
        for language in get_args(Language):
            if primary == language:
                return language  # type: ignore[no-any-return]
    return SOURCE


@cache
def translations_of(language: Language) -> Translations:
    """The messages in a language."""
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
