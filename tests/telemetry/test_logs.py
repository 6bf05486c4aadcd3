"""The log: for people or for programs, at a level, and with no more than the service itself says."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from service.config import Log
from service.telemetry import logs


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_people_read_lines(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(Log())
    logging.getLogger("service.brake").warning("%s: guessed", "office", extra={"account": "office"})
    assert capsys.readouterr().err.partition(" WARNING ")[2] == "service.brake: office: guessed\n"


def test_programs_read_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(Log(format="json"))
    about = {"account": "office", "delivery": "office/7", "unknown": "a secret"}
    logging.getLogger("service.brake").warning("«%s»\nsecond line", "x", extra=about)
    (line,) = told(capsys)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warning",
        "logger": "service.brake",
        "message": "«x»\nsecond line",
        "account": "office",
        "delivery": "office/7",
    }


def test_a_traceback_is_in_its_line_and_has_no_values(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(Log(format="json"))
    password = "no-yranac"[::-1][:6]
    try:
        _ = 1 // (len(password) - 6)
    except ZeroDivisionError:
        logging.getLogger("service.x").exception("it failed")
    (line,) = told(capsys)
    assert "ZeroDivisionError" in line["exception"]
    assert "canary" not in line["exception"]


def test_the_level_is_that_of_the_service_and_libraries_never_say_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    own, library = logging.getLogger("service.x"), logging.getLogger("httpcore.http11")
    logs.set_up(Log("debug", "json"))
    for one in (own, library):
        one.debug("a secret" if one is library else "all")
    assert [line["message"] for line in told(capsys)] == ["all"]
    logs.set_up(Log("error", "json"))
    for one in (own, library):
        one.warning("no")
        one.error("yes")
    assert [line["message"] for line in told(capsys)] == ["yes", "yes"]


def test_what_else_listens_to_the_log_stays_and_no_line_comes_twice(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        logs.set_up(Log())
    logging.getLogger("service.x").warning("once")
    assert capsys.readouterr().err.count("once") == 1
    assert caplog.messages == ["once"]
