"""Warnings in the reader's words: what the figures leave out, what is wrong with the CRM, what to do."""

from __future__ import annotations

from datetime import date
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from babel.dates import format_skeleton

from service.config import Language
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

DOUBTS: Final[tuple[WarningCode, ...]] = ("amount_unknown", "unconverted", "reasons_pending")
"""The warnings about deals of which something is not known, whatever the period."""

TROUBLE_CODES: Final[frozenset[str]] = frozenset(get_args(TroubleCode))


class Warned(NamedTuple):
    """What a warning is about.

    Args:
        count: How many deals, deliveries or requests.
        since: When it began, where that means something: ISO, local; `last_at` likewise when it was last.
        subject: What of the CRM: the name of a field, or the cause of a refusal.
        currency: The currency without a rate.
    """

    code: WarningCode
    count: int = 1
    since: str | None = None
    last_at: str | None = None
    subject: str | None = None
    currency: str | None = None


def warning_text(warned: Warned, day: str, language: Language) -> str:
    """The text of a warning.

    Args:
        day: The local day on which it is read, as an ISO date: a moment of another day has its date.
    """
    code = warned.code
    since = moment_text(warned.since, day, language)
    if code.startswith("api_"):
        return _api_text(code, since, language)
    if code in TROUBLE_CODES or code == "never_heard":
        return _connection_text(warned, day, language)
    return _figures_text(warned, language)


def moment_text(at: str | None, day: str, language: Language) -> str:
    """The time of a moment to the minute, with its date if that is not `day`."""
    if at is None:
        return ""
    if at[:10] == day:
        return at[11:16]
    return f"{format_skeleton('MMMd', date.fromisoformat(at[:10]), locale=language)}, {at[11:16]}"


def _api_text(code: WarningCode, since: str, language: Language) -> str:
    """The trouble with the CRM's API, since a moment."""
    _ = translations_of(language).gettext
    match code:
        case "api_token":
            return _(
                "The CRM refuses the token: figures of %(since)s. Put a valid token into the configuration, "
                "[accounts.api].",
                since=since,
            )
        case "api_forbidden":
            return _(
                "The CRM forbids the token to read what the board needs: figures of %(since)s. Grant it the "
                "rights in the CRM.",
                since=since,
            )
        case "api_unpaid":
            return _(
                "The CRM is not paid for: figures of %(since)s. Pay for it, or for a plan with an API.",
                since=since,
            )
        case "api_moved":
            return _(
                "The CRM has moved to another address: figures of %(since)s. Correct url in the "
                "configuration, [accounts.api].",
                since=since,
            )
        case "api_not_found":
            return _(
                "There is no API at the CRM's address: figures of %(since)s. Correct url in the "
                "configuration, [accounts.api].",
                since=since,
            )
        case "api_rejected":
            return _(
                "The CRM rejects our questions: figures of %(since)s. Run lossboard sync, which says why.",
                since=since,
            )
        case "api_junk":
            return _(
                "The CRM's answers cannot be understood: figures of %(since)s. Check url in the "
                "configuration, [accounts.api], and what stands between.",
                since=since,
            )
        case _:
            return _(
                "The CRM does not answer: figures of %(since)s. Check whether it works and can be reached "
                "from the service.",
                since=since,
            )


def _connection_text(warned: Warned, day: str, language: Language) -> str:
    """The trouble with webhooks and settings."""
    translations = translations_of(language)
    _ = translations.gettext
    match warned.code:
        case "never_heard":
            return _("Nothing has come from the CRM yet: connect it.")
        case "webhook_off":
            return _("The CRM has switched its webhook off: switch it on in the CRM's settings.")
        case "reason_field":
            return _(
                "The CRM has no field “%(field)s”: reasons of refusals are unknown. Correct reason_field in "
                "the configuration.",
                field=warned.subject or "",
            )
        case _:
            return translations.ngettext(
                "%(num)s webhook was refused: %(cause)s, at %(at)s. Check the address and the secret in the "
                "CRM.",
                "%(num)s webhooks were refused: %(cause)s, the last at %(at)s. Check the address and the "
                "secret in the CRM.",
                warned.count,
                cause=cause_text(warned.subject, language),
                at=moment_text(warned.last_at, day, language),
            )


def cause_text(cause: str | None, language: Language) -> str:
    """Why a request was refused as not authentic; see `protocol.Cause`."""
    _ = translations_of(language).gettext
    match cause:
        case "token":
            return _("wrong token")
        case "signature":
            return _("wrong signature")
        case "stale":
            return _("outdated signature, or a wrong clock")
        case "headers":
            return _("no signature")
        case "account":
            return _("another account of the CRM")
        case _:
            return _("not authentic")


def _figures_text(warned: Warned, language: Language) -> str:
    """What the figures leave out."""
    ngettext, count = translations_of(language).ngettext, warned.count
    match warned.code:
        case "quarantine":
            return ngettext(
                "%(num)s message from the CRM could not be read and is not in the figures. Look at it, then "
                "run lossboard quarantine.",
                "%(num)s messages from the CRM could not be read and are not in the figures. Look at them, "
                "then run lossboard quarantine.",
                count,
            )
        case "amount_unknown":
            return ngettext(
                "The amount of %(num)s deal is unknown, and counts as 0. Enter it in the CRM.",
                "The amounts of %(num)s deals are unknown, and count as 0. Enter them in the CRM.",
                count,
            )
        case "unconverted":
            return ngettext(
                "%(num)s deal in %(currency)s counts as 0: there is no rate. Add it to the "
                "configuration, [accounts.rates].",
                "%(num)s deals in %(currency)s count as 0: there is no rate. Add it to the "
                "configuration, [accounts.rates].",
                count,
                currency=warned.currency,
            )
        case "unclassified":
            return ngettext(
                "%(num)s refusal is unclassified. Add its reason to controllable, objective or excluded "
                "in the configuration, [accounts.reasons].",
                "%(num)s refusals are unclassified. Add their reasons to controllable, objective or "
                "excluded in the configuration, [accounts.reasons].",
                count,
            )
        case "reasons_pending":
            return ngettext(
                "The reason of %(num)s refusal is still being asked for: it comes by itself.",
                "The reasons of %(num)s refusals are still being asked for: they come by themselves.",
                count,
            )
        case _:
            return ngettext(
                "%(num)s change that no webhook had told was found and put right. If that happens often, "
                "check the webhook in the CRM.",
                "%(num)s changes that no webhook had told were found and put right. If that happens often, "
                "check the webhook in the CRM.",
                count,
            )
