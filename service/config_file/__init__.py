"""Read `lossboard.toml` into a `Config`. Each error names the key and says what is expected there."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from service import references
from service.adapters import ADAPTERS, Adapter
from service.config import Account, Api, Config, ConfigError, Limits, Log, Secret, zone
from service.config_file.tables import (
    A_DATABASE,
    A_NETWORK,
    A_RATE,
    ISO_4217,
    ONE_OR_SEVERAL,
    AccountTable,
    ApiTable,
    FileTable,
    LimitsTable,
    ReasonsTable,
)
from service.config_file.words import meant, mistake
from service.money import currency_code, parse_amount
from service.reasons import DEFAULT_REASONS, LISTED_KINDS, Kind, ReasonTable, reason_key

DATABASE_VARIABLE: Final = "LOSSBOARD_DATABASE_URL"
_OWN_PATHS: Final = frozenset({"admin", "boards", "healthz", "metrics", "readyz", "static", "webhooks"})
"""What the paths inside the service begin with. One that began with the root path would be ambiguous."""
_RATE: Final = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)
_Table = TypeVar("_Table", bound=msgspec.Struct)


def load(path: Path, environ: Mapping[str, str], *, secrets: bool = True) -> Config:
    """Read and check a configuration; `secrets` as in `references.resolved`. Raises `ConfigError`."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; start from lossboard.example.toml") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        return replace(parse(raw, environ, secrets=secrets), file=str(path))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse(raw: Mapping[str, object], environ: Mapping[str, str], *, secrets: bool = True) -> Config:
    """Check a configuration that was read already; `secrets` as in `load`. Raises `ConfigError`."""
    file = _table(references.resolved(raw, environ, secrets=secrets), FileTable, "")
    keyed = {f"accounts[{index}]": raw for index, raw in enumerate(file.accounts)}
    root_path = _root_path(file.root_path)
    accounts = tuple(_working(_account(raw, root_path, key), key) for key, raw in keyed.items())
    _check(accounts, "accounts", "at least one is needed")
    for index, account_id in enumerate(ids := [account.id for account in accounts]):
        _check(account_id not in ids[:index], f"accounts[{index}].id", f"{account_id!r} is used twice")
    if any(environ.get(name) for name in (DATABASE_VARIABLE, f"{DATABASE_VARIABLE}_FILE")):
        file.database_url = references.from_environment(DATABASE_VARIABLE, environ)
    database_url = _database_url(file.database_url, "database_url")
    listen_url = None if file.listen_url is None else _database_url(file.listen_url, "listen_url")
    on_sqlite = "sqlite" in (database_url[:6], (listen_url or "")[:6])
    _check(listen_url is None or not on_sqlite, "listen_url", "only with PostgreSQL")
    _check(not file.sharded or not on_sqlite, "sharded", "only with PostgreSQL")
    return Config(
        database_url=_hinted(database_url, pooler=listen_url is not None, sharded=file.sharded),
        accounts=accounts,
        keep_bodies_days=file.keep_bodies_days,
        listen_url=listen_url,
        root_path=root_path,
        trusted_proxies=_proxies(file.trusted_proxies),
        metrics_token=_token(file.metrics_token),
        admin_token=_token(file.admin_token),
        log=_table(file.log, Log, "log"),
    )


def _check(holds: object, key: str, expected: str) -> None:
    if not holds:
        raise ConfigError(f"{key}: {expected}")


def _table(raw: object, table: type[_Table], key: str, *, also: Sequence[str] = ()) -> _Table:
    """A table of the file. Raises `ConfigError` for an unknown key; the error names the known ones.

    Args:
        also: Known keys that are read apart from the table.
    """
    known = [*(field.encode_name for field in msgspec.structs.fields(table)), *also]
    for name in raw if isinstance(raw, dict) else ():
        expected = f"unknown key; {meant(name, known)}known are: {', '.join(known)}"
        _check(name in known, f"{key}.{name}".lstrip("."), expected)
    try:
        return msgspec.convert(raw, table, dec_hook=_zone)
    except msgspec.ValidationError as error:
        raise ConfigError(mistake(error, raw, table, key)) from None


def _zone(_type: type, name: Any) -> ZoneInfo:
    """A time zone, the one type in a table that msgspec does not know. Raises `ValueError`."""
    return zone(str(name))


def _database_url(url: str, key: str) -> str:
    scheme, separator, rest = url.partition("://")
    scheme = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}.get(scheme, scheme)
    is_known = separator and scheme in ("sqlite", "postgresql+psycopg")
    _check(is_known, key, f"expected {A_DATABASE}")
    return f"{scheme}://{rest}"


def _hinted(url: str, *, pooler: bool, sharded: bool) -> str:
    """The same URL; it tells `ledger.database.engine` what stands behind it."""
    hints = f"{'&pooler=transaction' * pooler}{'&sharded=true' * sharded}"
    return url + (hints if "?" in url else hints.replace("&", "?", 1))


def _root_path(given: str) -> str:
    """The root path: nothing, or segments that each begin with a slash."""
    path = given.rstrip("/")
    own = path.split("/")[1:2]
    _check(not _OWN_PATHS.intersection(own), "root_path", f"the service itself has addresses below {path}")
    return path


