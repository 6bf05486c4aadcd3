"""What a new configuration needs to know, and the questions that ask for it.

A question that was answered by an option is not asked. A wrong answer is refused with the reason, and the
question is asked again.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import click

from service.adapters import ADAPTERS, Adapter
from service.config import Language, zone
from service.money import currency_code

_URL: Final = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?")
_TITLES: Final[Mapping[Language, str]] = {"ru": "Отдел продаж", "en": "Sales"}
_CURRENCIES: Final[Mapping[Language, str]] = {"ru": "RUB", "en": "USD"}
_ZONEINFO: Final = "zoneinfo/"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answers:
    """What the person who connects the CRM has said.

    Args:
        public_url: Where the CRM reaches the service; None: not known yet.
        api_url: The address of the CRM's API; None: the CRM has one for every account, or none is asked.
        api_token: None: the API is not asked.
    """

    crm: str
    title: str
    timezone: str
    currency: str
    language: Language
    public_url: str | None
    api_url: str | None
    api_token: str | None

    @property
    def adapter(self) -> Adapter:
        """The CRM's adapter."""
        return ADAPTERS[self.crm]


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks what the options leave open.

    Args:
        given: Answers by option; None where there is none.
        interactive: False: what is open gets its default, and what has none is an error.
    """

    given: Mapping[str, str | None]
    interactive: bool

    def answers(self) -> Answers:
        """Ask everything, in the order in which a person knows it."""
        crm = self._ask("crm", f"Your CRM ({', '.join(ADAPTERS)})", None, _crm)
        language: Language = (
            "en" if self._ask("language", "Language: ru or en", _language(), _known) == "en" else "ru"
        )
        adapter = ADAPTERS[crm]
        return Answers(
            crm,
            self._ask("title", "The board's heading", _TITLES[language], _text),
            self._ask("timezone", "Time zone of the office", _zone(), _zone_name),
            self._ask("currency", "Currency of the sums", _CURRENCIES[language], _currency),
            language,
            self._ask(
                "public_url",
                "Address at which the CRM reaches this service, such as "
                "https://board.example (empty: not known yet)",
                "",
                _address,
            )
            or None,
            *self._api(adapter),
        )

    def secret(self, adapter: Adapter) -> str:
        """The secret that the CRM made; empty if the person has none yet."""

        def right(secret: str) -> str:
            if secret:
                _or_reason(adapter.check_secret, secret)
            return secret

        return self._ask("webhook_secret", "The secret that the CRM shows (empty: later)", "", right)

    def _api(self, adapter: Adapter) -> tuple[str | None, str | None]:
        """The address and the token of the CRM's API, where it can be asked."""
        if adapter.api is None:
            return None, None
        url = None
        if adapter.api.url is None or self.given["api_url"]:
            url = self._ask(
                "api_url",
                "Address of your account in the CRM, such as https://office.amocrm.ru "
                "(empty: the API is not asked)",
                "",
                _address,
            )
            if not url:
                return None, None
        token = self._ask("api_token", "Token of its API (empty: the API is not asked)", "", str.strip)
        return (url, token) if token else (None, None)

    def _ask(self, name: str, question: str, default: str | None, right: Callable[[str], str]) -> str:
        """The answer to one question, as `right` returns it. An option is checked as an answer is."""
        given = self.given.get(name)
        if given is not None:
            return right(given)
        if self.interactive:
            answer: str = click.prompt(
                question, default=default, value_proc=right, show_default=bool(default)
            )
            return answer
        if default is None:
            raise click.UsageError(f"--{name.replace('_', '-')} is needed with --no-input")
        return default


def _or_reason(check: Callable[[str], T], text: str) -> T:
    """What a check returns. Its `ValueError` becomes the reason that the person reads."""
    try:
        return check(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _crm(text: str) -> str:
    kind = text.strip().lower()
    if kind not in ADAPTERS:
        raise click.BadParameter(f"{text!r} is none of {', '.join(ADAPTERS)}")
    return kind


def _known(text: str) -> str:
    if text not in _TITLES:
        raise click.BadParameter(f"{text!r} is none of {', '.join(_TITLES)}")
    return text


def _text(text: str) -> str:
    if not text.strip():
        raise click.BadParameter("expected a text")
    return text.strip()


def _zone_name(text: str) -> str:
    return _or_reason(zone, text.strip()).key


def _currency(text: str) -> str:
    code = currency_code(text.strip().upper())
    if code is None:
        raise click.BadParameter("expected an ISO 4217 code such as RUB")
    return code


def _address(text: str) -> str:
    address = text.strip().rstrip("/")
    if address and not _URL.fullmatch(address):
        raise click.BadParameter("expected an address that begins with https:// or http://")
    return address


def _language() -> Language:
    """The language of the machine."""
    named = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "ru" if named.startswith("ru") else "en"


def _zone() -> str:
    """The time zone of the machine, if it is called by its IANA name somewhere; else UTC."""
    linked = os.path.realpath("/etc/localtime").partition(_ZONEINFO)[2]
    for name in (os.environ.get("TZ", "").lstrip(":"), linked, *time.tzname):
        try:
            return zone(name).key
        except ValueError:
            continue
    return "UTC"
