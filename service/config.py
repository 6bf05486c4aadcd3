"""The configuration as values: accounts, their secrets (which are never printed), zones and reasons."""

from __future__ import annotations

import hmac
import importlib.resources
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
import tzdata

from service.operator_error import OperatorError, Unknown
from service.reasons import DEFAULT_REASONS, Kind, ReasonTable

Language: TypeAlias = Literal["ru", "en"]

_ZONE: Final = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")


class ConfigError(OperatorError, ValueError):
    """The configuration cannot be used. The text names the key and what is expected there."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A string that is never printed."""

    value: str = field(repr=False)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


def is_one_of(given: str | bytes, secrets: Iterable[str | bytes]) -> bool:
    """Whether what a request gives is one of the secrets, or of the signatures made with them.

    Secrets are compared here and nowhere else. All are compared, each in constant time, so that the time it
    takes does not tell which one matches, or how much of it. An empty one never matches.
    """
    ours = _encoded(given)
    matches = [hmac.compare_digest(ours, _encoded(secret)) for secret in secrets]
    return any(matches) and bool(ours)


def _encoded(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "replace")


@lru_cache(maxsize=1024)  # there are some 600
def zone(key: str) -> ZoneInfo:
    """A time zone by its IANA name, from the `tzdata` wheel, so that every machine has the same rules.

    Raises:
        ValueError: There is no such zone.
    """
    if not _ZONE.fullmatch(key):
        raise ValueError(f"no time zone is called {key!r}")
    try:
        with importlib.resources.files("tzdata").joinpath("zoneinfo", *key.split("/")).open("rb") as rules:
            return ZoneInfo.from_file(rules, key=key)
    except (OSError, ValueError):
        raise ValueError(f"no time zone is called {key!r}; names are like Europe/Moscow") from None


def zone_version() -> str:
    """The release of the time zone rules in use."""
    return str(tzdata.IANA_VERSION)


class Options(msgspec.Struct, frozen=True):
    """An account's table that is named after its CRM kind, such as `[accounts.amocrm]`.

    Each adapter has a subclass of its own, whose fields are the table's keys; this one, without any, is for a
    CRM that needs no settings.
    """

    @classmethod
    def of(cls, account: Account) -> Self:
        """The account's options. Raises `TypeError` for an account of another CRM kind."""
        if not isinstance(account.options, cls):
            raise TypeError(f"account {account.id} has {type(account.options).__name__}, not {cls.__name__}")
        return account.options


class NamedUsers(Options, frozen=True):
    """The options of a CRM whose webhooks carry the managers' ids without their names.

    Args:
        users: Managers' names by their ids, for an account without [accounts.api].
    """

    users: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Api:
    """How to call an account's CRM for what its webhooks leave out.

    Args:
        token: Proves who calls. The CRM's page in docs/how-to/connect/ says which kind of token it is.
        url: The address of the API; None: the CRM has one address for every account.
        per_second: Calls per second, if the vendor grants this account another pace than most.
    """

    token: Secret
    url: str | None = None
    per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Above what the figures of a board are too high. None: no limit.

    Args:
        clients: Clients at risk.
        amount: The amount at stake, in minor units of the account's currency.
    """

    clients: int | None = None
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """One CRM connection, and the board that it feeds.

    Args:
        public_url: Where the outside reaches the service, with the root path; None: not known.
        root_path: As `Config.root_path`.
        viewer_token: Lets a screen see the board; None: only named screens see it.
        invented: The office is made up (the demo's), and its board hides nothing from anybody.
    """

    id: str
    title: str
    crm: str
    webhook_secrets: tuple[Secret, ...]
    zone: ZoneInfo
    currency: str
    language: Language
    viewer_token: Secret | None = None
    reasons: ReasonTable = DEFAULT_REASONS["ru"]
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    public_url: str | None = None
    mask_clients: bool = False
    show_phones: bool = False
    limits: Limits = Limits()
    options: Options = field(default_factory=Options)
    api: Api | None = None
    root_path: str = ""
    invented: bool = False

    def with_hand(self, by_hand: Mapping[str, Kind]) -> Account:
        """The account with the reasons that were classified by hand (`ReasonTable.with_hand`)."""
        return replace(self, reasons=self.reasons.with_hand(by_hand)) if by_hand else self

    @property
    def webhook_address(self) -> str:
        """Where the account's CRM posts to; without `public_url` only the path is known."""
        return f"{(self.public_url or self.root_path).rstrip('/')}/webhooks/{self.id}"

    @property
    def timezone(self) -> str:
        """The IANA name of the account's zone."""
        return self.zone.key

    @property
    def users(self) -> Mapping[str, str]:
        """Managers' names by id, as far as the configuration gives them."""
        return self.options.users if isinstance(self.options, NamedUsers) else {}

    @property
    def reason_field(self) -> str | None:
        """The field of the CRM that carries the loss reason; None where the configuration names none."""
        return getattr(self.options, "reason_field", None)


class Log(msgspec.Struct, frozen=True):
    """The log of `lossboard serve`.

    Args:
        level: The least level of the service's own lines that is written. At debug each webhook and each
            frame has a line.
        format: For people (plain) or for programs (json, an object a line).
    """

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["plain", "json"] = "plain"


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that `lossboard.toml` says.

    Args:
        listen_url: The server at which commits are announced and listened for; None: that of `database_url`.
        file: The path that it was read from; None: from nowhere, as the demo's.
        root_path: The path under which a proxy serves the service, such as `/lossboard`; empty: under none.
        trusted_proxies: Addresses and networks whose X-Forwarded-For and -Proto are believed.
        metrics_token: Opens `/metrics`; None: nothing does.
        admin_token: Opens `/admin`, likewise.
        log: How `serve` writes its log.
    """

    database_url: str
    accounts: tuple[Account, ...]
    keep_bodies_days: int = 30
    listen_url: str | None = None
    file: str | None = None
    root_path: str = ""
    trusted_proxies: tuple[str, ...] = ()
    metrics_token: Secret | None = None
    admin_token: Secret | None = None
    log: Log = field(default_factory=Log)

    def account(self, account_id: str) -> Account:
        """The account with an id.

        Raises:
            Unknown: There is none.
        """
        accounts = {account.id: account for account in self.accounts}
        if account_id not in accounts:
            raise Unknown(f"no account is called {account_id}; the accounts are: {', '.join(accounts)}")
        return accounts[account_id]
