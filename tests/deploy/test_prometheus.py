"""The files for Prometheus and Grafana: Prometheus' own tool finds nothing wrong with them, each alert fires
when it must and only then, and nothing names a metric or a label that the service does not have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from scripts.programs import program
from service.metrics import Metrics
from service.metrics.series import Standing, Standings

DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"
RULES: Final = DEPLOY / "prometheus" / "lossboard.rules.yml"
FROM_PROMETHEUS: Final = {"up"}

ILL: Final = {
    'up{job="lossboard", instance="a"}': "0x2250",
    'lossboard_storing{instance="a"}': "0x2250",
    'lossboard_database_sound{instance="a"}': "0x2250",
    'lossboard_webhooks_total{account="office", result="overloaded"}': "0+1x2250",
    'lossboard_webhooks_total{account="office", result="defect"}': "0+1x2250",
    'lossboard_webhooks_total{account="office", result="not_authentic_token"}': "0+2x2250",
    'lossboard_quarantine{account="office"}': "2x2250",
    'lossboard_last_delivery_timestamp_seconds{account="office"}': "60x2250",
    'lossboard_troubles{account="office", code="api_token"}': "1x2250",
    'lossboard_needs{account="office"}': "200+1x2250",
    'lossboard_synced_timestamp_seconds{account="office"}': "60x2250",
    'lossboard_connections_closed_total{cause="no_room"}': "0+1x2250",
}
"""Three days of a service that has everything wrong with it, every two minutes."""

WELL: Final = {
    'up{job="lossboard", instance="a"}': "1x2250",
    'lossboard_storing{instance="a"}': "1x2250",
    'lossboard_database_sound{instance="a"}': "1x2250",
    'lossboard_webhooks_total{account="office", result="overloaded"}': "3x2250",
    'lossboard_webhooks_total{account="office", result="applied"}': "0+9x2250",
    'lossboard_webhooks_total{account="office", result="defect"}': "3x2250",
    'lossboard_webhooks_total{account="office", result="not_authentic_token"}': "3x2250",
    'lossboard_webhooks_total{account="", result="no_account"}': "0+9x2250",
    'lossboard_quarantine{account="office"}': "0x2250",
    'lossboard_last_delivery_timestamp_seconds{account="office"}': "0x2250",
    'lossboard_troubles{account="office", code="api_token"}': "0x2250",
    'lossboard_troubles{account="office", code="requests_refused"}': "1x2250",
    'lossboard_needs{account="office"}': "9000-1x2250",
    'lossboard_synced_timestamp_seconds{account="office"}': "0x2250",
    'lossboard_connections_closed_total{cause="no_room"}': "3x2250",
}
"""The same of one that is new, and has been through something."""


def promtool(*arguments: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    tool = program("promtool")
    assert tool is not None, "see scripts/programs.py"
    return subprocess.run([tool, *arguments], input=given, capture_output=True, check=False)


@cache
def exposed() -> bytes:
    """What `/metrics` says of a service with one account whose CRM is asked."""
    return Metrics().text(Standings(1, {"office": Standing(asks=True)}))


def series() -> dict[str, set[str]]:
    """The labels of each series that there is, by name."""
    found: dict[str, set[str]] = {}
    for line in exposed().decode().splitlines():
        if match := re.match(r"(\w+)(?:\{(.*)\})? ", line):
            found.setdefault(match[1], set()).update(re.findall(r'(\w+)="', match[2] or ""))
    return found


def alerts() -> list[str]:
    return re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8"))


def played(folder: Path, given: dict[str, str], firing: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Whether just these alerts fire at the end of some series."""
    query = {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": "4400m",
        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in firing],
    }
    inputs = [{"series": name, "values": values} for name, values in given.items()]
    test = {"interval": "2m", "input_series": inputs, "promql_expr_test": [query]}
    shutil.copy(RULES, folder)
    document = {"rule_files": [RULES.name], "evaluation_interval": "10m", "tests": [test]}
    path = folder / "alerts.json"  # JSON is YAML, too
    path.write_text(json.dumps(document), encoding="utf-8")
    return promtool("test", "rules", str(path))


def test_prometheus_finds_nothing_wrong_with_its_files(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch()
    for path in RULES.parent.iterdir():
        text = path.read_text(encoding="utf-8").replace("/etc/prometheus/lossboard-metrics-token", str(token))
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    found = promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert found.returncode == 0, found.stderr
    assert f"{len(alerts())} rules found".encode() in found.stdout
    (tmp_path / RULES.name).write_text("groups: [{name: x, rules: [{alert: A, expr: '1 >'}]}]")
    assert promtool("check", "config", str(tmp_path / "prometheus.yml")).returncode != 0


def test_each_alert_fires_when_it_must(tmp_path: Path) -> None:
    told = played(tmp_path, ILL, alerts())
    assert told.returncode == 0, told.stdout + told.stderr


def test_no_alert_fires_over_a_new_service_or_what_is_over(tmp_path: Path) -> None:
    told = played(tmp_path, WELL, [])
    assert told.returncode == 0, told.stdout + told.stderr


def test_each_alert_says_what_is_wrong_and_what_to_do() -> None:
    rules = re.split(r"- alert: ", RULES.read_text(encoding="utf-8"))[1:]
    assert len(rules) >= 10
    for rule in rules:
        assert re.search(r'summary: ".{20,}"', rule), rule
        assert re.search(r'action: "[A-Z].{20,}\."', rule), rule


def test_the_metrics_are_named_as_prometheus_wants_them() -> None:
    found = promtool("check", "metrics", given=exposed())
    assert (found.returncode, found.stdout + found.stderr) == (0, b"")


def expressions() -> Iterator[str]:
    """Every expression of the dashboard and of the rules."""

    def of(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for key, value in node.items():
                if key in {"expr", "query"} and isinstance(value, str):
                    yield value
                yield from of(value)
        elif isinstance(node, list):
            for value in node:
                yield from of(value)

    yield from of(json.loads((DEPLOY / "grafana" / "lossboard.json").read_text(encoding="utf-8")))
    yield from re.findall(r"expr: (.*)", RULES.read_text(encoding="utf-8"))


def unknown(expression: str) -> set[str]:
    """The metrics and labels of an expression that the service does not have."""
    there = series()
    wrong = set()
    for name, matchers in re.findall(
        r"\b((?:lossboard|process)_\w+|up)\b(?:\{([^}]*)\})?", re.sub(r'"lossboard"', '""', expression)
    ):
        if name not in there and name not in FROM_PROMETHEUS:
            wrong.add(name)
            continue
        labels = set(re.findall(r"(\w+)\s*[=!]", matchers))
        wrong |= {f"{name}.{label}" for label in labels - there.get(name, set()) - {"job", "instance"}}
    return wrong


def test_dashboard_and_alerts_name_only_what_there_is() -> None:
    named = list(expressions())
    assert len(named) > 35
    assert {expression: wrong for expression in named if (wrong := unknown(expression))} == {}
    assert unknown('lossboard_webhook_total{a="b"}') == {"lossboard_webhook_total"}
    assert unknown('lossboard_needs{code="b"}') == {"lossboard_needs.code"}


def test_the_dashboard_shows_every_metric_of_the_service() -> None:
    shown = " ".join(expressions())
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in series() if name.startswith("loss")}
    assert [family for family in sorted(families) if family not in shown] == []
