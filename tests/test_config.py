"""`lossboard.toml`: what it may say, and the error for each mistake."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from service.adapters import ADAPTERS
from service.adapters.amocrm.options import AmoCRMOptions
from service.config import Config, ConfigError, Log, Secret, zone
from service.config_file import load, parse

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EXAMPLE = Path(__file__).parents[1] / "lossboard.example.toml"
ENVIRONMENT = {
    "OFFICE_SECRET": SECRET,
    "OFFICE_VIEWER": "a-token-that-is-hard-to-guess",
    "AMO_SECRET": "long-and-quite-random",
    "AMO_TOKEN": "a-long-lived-token",
}


def account(**fields: object) -> dict[str, object]:
    return {
        "id": "office",
        "title": "Office",
        "crm": "standard",
        "webhook_secret": SECRET,
        "timezone": "Europe/Moscow",
        "currency": "RUB",
        **fields,
    }


def read(environ: Mapping[str, str] | None = None, **fields: Any) -> Config:
    return parse({"accounts": [account(**fields)]}, environ or {})


def test_the_example_is_right_and_its_environment_is_all_it_needs() -> None:
    config = load(EXAMPLE, ENVIRONMENT)
    office, amo = config.accounts
    assert office.webhook_secrets == (Secret(SECRET),)
    assert office.rates == {"USD": Decimal("92.50")}
    assert office.reasons.kind_of(None, "спам") == "excluded"
    assert amo.users == {"2852878": "Анна"}
    assert AmoCRMOptions.of(amo).account == "16700680"
    assert config.keep_bodies_days == 30
    for name in ENVIRONMENT:
        with pytest.raises(ConfigError, match=f"the environment variable {name} is not set"):
            load(EXAMPLE, {key: value for key, value in ENVIRONMENT.items() if key != name})


def test_the_example_gives_every_key_its_own_default() -> None:
    office = load(EXAMPLE, ENVIRONMENT).accounts[0]
    assert office.reasons == read().accounts[0].reasons


@pytest.mark.parametrize(
    "kind", [kind for kind, adapter in ADAPTERS.items() if adapter.options.__struct_fields__]
)
def test_the_example_shows_every_option_under_its_own_crm(kind: str) -> None:
    (table,) = re.findall(
        rf"^(?:# )?\[accounts\.{kind}\]\n((?:.+\n)+)", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE
    )
    shown = tomllib.loads("\n".join(re.findall(r"^(?:# )?(\w+ = .+)$", table, re.MULTILINE)))
    assert sorted(shown) == sorted(ADAPTERS[kind].options.__struct_fields__)
    api = {"token": "x", "url": "https://crm.example"}
    read(crm=kind, webhook_secret="user:a-password-of-sixteen", api=api, **{kind: shown})


def test_options_of_another_crm_are_a_programming_error() -> None:
    with pytest.raises(TypeError, match="account office has Options, not AmoCRMOptions"):
        AmoCRMOptions.of(read().accounts[0])


def test_secrets_are_never_shown() -> None:
    config = load(EXAMPLE, ENVIRONMENT)
    shown = f"{config!r} {config} {config.accounts[0].webhook_secrets} {config.accounts[0].viewer_token}"
    for secret in ENVIRONMENT.values():
        assert secret not in shown
    assert "***" in shown


def test_several_secrets_let_one_be_replaced() -> None:
    second = "whsec_" + "A" * 32
    secrets = read({"NEW": second}, webhook_secret=["env:NEW", SECRET]).accounts[0].webhook_secrets
    assert [secret.value for secret in secrets] == [second, SECRET]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"id": "Office!"}, r"accounts\[0\].id: expected 1 to 40"),
        ({"title": " "}, r"accounts\[0\].title"),
        ({"webhook_secret": ""}, r"accounts\[0\].webhook_secret"),
        ({"webhook_secret": []}, r"accounts\[0\].webhook_secret"),
        ({"webhook_secret": "plain"}, r"accounts\[0\].webhook_secret: expected whsec_"),
        ({"webhook_secret": "whsec_c2hvcnQ="}, r"accounts\[0\].webhook_secret: expected whsec_"),
        (
            {"crm": "pipedrive", "webhook_secret": "plain"},
            r"accounts\[0\].webhook_secret: expected user:pass",
        ),
        (
            {"crm": "pipedrive", "webhook_secret": "user:"},
            r"accounts\[0\].webhook_secret: expected user:pass",
        ),
        (
            {"crm": "amocrm", "webhook_secret": "fifteen-letters"},
            r"\.webhook_secret: expected at least 16 char",
        ),
        (
            {"crm": "amocrm", "webhook_secret": ["a-token-of-sixteen", "short"]},
            r"\.webhook_secret: .*token_urlsafe",
        ),
        (
            {"crm": "pipedrive", "webhook_secret": "a-long-name-of-a-user:fifteen-letters"},
            r"\.webhook_secret: the password: expected at least 16",
        ),
        ({"webhook_secret": "whsec_***"}, r"accounts\[0\].webhook_secret: expected whsec_"),
        ({"timezone": "Europe/Atlantis"}, r"accounts\[0\].timezone: .*Europe/Atlantis"),
        ({"timezone": "../../etc/passwd"}, r"accounts\[0\].timezone"),
        ({"currency": "rub"}, r"accounts\[0\].currency: expected an ISO 4217"),
        ({"language": "fr"}, r"accounts\[0\].language"),
        ({"viewer_token": "short"}, r"accounts\[0\].viewer_token: expected at least 16"),
        ({"colour": "red"}, r"accounts\[0\].colour: unknown key; known are: id, title, .* api, standard$"),
        (
            {"crm": "bitrix24", "bitrix": {}},
            r"accounts\[0\].bitrix: unknown key; did you mean bitrix24\? known are: .* bitrix24$",
        ),
        ({"crm": "sugar", "sugar": {}}, r"accounts\[0\].crm: 'sugar' is not supported"),
        ({"crm": 5}, r"accounts\[0\].crm: expected one of standard, amocrm"),
        ({"crm": "sugar"}, r"accounts\[0\].crm: 'sugar' is not supported; supported are: standard, amocrm, "),
        ({"reasons": {"mine": ["x"]}}, r"accounts\[0\].reasons.mine: unknown key; known are: controllable,"),
        ({"reasons": {"objective": [" "]}}, r"accounts\[0\].reasons.objective"),
        (
            {"reasons": {"objective": ["Спам"], "excluded": ["спам "]}},
            r"accounts\[0\].reasons.excluded: 'спам ' has another kind",
        ),
        ({"limits": {"clients": -1}}, r"accounts\[0\].limits.clients"),
        ({"limits": {"amount": "much"}}, r"accounts\[0\].limits.amount"),
        ({"limits": {"amount": "1.005"}}, r"accounts\[0\].limits.amount"),
        ({"limits": {"tasks": 1}}, r"accounts\[0\].limits.tasks"),
        ({"rates": {"usd": "1"}}, r"accounts\[0\].rates.usd"),
        ({"rates": {"USD": "0"}}, r"accounts\[0\].rates.USD"),
        ({"rates": {"USD": "1e3"}}, r"accounts\[0\].rates.USD"),
        ({"rates": {"USD": 92.5}}, r"accounts\[0\].rates"),
        ({"amocrm": {}}, r"accounts\[0\].amocrm: the account's crm is standard; it has no options"),
        (
            {"crm": "bitrix24", "amocrm": {}},
            r"\.amocrm: the account's crm is bitrix24; its options stand in \[accounts.bitrix24\]: domain",
        ),
        (
            {
                "crm": "pipedrive",
                "webhook_secret": "user:a-password-of-sixteen",
                "pipedrive": {"signature": "v1"},
            },
            r"accounts\[0\].pipedrive.signature: unknown key; known are: users, account$",
        ),
        ({"domain": "office.bitrix24.ru"}, r"accounts\[0\].domain: unknown key"),
        ({"crm": "amocrm", "amocrm": {"timezone": "X"}}, r"accounts\[0\].amocrm.timezone"),
        (
            {"crm": "amocrm", "amocrm": {"users": 1}},
            r"accounts\[0\].amocrm.users: expected a table; each: text; it is 1$",
        ),
        (
            {"crm": "hubspot", "hubspot": {"signature": "v9"}},
            r"accounts\[0\].hubspot.signature: expected one of v1, v3; it is \"v9\"$",
        ),
        ({"api": {"token": ""}}, r"accounts\[0\].api.token"),
        ({"api": {"token": "x", "url": "zerno.amocrm.ru"}}, r"accounts\[0\].api.url: expected an address"),
        (
            {"api": {"token": "x", "key": "y"}},
            r"accounts\[0\].api.key: unknown key; known are: token, url, per",
        ),
        ({"api": {"token": "x"}}, r"accounts\[0\].api: standard has no API"),
        (
            {"crm": "amocrm", "api": {"token": "x"}},
            r"accounts\[0\].api.url: expected the address of the amocrm account",
        ),
        ({"crm": "bitrix24"}, r"accounts\[0\]: crm = \"bitrix24\" needs \[accounts.api\]"),
    ],
)
def test_a_mistake_names_its_key(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(**fields)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({}, "accounts"),
        ({"accounts": []}, "accounts: at least one"),
        ({"accounts": [account(), account()]}, r"accounts\[1\].id: 'office' is used twice"),
        ({"accounts": [account()], "keep_bodies_days": 0}, "keep_bodies_days"),
        ({"accounts": [account()], "database_url": "mysql://x"}, "database_url"),
        ({"accounts": [account()], "database_url": "lossboard.db"}, "database_url"),
        ({"accounts": [account()], "metrics_token": "short"}, "metrics_token: expected at least 16"),
        ({"accounts": [account()], "root_path": "lossboard"}, "root_path: expected a path such as"),
        ({"accounts": [account()], "root_path": "/a//b"}, "root_path: expected a path such as"),
        ({"accounts": [account()], "root_path": "/a?b"}, "root_path: expected a path such as"),
        ({"accounts": [account()], "root_path": "/boards"}, "root_path: the service itself has addresses"),
        ({"accounts": [account()], "root_path": "/metrics/x"}, "root_path: the service itself has addresses"),
        ({"accounts": [account()], "trusted_proxies": ["*"]}, r"trusted_proxies\[0\]: expected an address"),
        ({"accounts": [account()], "trusted_proxies": ["::1", "proxy.local"]}, r"trusted_proxies\[1\]: exp"),
        ({"accounts": [account()], "trusted_proxies": ["10.0.0.1/8"]}, r"trusted_proxies\[0\]: .*host bits"),
        ({"accounts": [account()], "trusted_proxies": "127.0.0.1"}, "trusted_proxies: expected a list"),
        (
            {"accounts": [account(public_url="https://board.example")], "root_path": "/lossboard"},
            r"accounts\[0\].public_url: expected to end with the root_path, /lossboard",
        ),
    ],
)
def test_a_mistake_outside_the_accounts_names_its_key_too(raw: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(raw, {})


def test_nothing_is_trusted_and_nothing_is_open_unless_the_file_says_so() -> None:
    config = read()
    assert (config.trusted_proxies, config.metrics_token, config.root_path) == ((), None, "")
    assert config.admin_token is None
    said = {"trusted_proxies": ["127.0.0.1", "10.0.0.0/8", "fd00::/8"], "root_path": "/crm/board/"}
    config = parse(
        {"accounts": [account()], "metrics_token": "env:TOKEN", "admin_token": "env:TOKEN", **said},
        {"TOKEN": SECRET},
    )
    assert config.trusted_proxies == ("127.0.0.1", "10.0.0.0/8", "fd00::/8")
    assert (config.metrics_token, config.root_path) == (Secret(SECRET), "/crm/board")
    assert config.admin_token == Secret(SECRET)


def test_the_log_is_for_people_unless_said_and_what_is_wrong_in_its_table_is_named() -> None:
    def log(**said: object) -> Log:
        return parse({"accounts": [account()], "log": said}, {}).log

    assert log() == Log("info", "plain")
    assert log(level="debug", format="json") == Log("debug", "json")
    for said, told in (
        ({"level": "warn"}, r'log.level: did you mean warning\? expected one of debug, .*; it is "warn"'),
        ({"level": 3}, "log.level: expected one of debug, error, info, warning; it is 3"),
        ({"format": "xml"}, 'log.format: expected one of json, plain; it is "xml"'),
        ({"levels": "info"}, r"log.levels: unknown key; did you mean level\? known are: level, format"),
    ):
        with pytest.raises(ConfigError, match=f"^{told}$"):
            log(**said)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"log": "json"}, "log: expected a table; it is text"),
        (
            {"keep_bodies_days": 0},
            ".*_days: expected a whole number from 1 up to 3650 (days); it is 0",
        ),
        ({"keep_bodies_days": "9"}, "keep_bodies_days: expected a whole number .* (days); it is text"),
        ({"sharded": "yes"}, "sharded: expected true or false; it is text"),
        ({"admin_token": 123456}, "admin_token: expected at least 16 characters, hard to guess; it is a .*"),
        ({"accounts": [account(timezone="Europe/Mosocw")]}, ".*; did you mean Europe/Moscow?"),
        ({"accounts": [account(crm="amocmr")]}, ".*: 'amocmr' is not supported; did you mean amocrm? .*"),
        ({"accounts": [account(crm="amocrm", amocrm=5)]}, r".*\.amocrm: expected a table"),
        ({"accounts": [account(language="rus")]}, '.*did you mean ru? expected one of en, ru; it is "rus"'),
        ({"accounts": [{}]}, ".*: is missing; expected .*"),
        ({"accounts": [5]}, r"accounts.0.: expected a list; each: a table; it is a whole number"),
    ],
)
def test_a_value_that_cannot_be_is_told_beside_what_can(raw: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse({"accounts": [account()], **raw}, {})
    assert re.fullmatch(re.sub(r"([?()])", r"\\\1", said), str(error.value)), error.value
    assert "123456" not in str(error.value)


def test_the_address_of_a_webhook_is_as_much_of_it_as_the_file_says() -> None:
    def address(root_path: str, **fields: object) -> str:
        config = parse({"accounts": [account(**fields)], "root_path": root_path}, {})
        return config.accounts[0].webhook_address

    assert address("") == "/webhooks/office"
    assert address("/crm") == "/crm/webhooks/office"
    assert address("", public_url="https://board.example/") == "https://board.example/webhooks/office"
    assert address("/crm", public_url="https://b.example/crm/") == "https://b.example/crm/webhooks/office"


def test_a_file_that_is_not_there_or_is_no_toml_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "lossboard.toml"
    with pytest.raises(ConfigError, match=r"lossboard.toml: no such file; start from lossboard.example.toml"):
        load(missing, {})
    missing.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"lossboard.toml"):
        load(missing, {})
    missing.write_text("accounts = [\n  oops\n]")
    with pytest.raises(ConfigError, match=r"lossboard.toml: .*line 2"):
        load(missing, {})


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("sqlite:///here.db", "sqlite:///here.db"),
        ("postgres://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg://u@h/d"),
    ],
)
def test_database_addresses(given: str, used: str) -> None:
    assert read({"LOSSBOARD_DATABASE_URL": given}).database_url == used


def test_zones_come_from_the_wheel_by_name_only() -> None:
    assert zone("Europe/Moscow").key == "Europe/Moscow"
    for name in ("", ".", "..", "/etc/localtime", "Europe", "Europe/Moscow/", "zone.tab"):
        with pytest.raises(ValueError, match="time zone"):
            zone(name)


def test_the_token_of_an_api_is_a_secret_and_its_address_may_be_left_out() -> None:
    api = {"token": "env:TOKEN", "url": "https://zerno.amocrm.ru/"}
    office = read({"TOKEN": "t0k3n"}, crm="amocrm", api=api).accounts[0]
    assert office.api is not None
    assert office.api.token.value == "t0k3n"
    assert office.api.url == "https://zerno.amocrm.ru"
    assert "t0k3n" not in repr(office)
