"""Warnings in the reader's words: what the figures leave out, what is wrong with the CRM, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from service.config import Language
from service.live.text.formats import minute
from service.live.text.i18n import translations_of
from service.model import TroubleCode

WarningCode: TypeAlias = (
    Literal[
        "never_heard",
        "quarantine",
        "amount_unknown",
        "unconverted",
        "unclassified",
        "reasons_pending",
        "missed",
    ]
    | TroubleCode
)
"""The name of a warning about what the figures leave out, or about what is wrong with the CRM."""

CODES: Final[tuple[str, ...]] = tuple(
    code for part in get_args(WarningCode) for code in get_args(part) or [part]
)
"""Every code."""


class Warned(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a warning is about.

    Args:
        count: How many deals, deliveries or requests.
        since: When it began, where that means something: ISO, local; `last_at` likewise when it was last.
        subject: What of the CRM it is about, such as the name of a field or the cause of a refusal; with
            `never_heard` the address to post to.
        currency: The currency without a rate.
    """

    code: WarningCode
    count: int
    since: str | None = None
    last_at: str | None = None
    subject: str | None = None
    currency: str | None = None


def _message(text: str) -> tuple[str, str]:
    """A message for the catalogue that no number changes."""
    return text, text


def _plural(one: str, many: str) -> tuple[str, str]:
    """A message for the catalogue in the plural forms of a number."""
    return one, many


_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "api_token": _message(
        "The CRM rejects the token: figures as of %(since)s. Put a valid token in the configuration, "
        "[accounts.api]."
    ),
    "api_forbidden": _message(
        "The token may not read what the board needs: figures as of %(since)s. Grant it access in the CRM."
    ),
    "api_unpaid": _message(
        "The CRM is unpaid: figures as of %(since)s. Pay for it, or for a plan that includes the API."
    ),
    "api_moved": _message(
        "The CRM has moved to another address: figures as of %(since)s. Correct url in the "
        "configuration, [accounts.api]."
    ),
    "api_not_found": _message(
        "There is no API at the CRM's address: figures as of %(since)s. Correct url in the "
        "configuration, [accounts.api]."
    ),
    "api_rejected": _message(
        "The CRM rejects our requests: figures as of %(since)s. Run lossboard sync to see why."
    ),
    "api_unreachable": _message(
        "The CRM does not answer: figures as of %(since)s. Check that it is up and that the service "
        "can reach it."
    ),
    "api_junk": _message(
        "The CRM's answers make no sense: figures as of %(since)s. Check url in the configuration, "
        "[accounts.api], and any proxy in between."
    ),
    "webhook_off": _message("The CRM has switched off its webhook: switch it back on in the CRM's settings."),
    "reason_field": _message(
        "The CRM has no field “%(subject)s”: the reasons for lost deals are unknown. Correct "
        "reason_field in the configuration."
    ),
    "requests_refused": _plural(
        "%(num)s webhook was refused: %(cause)s (last: %(last_at)s). Check the address and the secret in "
        "the CRM.",
        "%(num)s webhooks were refused: %(cause)s (last: %(last_at)s). Check the address and the secret in "
        "the CRM.",
    ),
    "never_heard": _message("Nothing has come from the CRM yet: have it send webhooks to %(subject)s."),
    "quarantine": _plural(
        "%(num)s message from the CRM could not be read and is not in the figures. See the details, "
        "then run lossboard quarantine.",
        "%(num)s messages from the CRM could not be read and are not in the figures. See the "
        "details, then run lossboard quarantine.",
    ),
    "amount_unknown": _plural(
        "The amount of %(num)s deal is unknown and counts as 0. Enter it in the CRM.",
        "The amounts of %(num)s deals are unknown and count as 0. Enter them in the CRM.",
    ),
    "unconverted": _plural(
        "%(num)s deal in %(currency)s counts as 0: there is no exchange rate. Add one to the "
        "configuration, [accounts.rates].",
        "%(num)s deals in %(currency)s count as 0: there is no exchange rate. Add one to the "
        "configuration, [accounts.rates].",
    ),
    "unclassified": _plural(
        "%(num)s lost deal is unclassified. Classify its reason on the board, by an editor's link, or in "
        "the configuration, [accounts.reasons].",
        "%(num)s lost deals are unclassified. Classify their reasons on the board, by an editor's link, or "
        "in the configuration, [accounts.reasons].",
    ),
    "reasons_pending": _plural(
        "The reason for %(num)s lost deal is still on its way from the CRM: it will appear by itself.",
        "The reasons for %(num)s lost deals are still on their way from the CRM: they will appear by "
        "themselves.",
    ),
    "missed": _plural(
        "%(num)s change that no webhook reported was found and corrected. If this happens often, "
        "check the webhook in the CRM.",
        "%(num)s changes that no webhook reported were found and corrected. If this happens often, "
        "check the webhook in the CRM.",
    ),
}

_CAUSES: Final[Mapping[str, tuple[str, str]]] = {
    "token": _message("wrong token"),
    "signature": _message("wrong signature"),
    "stale": _message("outdated signature, or a wrong clock"),
    "headers": _message("no signature"),
    "account": _message("another account of the CRM"),
    "wrong_type": _message("another format than this CRM's"),
    "too_large": _message("larger than 1 MiB"),
    "too_slow": _message("not complete within ten seconds"),
}
"""By `protocol.Cause`, and by what else the webhook's route refuses."""


_REMEDIES: Final[Mapping[str, tuple[str, str]]] = {
    "token": _message("Compare the secret in the CRM with webhook_secret in the configuration."),
    "signature": _message("The CRM signs with another secret than webhook_secret in the configuration."),
    "stale": _message("Set the clocks of the sender and of the service: they are minutes apart."),
    "headers": _message("Have the CRM send the secret or the signature, as the steps say."),
    "account": _message("Check which account of the CRM the configuration names."),
    "wrong_type": _message("Check crm in the configuration, and that the CRM's webhook has this address."),
    "too_large": _message("Have the CRM send fewer changes at once."),
    "too_slow": _message("Check the network between the CRM and the service."),
}
"""What to do, by the same."""


def warning_text(warned: Warned, day: str, language: Language) -> str:
    """The text of a warning.

    Args:
        day: The local day on which it is read, as an ISO date: a moment of another day has its date.
    """
    one, many = _TEXTS[warned.code]
    values = {
        "num": warned.count,
        "since": minute(warned.since, day, language) if warned.since else "",
        "last_at": minute(warned.last_at, day, language) if warned.last_at else "",
        "subject": warned.subject or "",
        "cause": cause_text(warned.subject, language),
        "currency": warned.currency or "",
    }
    catalogue = translations_of(language).catalogue
    text = catalogue.gettext(one) if one == many else catalogue.ngettext(one, many, warned.count)
    return text % values


def cause_text(cause: str | None, language: Language) -> str:
    """Why a webhook was refused."""
    text, _ = _CAUSES.get(cause or "", _message("not authentic"))
    return translations_of(language).gettext(text)


def cause_remedy(cause: str | None, language: Language) -> str:
    """What to do about a webhook that was refused."""
    text, _ = _REMEDIES.get(cause or "", _message("Check the address and the secret in the CRM."))
    return translations_of(language).gettext(text)
