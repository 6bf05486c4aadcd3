"""`lossboard init`: a configuration that works, with fresh secrets, and what to do in the CRM."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result

from service.adapters import ADAPTERS
from service.commands.cli import main
from service.config_file import load

FILE = Path("lossboard.toml")
API = ("--api-url", "https://office.bitrix24.ru", "--api-token", "31/code")
MADE_BY_THE_CRM = {"bitrix24", "hubspot"}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def init(*arguments: str, input: str | None = None) -> Result:
    return CliRunner().invoke(main, ["init", "--no-serve", *arguments], input=input)


@pytest.mark.parametrize("kind", ADAPTERS)
def test_a_file_for_its_owner_alone_with_fresh_secrets_that_loads(kind: str) -> None:
    api = API if ADAPTERS[kind].api else ()
    secret = ("--webhook-secret", "made-by-the-crm-0123456789") if kind in MADE_BY_THE_CRM else ()
    done = init("--no-input", "--crm", kind, "--public-url", "https://board.example/", *api, *secret)
    assert done.exit_code == 0, done.output
    assert stat.S_IMODE(FILE.stat().st_mode) == 0o600
    config = load(FILE, {})
    (account,) = config.accounts
    assert account.crm == kind
    assert config.admin_token is not None
    assert config.admin_token.value not in done.output
    assert account.public_url == "https://board.example"
    assert all(step in done.output for step in ADAPTERS[kind].steps(account, account.language))
    address = urlsplit(done.output.partition("The address: ")[2].split()[0])
    assert f"{address.scheme}://{address.netloc}{address.path}" == "https://board.example/webhooks/office"
    (made,) = account.webhook_secrets
    if kind == "amocrm":
        assert parse_qs(address.query) == {"token": [made.value]}
    FILE.unlink()
    init("--no-input", "--crm", kind, *api, *secret)
    assert load(FILE, {}).admin_token != config.admin_token
    (again,) = load(FILE, {}).accounts
    assert (again.webhook_secrets == account.webhook_secrets) is bool(secret)
    assert again.viewer_token != account.viewer_token


def test_a_file_that_exists_stays_as_it_is() -> None:
    FILE.write_text("mine")
    done = init("--no-input", "--crm", "amocrm")
    assert done.exit_code == 1
    assert done.stderr == "Error: lossboard.toml exists; move it away, or name another file with --config\n"
    assert FILE.read_text() == "mine"


def test_what_is_wrong_is_asked_again_with_the_reason() -> None:
    answers = ["salesforce", "standard", "de", "ru", " ", "Наш отдел", "Moscow", "Europe/Moscow", "₽", "rub"]
    done = init(input="\n".join([*answers, "board.example", ""]) + "\n")
    assert done.exit_code == 0, done.output
    for reason in (
        "'salesforce' is none of",
        "'de' is none of ru, en",
        "expected a text",
        "no time zone is called 'Moscow'",
        "expected an ISO 4217 code",
        "expected an address that begins with https:// or http://",
    ):
        assert f"Error: {reason}" in done.output
    (account,) = tomllib.loads(FILE.read_text())["accounts"]
    assert (account["title"], account["timezone"], account["currency"]) == (
        "Наш отдел",
        "Europe/Moscow",
        "RUB",
    )
    assert "public_url" not in account
    assert "public_url, not set yet" in done.output


def test_a_secret_that_the_crm_makes_is_asked_for_after_the_address_and_may_come_later() -> None:
    done = init("--crm", "bitrix24", *API, input="\n" * 7)
    assert done.exit_code == 0, done.output
    assert done.output.index("The address:") < done.output.index("The secret that the CRM shows")
    assert "Put the CRM's secret into LOSSBOARD_WEBHOOK_SECRET, then run: lossboard serve" in done.output
    (account,) = load(FILE, {"LOSSBOARD_WEBHOOK_SECRET": "from-the-crm"}).accounts
    assert account.webhook_secrets[0].value == "from-the-crm"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), "--crm is needed with --no-input"),
        (("--crm", "bitrix24"), "its webhooks carry nothing but ids"),
        (("--crm", "amocrm", "--webhook-secret", "short"), "expected at least 16 characters"),
        (("--crm", "amocrm", "--timezone", "Mars"), "no time zone is called 'Mars'"),
    ],
)
def test_without_questions_what_cannot_work_is_an_error_and_writes_nothing(
    arguments: tuple[str, ...], error: str
) -> None:
    done = init("--no-input", *arguments)
    assert done.exit_code in (1, 2)
    assert error in done.stderr
    assert "Traceback" not in done.output
    assert not FILE.exists()
