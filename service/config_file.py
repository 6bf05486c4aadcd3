"""`lossboard.toml` → `Config`, with errors that name the key."""

from __future__ import annotations

import base64
import binascii
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from service.config import Account, Api, Config, ConfigError, Language, Options, Secret, zone
from service.reasons import DEFAULT_REASONS, Kind, ReasonTable, reason_key

DATABASE_VARIABLE: Final = "LOSSBOARD_DATABASE_URL"
_OPTIONS: Final = "options of the crm"  # no key of the file: the table is called as the CRM kind
_ACCOUNT_ID: Final = re.compile(r"[a-z0-9-]{1,40}")
_API_URL: Final = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_RATE: Final = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)


class _Section(msgspec.Struct, forbid_unknown_fields=True):
    """A table of the file, as it stands there."""


class _Options(_Section):
    account: str | None = None
    reason_field: str | None = None
    users: dict[str, str] = {}
    timezone: str = "UTC"
    signature: Literal["v1", "v3"] | None = None


class _Api(_Section):
    token: str
    url: str | None = None
    per_second: float | None = None


class _Account(_Section):
    id: str
    title: str
    crm: str
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
    options: _Options = msgspec.field(default_factory=_Options, name=_OPTIONS)
    api: _Api | None = None


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
    resolved = _with_options(_resolved(dict(raw), environ, ""))
    try:
        file = msgspec.convert(resolved, _File)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$")
        raise ConfigError(f"{_key(where.rstrip('`').lstrip('.'), resolved)}: {message}") from None
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


def _with_options(file: object) -> object:
    """The same, with each account's table that is called as its CRM kind where every account has it."""
    accounts = file.get("accounts") if isinstance(file, dict) else None
    for account in accounts if isinstance(accounts, list) else ():
        if isinstance(account, dict) and isinstance(account.get(kind := account.get("crm")), dict):
            account[_OPTIONS] = account.pop(kind)
    return file


def _key(where: str, file: object) -> str:
    """A key as it stands in the file; `_with_options` gave one of them another name."""
    found = re.match(r"accounts\[(\d+)\]", where)
    if found and isinstance(file, dict):
        where = where.replace(_OPTIONS, str(file["accounts"][int(found[1])]["crm"]))
    return where or "the file"


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
    options = section.options
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
        options=Options(
            options.account,
            options.reason_field,
            options.users,
            _zone(options.timezone, f"{key}.{section.crm}.timezone"),
            options.signature,
        ),
        api=_api(section.api, f"{key}.api"),
    )


def _api(section: _Api | None, key: str) -> Api | None:
    if section is None:
        return None
    _check(section.token, f"{key}.token", "expected the token that the CRM gave")
    _check(
        section.url is None or _API_URL.fullmatch(section.url),
        f"{key}.url",
        "expected an address such as https://office.amocrm.ru",
    )
    pace = section.per_second
    _check(pace is None or 0 < pace <= 1000, f"{key}.per_second", "expected calls a second, such as 5")
    return Api(Secret(section.token), section.url.rstrip("/") if section.url else None, pace)


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
    if section.crm == "pipedrive":
        for secret in given:
            _check(all(secret.partition(":")), key, "expected user:password, as HTTP Basic sends them")
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
