"""A CRM's ids, names, addresses and times as the fields of a change; shared by the adapters.

Pure. Each function raises `ValueError` with one line that a person connecting a CRM understands.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import urlsplit

from msgspec import UNSET, UnsetType

from service.calendar import parse_instant
from service.model import DAY, ID_LENGTH, TEXT_LENGTH, Change, Instant, Value, cleaned
from service.money import NO_CURRENCY, currency_code, parse_amount
from service.reasons import reason_key

_Sent = TypeVar("_Sent")
_Read = TypeVar("_Read")

MAX_AHEAD: Final = DAY
"""How far ahead of its arrival a change may be dated. A skewed clock is tolerated. A wild date is not,
because it would win over every later change of its fields for good."""

UNDECODABLE: Final = (ValueError, OverflowError, RecursionError)
"""What parsing hostile text raises: a wrong value, a date that `datetime` cannot hold, nesting too deep."""

_PHONE = re.compile(r"\+?[0-9]{5,15}")
_IN_PHONES: Final = frozenset({"Cf", "Pd", "Zs"})
"""The Unicode categories of what people write between the digits of a telephone number: invisible
characters, dashes, spaces."""

_WITHOUT_MARKS: Final = str.maketrans("", "", "().")
"""Leaves out the parentheses and points, which people write there too."""

_ADDRESS = re.compile(r"https?://[!-~\u00a1-\uffff]+", re.IGNORECASE)


def identifier(value: str | int) -> str:
    """An entity's id. Raises `ValueError` when it is empty or longer than `ID_LENGTH`."""
    text = value if isinstance(value, str) else str(value)
    if len(text) > ID_LENGTH:
        raise ValueError(f"an id is longer than {ID_LENGTH} characters")
    text = cleaned(text)
    if not text:
        raise ValueError("an id is empty")
    return text


def optional_identifier(value: str | int | None) -> str | None:
    """The id in a link to another entity; None for null and the empty string."""
    return None if value is None or value == "" else identifier(value)


def optional_text(value: str | None) -> str | None:
    """A name or a text; None for one with nothing in it."""
    return None if value is None else cleaned(value) or None


def web_address(value: str | None) -> str | None:
    """An address that is safe in a link; None for any other.

    Safe is http or https with a host and no spaces. Otherwise anyone who can post a webhook could put
    `javascript:` on every screen. An unsafe address does not spoil the rest of its event.
    """
    text = optional_text(value)
    if text is None or len(text) >= TEXT_LENGTH or not _ADDRESS.fullmatch(text):
        return None
    try:
        return text if urlsplit(text).hostname else None
    except ValueError:
        return None


def phone_number(*values: object) -> str | None:
    """The first of some values that is a telephone number: 5 to 15 digits (ITU-T E.164), after a plus sign if
    it has one; None if none is.

    That much is safe in a `tel:` address. Anything else (an extension, two numbers, a word) would call
    somebody else, so it is not known.
    """
    for value in values:
        text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if len(text) <= TEXT_LENGTH:
            kept = unicodedata.normalize("NFKC", text).translate(_WITHOUT_MARKS)
            number = "".join(one for one in kept if unicodedata.category(one) not in _IN_PHONES)
            if _PHONE.fullmatch(number):
                return number
    return None


def money(
    amount: object,
    currency: object,
    account_currency: str,
    read: Callable[[object, str], int] = parse_amount,
) -> dict[str, Value]:
    """A deal's fields `amount` and `currency`, as far as they were sent: the one rule for what is not known
    (SPEC section 2.8). Raises nothing.

    An amount that is null or cannot be read is unknown, which is None. A currency that is no code is
    `NO_CURRENCY`, and the amount with it is unknown. Null and the empty string are the account's currency.

    Args:
        amount: A decimal string, an integer or null, with the digits that were sent; UNSET if it was not.
        currency: UNSET if it was not sent: the amount is then in the account's.
        read: `money.parse_amount`, or `money.round_amount` for a vendor that computes amounts.
    """
    fields: dict[str, Value] = {}
    code: str | None = account_currency
    if currency is not UNSET:
        sent = currency.strip() if isinstance(currency, str) else currency
        code = account_currency if sent in (None, "") else currency_code(sent)
        fields["currency"] = None if sent in (None, "") else code or NO_CURRENCY
    if amount is not UNSET:
        try:
            fields["amount"] = None if code is None else read(amount, code)
        except ValueError:
            fields["amount"] = None
    return fields


def if_sent(value: _Sent | UnsetType, read: Callable[[_Sent], _Read]) -> _Read | UnsetType:
    """What `read` makes of a value; UNSET for one that was not sent."""
    return UNSET if value is UNSET else read(value)


def sent_fields(**fields: Value | UnsetType) -> dict[str, Value]:
    """A change's fields, without those that are UNSET."""
    return {name: value for name, value in fields.items() if value is not UNSET}


def refuse_future(version: Instant, received_at: Instant) -> Instant:
    """The version. Raises `ValueError` when it is more than a day later than the time received."""
    if version - received_at > MAX_AHEAD:
        raise ValueError("it is dated more than a day in the future: check the sender's clock")
    return version


def event_time(text: str, received_at: Instant) -> Instant:
    """An event's own time, in ISO 8601 with an offset. Raises `ValueError`."""
    return refuse_future(parse_instant(text), received_at)


def loss_reason(name: str | None, version: Instant) -> tuple[dict[str, Value], tuple[Change, ...]]:
    """The deal's fields and the change that names the reason, for a CRM that sends the reason's name."""
    name = optional_text(name)
    key = reason_key(name) if name else ""
    if not key:
        return {"reason_id": None}, ()
    return {"reason_id": key}, (Change("reason", key, version, {"name": name}),)


def one_line(error: Exception) -> str:
    """An error's text, on one line and of bounded length, for a `Rejection`."""
    return cleaned(" ".join(str(error).split())) or type(error).__name__


def printable(text: str) -> str:
    """Text that is safe to print on a terminal: control characters become escapes."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def digest(body: bytes, occasion: str = "") -> str:
    """SHA-256 of a body, in the form of `sha256sum`; with an `occasion`, of the body together with it."""
    sha = hashlib.sha256(body)
    if occasion:
        sha.update(b"\0" + occasion.encode("utf-8", "replace"))
    return sha.hexdigest()