def _proxies(given: Sequence[str]) -> tuple[str, ...]:
    """Addresses and networks. Nothing stands for everybody: then anybody could say who they are."""
    for index, proxy in enumerate(given):
        try:
            ipaddress.ip_network(proxy)
        except ValueError as error:
            raise ConfigError(f"trusted_proxies[{index}]: expected {A_NETWORK}: {error}") from None
    return tuple(given)


def _account(raw: Mapping[str, object], root_path: str, key: str) -> Account:
    tables = ADAPTERS.keys() & raw.keys()
    kind = raw.get("crm")
    if isinstance(kind, str) and kind not in ADAPTERS:
        supported = f"{meant(kind, ADAPTERS)}supported are: {', '.join(ADAPTERS)}"
        raise ConfigError(f"{key}.crm: {kind!r} is not supported; {supported}")
    own_table = [kind] if isinstance(kind, str) else []
    section = _table(
        {name: raw[name] for name in raw if name not in tables}, AccountTable, key, also=own_table
    )
    adapter = ADAPTERS[section.crm]
    for name in tables - {section.crm}:
        _check(False, f"{key}.{name}", f"the account's crm is {section.crm}; {_known_options(adapter)}")
    _check(currency_code(section.currency), f"{key}.currency", f"expected {ISO_4217}")
    public_url = None if section.public_url is None else section.public_url.rstrip("/")
    is_below = public_url is None or public_url.endswith(root_path)
    _check(is_below, f"{key}.public_url", f"expected to end with the root_path, {root_path}")
    return Account(
        id=section.id,
        title=section.title.strip(),
        crm=section.crm,
        webhook_secrets=_secrets(section.webhook_secret, adapter, f"{key}.webhook_secret"),
        zone=section.timezone,
        currency=section.currency,
        language=section.language,
        viewer_token=_token(section.viewer_token),
        reasons=DEFAULT_REASONS[section.language]
        if section.reasons is None
        else _reasons(section.reasons, f"{key}.reasons"),
        rates=_rates(section.rates, f"{key}.rates"),
        public_url=public_url,
        root_path=root_path,
        mask_clients=section.mask_clients,
        show_phones=section.show_phones,
        limits=_limits(section.limits, section.currency, f"{key}.limits"),
        options=_table(raw.get(section.crm, {}), adapter.options, f"{key}.{section.crm}"),
        api=None if section.api is None else _api(section.api, adapter, f"{key}.api"),
    )


def _working(account: Account, key: str) -> Account:
    """The account, if it can work with its CRM. Raises `ConfigError`."""
    try:
        ADAPTERS[account.crm].check(account)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from None
    return account


def _known_options(adapter: Adapter) -> str:
    known = ", ".join(field.name for field in msgspec.structs.fields(adapter.options))
    return f"its options stand in [accounts.{adapter.kind}]: {known}" if known else "it has no options"


def _api(raw: Mapping[str, object], adapter: Adapter, key: str) -> Api:
    section, kind = _table(raw, ApiTable, key), adapter.kind
    if adapter.api is None:
        raise ConfigError(f"{key}: {kind} has no API; remove [accounts.api]")
    _check(section.url or adapter.api.url, f"{key}.url", f"expected the address of the {kind} account")
    return Api(Secret(section.token), section.url.rstrip("/") if section.url else None, section.per_second)


def _token(token: str | None) -> Secret | None:
    return None if token is None else Secret(token)


def _secrets(given: str | list[str], adapter: Adapter, key: str) -> tuple[Secret, ...]:
    secrets = [given] if isinstance(given, str) else given
    _check(secrets and all(secrets), key, f"expected {ONE_OR_SEVERAL}")
    for secret in secrets:
        try:
            if secret != references.ABSENT:
                adapter.check_secret(secret)
        except ValueError as error:
            raise ConfigError(f"{key}: {error}") from None
    return tuple(Secret(secret) for secret in secrets)


def _reasons(raw: Mapping[str, object], key: str) -> ReasonTable:
    section = _table(raw, ReasonsTable, key)
    kinds: dict[str, Kind] = {}
    for kind in LISTED_KINDS:
        for name in getattr(section, kind):
            known = kinds.setdefault(reason_key(name), kind)
            _check(reason_key(name), f"{key}.{kind}", "expected names of reasons")
            _check(known == kind, f"{key}.{kind}", f"{name!r} has another kind already")
    return ReasonTable.of({kind: getattr(section, kind) for kind in LISTED_KINDS})


def _limits(raw: Mapping[str, object], currency: str, key: str) -> Limits:
    given = _table(raw, LimitsTable, key)
    try:
        amount = None if given.amount is None else parse_amount(given.amount, currency)
    except ValueError as error:
        raise ConfigError(f"{key}.amount: {error}") from None
    return Limits(given.clients, amount)


def _rates(given: Mapping[str, str], key: str) -> Mapping[str, Decimal]:
    for currency, rate in given.items():
        _check(currency_code(currency), f"{key}.{currency}", f"expected {ISO_4217}")
        is_rate = _RATE.fullmatch(rate) and Decimal(rate) > 0
        _check(is_rate, f"{key}.{currency}", f"expected {A_RATE}")
    return {currency: Decimal(rate) for currency, rate in given.items()}
