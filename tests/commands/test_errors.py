"""What an operator can solve is said in one line, with what to do, and nothing else happens."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.commands.cli import main
from service.commands.crm import api
from service.config_file import load
from service.ledger.write import syncs
from service.model import Change, Decoded, Delivery
from tests.e2e.running import CONFIG, TOKEN
from tests.ledger.offices import OFFICE, FixedClock, Ledger
from tests.live.boards import NOW

API = '[accounts.api]\nurl = "http://127.0.0.1:9"\ntoken = "a-token-of-the-tests"\n'


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command in a folder with a configuration."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str, config: str = CONFIG, **env: str) -> Result:
        Path("lossboard.toml").write_text(config, encoding="utf-8")
        Path("lossboard.toml").chmod(0o600)
        return CliRunner().invoke(main, arguments, env=env)

    return command


def told(result: Result, code: int = 1) -> str:
    """The one line of an error."""
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    [line] = result.stderr.splitlines()
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


def with_database(url: str) -> str:
    return f'database_url = "{url}"\n{CONFIG}'


@pytest.mark.parametrize("command", ["serve", "migrate", "verify", "backup copy.db"])
def test_a_folder_that_is_not_there_is_named(run: Callable[..., Result], command: str) -> None:
    text = told(run(*command.split(), config=with_database("sqlite:///missing/lossboard.db")))
    assert text.startswith("database_url: there is no folder ")
    assert text.endswith("/missing: create it, or correct database_url")


def test_a_folder_that_cannot_be_written_into_is_named(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told(run("serve", config=with_database("sqlite:////proc/lossboard.db"))) == (
        "/proc/lossboard.db.lock cannot be written: No such file or directory"
    )
    monkeypatch.setattr("os.access", lambda _path, mode: not mode & os.W_OK)  # as for any user but root
    assert "cannot be written into: give it to the user that runs this" in told(run("verify"))


def test_a_port_that_is_taken_is_told_with_the_next_free_one(run: Callable[..., Result]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        text = told(run("serve", "--port", str(taken.getsockname()[1])))
    assert "is taken by another program; the next free one: --port " in text


def test_every_variable_that_is_not_set_is_named_at_once(run: Callable[..., Result]) -> None:
    config = CONFIG.replace(f'"{TOKEN}"', '["env:FIRST", "file:/nowhere/second"]', 1)
    config = 'metrics_token = "env:METRICS"\n' + config.split("\n", 2)[2]
    assert told(run("check-config", config=config)) == (
        "lossboard.toml: metrics_token: the environment variable METRICS is not set; "
        "accounts[1].webhook_secret[0]: the environment variable FIRST is not set; "
        "accounts[1].webhook_secret[1]: the file /nowhere/second cannot be read: No such file or directory"
    )


def test_a_command_that_needs_no_secret_needs_none_set(
    run: Callable[..., Result], sqlite_ledgers: Callable[[], str]
) -> None:
    config = CONFIG.replace(f'"{TOKEN}"', '"env:FIRST"')
    url = sqlite_ledgers()
    assert run("quarantine", "list", config=config, LOSSBOARD_DATABASE_URL=url).exit_code == 0
    assert run("verify", config=config, LOSSBOARD_DATABASE_URL=url).exit_code == 0
    title = config.replace("Отдел продаж", "env:TITLE")
    assert "accounts[0].title: the environment variable TITLE is not set" in told(run("verify", config=title))


@pytest.mark.parametrize(
    ("value", "environ"),
    [("env:SECRET", {"SECRET_FILE": "secret"}), ("file:secret", {}), ("env:SECRET", {"SECRET": TOKEN})],
)
def test_a_secret_may_stand_in_a_file(
    run: Callable[..., Result], value: str, environ: Mapping[str, str]
) -> None:
    Path("secret").write_text(f"{TOKEN}\n", encoding="utf-8")
    run("--help", config=CONFIG.replace(f'"{TOKEN}"', f'"{value}"'))
    [secret] = load(Path("lossboard.toml"), environ).accounts[1].webhook_secrets
    assert secret.value == TOKEN
    Path("secret").write_text("\n", encoding="utf-8")
    if "file" in value:
        assert told(run("check-config", config=CONFIG.replace(f'"{TOKEN}"', f'"{value}"'))).endswith(
            "accounts[1].webhook_secret: the file secret is empty"
        )


def test_a_mistyped_key_or_command_is_answered_with_the_one_that_was_meant(
    run: Callable[..., Result],
) -> None:
    text = told(run("check-config", config=CONFIG.replace("viewer_token", "viewertoken", 1)))
    assert "accounts[0].viewertoken: unknown key; did you mean viewer_token? known are: " in text
    assert "verify" in run("verfy").stderr
    assert run("verfy").exit_code == 2


@pytest.mark.parametrize("command", ["subscribe", "sync"])
def test_a_crm_that_does_not_answer_is_not_waited_for(
    run: Callable[..., Result],
    sqlite_ledgers: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    monkeypatch.setattr(api, "SILENT_SECONDS", 0.0)
    config = CONFIG.replace('crm = "amocrm"', 'crm = "amocrm"\npublic_url = "https://board.example"') + API
    text = told(run(command, "amo", config=config, LOSSBOARD_DATABASE_URL=sqlite_ledgers()))
    assert text == (
        "account amo: the CRM does not answer: check whether it works and can be reached from here"
    )


def test_a_backfill_that_goes_on_is_waited_for_and_one_that_stands_is_not() -> None:
    clock = FixedClock(NOW)
    patience = api._Patience(OFFICE, clock)
    first = syncs.SyncRun(kind="backfill", began_at=NOW, stage=0, stages=3)
    patience.note(first, [])
    clock.moment = NOW + 200_000_000  # type: ignore[assignment]  # seconds later
    patience.note(syncs.SyncRun(kind="backfill", began_at=NOW, stage=1, stages=3), [])
    clock.moment = NOW + 400_000_000  # type: ignore[assignment]
    with pytest.raises(api.CrmApiError, match="does not answer"):
        patience.note(syncs.SyncRun(kind="backfill", began_at=NOW, stage=1, stages=3), [])


def test_tail_shows_money_and_says_what_the_board_has_no_use_for(
    run: Callable[..., Result], sqlite_ledgers: Callable[[], str]
) -> None:
    ledger = Ledger(sqlite_ledgers(), NOW)
    ledger.say(Change("deal", "1", NOW, {"known": True, "amount": 518_400}))
    ledger.say(Change("deal", "2", NOW, {"known": True, "amount": 700, "currency": "JPY"}))
    body = b'{"type": "invoice.paid", "timestamp": "2026-11-23T10:00:00Z", "data": {}}'
    ledger.deliver(Delivery("office", NOW, {}, body, Decoded("unknown")))
    url = ledger.database._readers.url.render_as_string()
    ledger.close()
    lines = run("tail", "office", "--once", LOSSBOARD_DATABASE_URL=url).stdout.splitlines()
    assert "amount – → 5184.00 RUB" in lines[0]
    assert "amount – → 700 JPY" in lines[1]
    assert lines[2].endswith(" ignored: the board has no use for events of this type")
    shown = run("tail", "office", "--once", "--json", LOSSBOARD_DATABASE_URL=url).stdout.splitlines()
    assert json.loads(shown[0])["changed"] == {"deal 1": {"amount": [None, 518_400], "known": [None, True]}}


def test_the_shell_completes_commands() -> None:
    env = {"_LOSSBOARD_COMPLETE": "bash_complete", "COMP_WORDS": "lossboard qua", "COMP_CWORD": "1"}
    assert CliRunner().invoke(main, [], env=env, prog_name="lossboard").stdout == "plain,quarantine\n"
    assert CliRunner().invoke(main, ["-h"]).stdout == CliRunner().invoke(main, ["--help"]).stdout
