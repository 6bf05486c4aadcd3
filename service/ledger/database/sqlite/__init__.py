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
