"""Connecting a CRM: from an empty folder to the first figure, and a test of the way that leaves nothing."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.adapters import ADAPTERS
from service.demo.crms.hubspot.records import PORTAL
from tests import newcomer
from tests.e2e.running import TOKEN, VIEWER, Service, lossboard, running, until

CODE = "from-the-crm-0123456789"
TABLES = {
    "amocrm": f'webhook_secret = "{TOKEN}"\n[accounts.amocrm]\naccount = "zerno"',
    "bitrix24": f'webhook_secret = "{CODE}"\n[accounts.bitrix24]\ndomain = "zerno.bitrix24.ru"\n'
    '[accounts.api]\nurl = "http://127.0.0.1:9"\ntoken = "31/code"',
    "hubspot": f'webhook_secret = "{CODE}"\n[accounts.hubspot]\naccount = "{PORTAL + 1}"\nsignature = "v1"',
    "pipedrive": f'webhook_secret = "lossboard:{TOKEN}"\n[accounts.pipedrive]\naccount = "5"',
    "standard": 'webhook_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"',
}
CONFIG = "\n".join(
    f'[[accounts]]\nid = "{kind}"\ntitle = "{kind}"\ncrm = "{kind}"\ntimezone = "Europe/Moscow"\n'
    f'currency = "RUB"\nviewer_token = "{VIEWER}"\n{table}\n'
    for kind, table in TABLES.items()
)


@dataclass
class Office:
    """A service with an account of each CRM, and commands beside it."""

    service: Service

    def run(self, *arguments: str, config: str = CONFIG, folder: Path | None = None) -> tuple[int, str]:
        at = folder or self.service.folder
        (at / "lossboard.toml").write_text(config, encoding="utf-8")
        done = lossboard(at, *arguments)
        return done.returncode, done.stdout + done.stderr


def test_a_test_of_the_way_says_what_each_step_gave_and_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp_path, config=CONFIG) as service:
        office = Office(service)
        assert ADAPTERS.keys() == TABLES.keys()
        for kind in ADAPTERS:
            code, printed = office.run("send-test", kind, "--url", service.url)
            assert code == 0, printed
            assert [line[:2] for line in printed.splitlines()[:4]] == ["1.", "2.", "3.", "4."]
            assert ("name – → Lossboard test" in printed) is (kind != "bitrix24"), printed
            board = service.snapshot(kind)
            assert board["setup"] is not None, "a test is no event of the CRM"
            assert (board["at_risk"]["clients"], board["at_risk"]["no_next_step"]["deals"]) == (0, 0)
            assert (board["last_delivery_at"], board["losses"]["total"]["count"]) == (None, 0)
        _check_errors(office, tmp_path)
        _check_what_is_refused_is_told(office)


def _check_errors(office: Office, tmp_path: Path) -> None:
    url = office.service.url
    for error, arguments, config in (
        (
            "nothing answers at http://127.0.0.1:9/webhooks/amocrm",
            ("amocrm", "--url", "http://127.0.0.1:9"),
            CONFIG,
        ),
        (
            "answered 401: the service has another secret",
            ("amocrm",),
            CONFIG.replace(TOKEN, "another-" + TOKEN),
        ),
        (
            "answered 404: the service knows no such account",
            ("amo",),
            CONFIG.replace('id = "amocrm"', 'id = "amo"'),
        ),
    ):
        code, printed = office.run(
            "send-test", *(arguments if "--url" in arguments else (*arguments, "--url", url)), config=config
        )
        assert (code, printed.count("\n")) == (1, 1), printed
        assert printed.startswith("Error: ")
        assert error in printed
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(tmp_path / "lossboard.toml", elsewhere)
    assert office.run("migrate", folder=elsewhere)[0] == 0
    code, printed = office.run("send-test", "amocrm", "--url", url, folder=elsewhere)
    assert code == 1
    assert "it is not in the database of this configuration" in printed


def _check_what_is_refused_is_told(office: Office) -> None:
    service = office.service
    answer = service.client.post(
        f"{service.url}/webhooks/standard", content=b"a=1", headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 415
    until(lambda: [w for w in service.snapshot("standard")["warnings"] if w["code"] == "requests_refused"])
    code, printed = office.run("tail", "--once")
    assert code == 0
    assert "REFUSED 1 request: wrong token." in printed
    assert "REFUSED 1 request: another format than this CRM's." in printed
    assert "standard: 1 webhooks were refused: wrong_type" in "".join(service.lines)


@pytest.mark.parametrize("kind", ["amocrm"])
def test_a_newcomer_gets_from_an_empty_folder_to_the_first_figure(kind: str, tmp_path: Path) -> None:
    assert newcomer.play(kind, tmp_path).questions <= 10
