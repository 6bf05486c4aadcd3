"""`lossboard.toml` → `Config`, with errors that name the key, and secrets that are resolved and never
shown."""

from __future__ import annotations

import base64
import binascii
import importlib.resources
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
import tzdata

from service.reasons import DEFAULT_REASONS, Kind, ReasonTable, reason_key

Crm: TypeAlias = Literal["standard", "amocrm", "bitrix24", "hubspot", "pipedrive"]
Language: TypeAlias = Literal["ru", "en"]

DATABASE_VARIABLE: Final = "LOSSBOARD_DATABASE_URL"
_ACCOUNT_ID: Final = re.compile(r"[a-z0-9-]{1,40}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_RATE: Final = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)
_ZONE: Final = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")


class ConfigError(ValueError):
    """The configuration cannot be used; the text names the key, and what was expected. The operator mends
    it."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A string that is never printed."""

    value: str = field(repr=False)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


@cache
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


@dataclass(frozen=True, slots=True)
class AmoCRM:
    """What only an amoCRM account has.

    Args:
        account: `account[id]` or `account[subdomain]` that deliveries must come from; None: not checked.
        reason_field: Name or id of the lead's custom field that carries the loss reason.
        users: Managers' names by id, for an office without an API token.
        timezone: The zone of `complete_till` where a task has no `complete_before`.
    """

    account: str | None = None
    reason_field: str | None = None
    users: Mapping[str, str] = field(default_factory=dict)
    timezone: ZoneInfo = field(default_factory=lambda: zone("UTC"))


@dataclass(frozen=True, slots=True)
class Account:
    """One CRM connection, and the board that it feeds."""

    id: str
    title: str
    crm: Crm
    webhook_secrets: tuple[Secret, ...]
    timezone: str
    zone: ZoneInfo
    currency: str
    language: Language
    viewer_token: Secret | None = None
    reasons: ReasonTable = DEFAULT_REASONS
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    public_url: str | None = None
    domain: str | None = None
    mask_clients: bool = False
    amocrm: AmoCRM = field(default_factory=AmoCRM)


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that `lossboard.toml` says."""

    database_url: str
    accounts: tuple[Account, ...]
    keep_bodies_days: int = 30

    def account(self, account_id: str) -> Account | None:
        """The account with an id."""
        return next((each for each in self.accounts if each.id == account_id), None)


class _Section(msgspec.Struct, forbid_unknown_fields=True):
    """A table of the file, as it stands there."""


class _AmoCRM(_Section):
    account: str | None = None
    reason_field: str | None = None
    users: dict[str, str] = {}
    timezone: str = "UTC"


class _Account(_Section):
    id: str
    title: str
    crm: Crm
    webhook_secret: str | list[str]
    timezone: str
    currency: str
    language: Language = "ru"
    viewer_token: str | None = None
    reasons: dict[Literal["controllable", "objective", "excluded"], list[str]] | None = None
    rates: dict[str, str] = {}
    public_url: str | None = None
    domain: str | None = None
    mask_clients: bool = False
    amocrm: _AmoCRM | None = None


class _File(_Section):
    accounts: list[_Account]
    database_url: str = "sqlite:///lossboard.db"
    keep_bodies_days: int = 30


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Read and check a configuration.

    Raises:
        ConfigError: See there.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; lossboard.example.toml is one to start from") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        return parse(raw, environ)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse(raw: Mapping[str, object], environ: Mapping[str, str]) -> Config:
    """Check a configuration that was read already.

    Raises:
        ConfigError: See there.
    """
    resolved = _resolved(dict(raw), environ, "")
    try:
        file = msgspec.convert(resolved, _File)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$")
        raise ConfigError(f"{where.rstrip('`').lstrip('.') or 'the file'}: {message}") from None
    accounts = tuple(_account(each, f"accounts[{index}]") for index, each in enumerate(file.accounts))
    ids = [account.id for account in accounts]
    if not accounts:
        raise ConfigError("accounts: at least one is needed")
    for index, each in enumerate(ids):
        _check(each not in ids[:index], f"accounts[{index}].id", f"{each!r} is used twice")
    _check(0 < file.keep_bodies_days <= 3650, "keep_bodies_days", "1 to 3650 days")
    return Config(
        database_url=_database_url(environ.get(DATABASE_VARIABLE) or file.database_url),
        accounts=accounts,
        keep_bodies_days=file.keep_bodies_days,
    )


def _check(holds: object, key: str, expected: str) -> None:
    if not holds:
        raise ConfigError(f"{key}: {expected}")


def _resolved(value: object, environ: Mapping[str, str], key: str) -> object:
    """The same, with every string `env:NAME` taken from the environment."""
    if isinstance(value, dict):
        return {each: _resolved(inner, environ, f"{key}.{each}".lstrip(".")) for each, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(inner, environ, f"{key}[{index}]") for index, inner in enumerate(value)]
    if isinstance(value, str) and value.startswith("env:"):
        name = value.removeprefix("env:")
        _check(environ.get(name), key, f"the environment variable {name} is not set")
        return environ[name]
    return value


def _database_url(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    scheme = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}.get(scheme, scheme)
    _check(
        separator and scheme in ("sqlite", "postgresql+psycopg"),
        "database_url",
        "expected sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE",
    )
    return f"{scheme}://{rest}"


def _account(section: _Account, key: str) -> Account:
    _check(_ACCOUNT_ID.fullmatch(section.id), f"{key}.id", "expected 1 to 40 of a-z, 0-9 and -")
    _check(section.title.strip(), f"{key}.title", "expected a title")
    _check(_CURRENCY.fullmatch(section.currency), f"{key}.currency", "expected an ISO 4217 code such as RUB")
    amocrm = section.amocrm or _AmoCRM()
    _check(section.amocrm is None or section.crm == "amocrm", f"{key}.amocrm", 'only with crm = "amocrm"')
    return Account(
        id=section.id,
        title=section.title.strip(),
        crm=section.crm,
        webhook_secrets=_secrets(section, f"{key}.webhook_secret"),
        timezone=section.timezone,
        zone=_zone(section.timezone, f"{key}.timezone"),
        currency=section.currency,
        language=section.language,
        viewer_token=_viewer_token(section.viewer_token, f"{key}.viewer_token"),
        reasons=_reasons(section, f"{key}.reasons"),
        rates=_rates(section.rates, f"{key}.rates"),
        public_url=section.public_url,
        domain=section.domain,
        mask_clients=section.mask_clients,
        amocrm=AmoCRM(
            amocrm.account,
            amocrm.reason_field,
            amocrm.users,
            _zone(amocrm.timezone, f"{key}.amocrm.timezone"),
        ),
    )


def _zone(name: str, key: str) -> ZoneInfo:
    try:
        return zone(name)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from None


def _viewer_token(token: str | None, key: str) -> Secret | None:
    if token is None:
        return None
    _check(len(token) >= 16, key, "expected at least 16 characters, hard to guess")
    return Secret(token)


def _secrets(section: _Account, key: str) -> tuple[Secret, ...]:
    given = [section.webhook_secret] if isinstance(section.webhook_secret, str) else section.webhook_secret
    _check(given and all(given), key, "expected a secret, or a list of them")
    if section.crm == "standard":
        for secret in given:
            _check(_is_standard(secret), key, "expected whsec_ followed by at least 16 bytes in base64")
    return tuple(Secret(secret) for secret in given)


def _is_standard(secret: str) -> bool:
    """Whether a secret is one of Standard Webhooks."""
    if not secret.startswith("whsec_"):
        return False
    try:
        return len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) >= 16
    except (binascii.Error, ValueError):
        return False


def _reasons(section: _Account, key: str) -> ReasonTable:
    if section.reasons is None:
        return DEFAULT_REASONS
    kinds: dict[str, Kind] = {}
    for kind, names in section.reasons.items():
        for name in names:
            _check(reason_key(name), f"{key}.{kind}", "expected names of reasons")
            _check(
                kinds.get(reason_key(name), kind) == kind,
                f"{key}.{kind}",
                f"{name!r} has another kind already",
            )
            kinds[reason_key(name)] = kind
    return ReasonTable(kinds)


def _rates(given: Mapping[str, str], key: str) -> Mapping[str, Decimal]:
    rates: dict[str, Decimal] = {}
    for currency, rate in given.items():
        _check(_CURRENCY.fullmatch(currency), f"{key}.{currency}", "expected an ISO 4217 code such as USD")
        _check(
            _RATE.fullmatch(rate) and Decimal(rate) > 0,
            f"{key}.{currency}",
            'expected a rate such as "92.50"',
        )
        rates[currency] = Decimal(rate)
    return rates
