"""`lossboard reload` and SIGHUP, as an operator uses them: one service whose configuration changes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
import pytest
from standardwebhooks import Webhook

from tests.e2e.running import (
    SECRET,
    VIEWER,
    Service,
    browser_of,
    events,
    iso,
    lossboard,
    running,
    until,
)

NEW: Final = "whsec_" + "B" * 32
OFFICE: Final = f"""
[[accounts]]
id = "office"
title = "Отдел продаж"
crm = "standard"
webhook_secret = "{SECRET}"
timezone = "Europe/Moscow"
currency = "RUB"
viewer_token = "{VIEWER}"
"""
SECOND: Final = OFFICE.replace('"office"', '"second"').replace(SECRET, NEW)


def hang_up_early(known: Collection[psutil.Process]) -> int:
    """Send SIGHUP to the next child of this process as soon as that does not end it; returns its id."""

    def child() -> int | None:
        for process in set(psutil.Process().children()).difference(known):
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{process.pid}/status").read_text()
                caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt"))[7:], 16)
                if caught & 1 and "service" in process.cmdline():
                    return int(process.pid)
        return None

    found = until(child)
    os.kill(found, signal.SIGHUP)
    return found


@contextlib.contextmanager
def hung_up(folder: Path, *command: str) -> Iterator[Service]:
    """A service that got SIGHUP long before it was ready."""
    with ThreadPoolExecutor() as pool:
        early = pool.submit(hang_up_early, psutil.Process().children())
        with running(folder, *command, config=OFFICE) as service:
            assert early.result() == service.process.pid
            yield service


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with hung_up(tmp_path_factory.mktemp("reload"), "serve") as service:
        yield service


@pytest.fixture
def service(started: Service) -> Service:
    """It serves one account."""
    reloaded(started, OFFICE)
    return started


def reloaded(service: Service, config: str) -> str:
    """What has changed, says the command."""
    (service.folder / "lossboard.toml").write_text(config, encoding="utf-8")
    done = lossboard(service.folder, "reload")
    assert done.returncode == 0, done.stderr
    process, _, changed = done.stdout.strip().partition(": ")
    assert process == f"process {service.process.pid}"
    return changed


def posted(service: Service, account: str, secret: str, deal: str, **data: Any) -> int:
    """The status of the answer to a refusal."""
    now = datetime.now(UTC)
    lost = {"id": deal, "status": "lost", "amount": "100", **data}
    body = json.dumps({"type": "deal.changed", "timestamp": iso(now), "data": lost})
    name = f"{deal}-{now.timestamp()}"
    headers = {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, now, body),
    }
    return service.client.post(f"{service.url}/webhooks/{account}", content=body, headers=headers).status_code


def board(service: Service, account: str) -> httpx.Response:
    return service.client.get(f"{service.url}/boards/{account}/snapshot")


def test_a_signal_that_came_before_the_service_was_ready_reloads_as_soon_as_it_is(started: Service) -> None:
    until(lambda: "reloaded: nothing differs" in "".join(started.lines))


def test_two_accounts_of_one_crm_come_and_go_without_touching_each_other(service: Service) -> None:
    assert posted(service, "second", NEW, "1") == 404
    assert reloaded(service, OFFICE + SECOND) == "added: second"
    assert posted(service, "second", NEW, "1") == 200
    assert posted(service, "second", SECRET, "1") == 401
    assert posted(service, "office", NEW, "1") == 401
    assert board(service, "second").json()["losses"]["total"]["count"] == 1
    with events(f"{service.url}/boards/office/events") as kept:
        next(kept)
        with events(f"{service.url}/boards/second/events") as ended:
            next(ended)
            assert reloaded(service, OFFICE) == "removed: second"
            assert list(ended) == []
        assert posted(service, "second", NEW, "2") == 404
        assert board(service, "second").status_code == 404
        assert posted(service, "office", SECRET, "kept") == 200
        assert next(kept).name in ("patch", "heartbeat")
    done = lossboard(service.folder, "purge", "second")
    assert done.returncode == 0, done.stderr


def test_a_secret_is_replaced_without_a_gap(service: Service) -> None:
    both = OFFICE.replace(f'"{SECRET}"', f'["{NEW}", "{SECRET}"]')
    assert reloaded(service, both) == "changed: office"
    assert [posted(service, "office", secret, "rotated") for secret in (SECRET, NEW)] == [200, 200]
    assert reloaded(service, OFFICE.replace(SECRET, NEW)) == "changed: office"
    assert [posted(service, "office", secret, "rotated") for secret in (SECRET, NEW)] == [401, 200]


def test_reasons_names_and_rules_are_seen_by_a_screen_that_stays_open(service: Service) -> None:
    assert (
        posted(service, "office", SECRET, "reason", reason="Дорого", closed_at="2026-01-31T22:30:00Z") == 200
    )
    with events(f"{service.url}/boards/office/events", period="2026-02-01..2026-02-01") as stream:
        assert next(stream).data["losses"]["unclassified"]["count"] == 1
        listed = OFFICE + '[accounts.reasons]\nobjective = ["Дорого"]\n'
        reloaded(service, listed.replace("Отдел продаж", "Другой отдел"))
        whole = next(event.data for event in stream if event.name == "snapshot")
        assert whole["title"] == "Другой отдел"
        assert whole["losses"]["objective"]["count"] == 1
        reloaded(service, listed.replace("Europe/Moscow", "Europe/London"))  # where it was closed in January
        whole = next(event.data for event in stream if event.name == "snapshot")
        assert whole["losses"]["total"]["count"] == 0
    assert lossboard(service.folder, "verify").returncode == 0


def test_a_token_that_is_taken_away_ends_its_screens(service: Service) -> None:
    with events(f"{service.url}/boards/office/events") as stream:
        next(stream)
        reloaded(service, OFFICE.replace(VIEWER, "another-viewer-token-of-the-tests"))
        assert [event.name for event in stream if event.name != "heartbeat"] == []
    assert board(service, "office").status_code == 401
    with browser_of(authorization="Bearer another-viewer-token-of-the-tests") as browser:
        assert browser.get(f"{service.url}/boards/office/snapshot").status_code == 200
    token = 'metrics_token = "another-token-of-the-tests"\n'
    assert service.client.get(f"{service.url}/metrics").status_code == 404
    assert reloaded(service, token + OFFICE) == "changed: office; metrics_token changed"
    assert service.client.get(f"{service.url}/metrics").status_code in (401, 429)


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ((OFFICE + SECOND).replace("whsec_B", "wrong"), "webhook_secret"),
        ("keep_bodies_days = 3\n" + OFFICE + SECOND, "keep_bodies_days: restart the service"),
    ],
)
def test_all_or_nothing_and_the_error_is_told_and_logged(service: Service, config: str, error: str) -> None:
    (service.folder / "lossboard.toml").write_text(config, encoding="utf-8")
    done = lossboard(service.folder, "reload")
    assert done.returncode == 1
    assert error in done.stderr
    assert "Traceback" not in done.stderr
    assert board(service, "second").status_code == 404
    assert board(service, "office").status_code == 200
    until(lambda: f"not reloaded: {done.stderr.removeprefix('Error: ').strip()}" in "".join(service.lines))


def test_a_signal_does_the_same_and_the_board_of_a_new_account_is_printed(service: Service) -> None:
    bare = SECOND.replace(f'viewer_token = "{VIEWER}"\n', "")
    (service.folder / "lossboard.toml").write_text(OFFICE + bare, encoding="utf-8")
    service.process.send_signal(signal.SIGHUP)
    until(lambda: "/boards/second?token=" in "".join(service.lines))
    link = "".join(service.lines).rpartition("/boards/second?token=")[2].split(";")[0]
    (service.folder / "lossboard.toml").write_text(OFFICE + bare.replace("Отдел", "отдел"), encoding="utf-8")
    service.process.send_signal(signal.SIGHUP)
    until(lambda: "reloaded: changed: second" in "".join(service.lines))
    with browser_of() as browser:
        assert browser.get(f"{service.url}/boards/second?token={link}").status_code == 303


def test_a_signal_does_not_end_the_demo(tmp_path: Path) -> None:
    told = "no configuration file to read"
    with hung_up(tmp_path, "demo", "--still") as service:
        until(lambda: told in "".join(service.lines))
        service.process.send_signal(signal.SIGHUP)
        until(lambda: "".join(service.lines).count(told) == 2)
        assert service.stop() == 0


def test_the_log_s_level_and_format_follow_a_reload_and_one_id_leads_from_request_to_frame(
    service: Service,
) -> None:
    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in service.lines[begin:] if line.startswith("{")]

    begin = len(service.lines)
    settings = '[log]\nlevel = "debug"\nformat = "json"\n'
    assert reloaded(service, settings + OFFICE) == "log changed"
    with events(f"{service.url}/boards/office/events") as stream:
        next(stream)
        answer = service.post({"type": "deal.changed", "data": {"id": "logged", "status": "lost"}})
        delivery, seq = f"office/{answer.json()['delivery']}", answer.json()["seq"]
        assert answer.headers["lossboard-delivery"] == delivery
        until(lambda: [line for line in lines() if line["message"] == f"office: seq {seq} to 1 streams"])
    (stored,) = [line for line in lines() if line.get("delivery") == delivery]
    assert (stored["account"], stored["seq"], stored["level"]) == ("office", seq, "debug")
    (shown,) = [line for line in lines() if line.get("seq") == seq and "delivery" not in line]
    assert shown["account"] == "office"
    assert f"{delivery} " in lossboard(service.folder, "tail", "--once").stdout
    assert reloaded(service, OFFICE) == "log changed"
    until(lambda: "INFO service.commands" in service.lines[-1])
    begin = len(service.lines)
    service.deal("unlogged")
    assert service.lines[begin:] == []
