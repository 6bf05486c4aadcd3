"""Each line of the log that is about an account has it as a field, so that a program finds what an account
met. The code is read: a new line names an account, or is put among those that are about none."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

import pytest

SERVICE: Final = Path(__file__).resolve().parents[2] / "service"
LEVELS: Final = frozenset({"debug", "info", "warning", "error", "exception", "critical"})

OF_NO_ACCOUNT: Final = {
    "commands/reloading/reloads.py": 3,
    "commands/serving.py": 3,
    "http/acceptor.py": 1,
    "http/around/unnamed_proxy.py": 1,
    "http/connection_limit.py": 1,
    "http/notify.py": 1,
    "http/supervisor.py": 2,
    "ledger/upkeep/follow.py": 4,
    "ledger/upkeep/refused.py": 1,
    "ledger/upkeep/retention.py": 2,
    "ledger/upkeep/soundness.py": 3,
    "ledger/upkeep/ticker.py": 1,
    "ledger/write/committer.py": 5,
    "ledger/write/writer.py": 5,
    "live/stream/sinks.py": 1,
}
"""How many lines are about the process, its connections, its database, or all deliveries of a batch."""


Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def untold(source: str) -> Iterator[str]:
    """The texts of the lines that do not name an account among their fields."""
    tree = ast.parse(source)
    functions = [one for one in ast.walk(tree) if isinstance(one, Function)]
    around = {id(node): function for function in functions for node in ast.walk(function)}  # inner ones last
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        is_line = ast.unparse(call.func.value) == "_log" and call.func.attr in LEVELS
        if is_line and not _has_account(call, around[id(call)], functions):
            yield ast.literal_eval(call.args[0])


def _has_account(call: ast.Call, function: Function, functions: list[Function]) -> bool:
    fields = "".join(ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg == "extra")
    if fields.isidentifier():
        assigned = [one for one in ast.walk(function) if isinstance(one, ast.Assign)]
        fields = "".join(ast.unparse(one) for one in assigned if fields in ast.unparse(one.targets[0]))
    if "_about(" in fields:
        fields += "".join(ast.unparse(one) for one in functions if one.name == "_about")
    return "'account'" in fields


def test_each_line_of_an_account_has_it_as_a_field() -> None:
    texts = {path: list(untold(path.read_text("utf-8"))) for path in SERVICE.rglob("*.py")}
    counts = {path.relative_to(SERVICE).as_posix(): len(found) for path, found in texts.items() if found}
    assert counts == OF_NO_ACCOUNT, texts


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ("", ["%s: x"]),
        (", extra={'seq': 1}", ["%s: x"]),
        (", extra=about", ["%s: x"]),
        (", extra=_about()", ["%s: x"]),
        (", extra={'account': one}", []),
    ],
)
def test_a_line_without_it_is_found(fields: str, found: list[str]) -> None:
    source = (
        f"def _about(): return {{'seq': 1}}\ndef f(one):\n about = {{}}\n _log.error('%s: x', one{fields})"
    )
    assert list(untold(source)) == found
