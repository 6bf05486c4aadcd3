"""The driver of SQLite: `pysqlite3` where there is a wheel of it, APSW everywhere else (ADR 13).

`driver` is a module in the terms of Python's DB-API, as `sqlite3` is one.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

_DRIVERS: Final = ("pysqlite3", "service.ledger.database.sqlite.apsw_driver")
"""Modules in the order in which they are tried; the distribution brings one of the libraries."""


def _first() -> Any:
    missing: list[str] = []
    for name in _DRIVERS:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            missing.append(str(error.name))
    raise ModuleNotFoundError(f"there is no driver of SQLite: install {' or '.join(missing)}")


driver: Final = _first()

if driver.__name__ == "pysqlite3":
    # It looks for a way to bind what is no number and no text. For these it would find out each time, by an
    # exception, that there is none, and that takes longer than to store a row.
    driver.register_adapter(type(None), {}.get)
    driver.register_adapter(bool, int)
