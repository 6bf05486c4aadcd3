"""Tests set the process's log up; each leaves it as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("service")
    before, make = ([*root.handlers], root.level, own.level), logging.getLogRecordFactory()
    yield
    root.handlers[:], root.level, own.level = before
    logging.setLogRecordFactory(make)
    root.manager._clear_cache()  # type: ignore[attr-defined]  # levels were set without it
