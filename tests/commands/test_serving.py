"""How a process is set up that serves."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from service.clock import SystemClock
from service.commands import serving
from service.config import Config


@pytest.fixture
def collector() -> Iterator[None]:
    """The collector of garbage, as it is for the other tests again afterwards."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.usefixtures("collector")
def test_what_lives_as_long_as_the_process_is_not_looked_through_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = SimpleNamespace(
        app=None,
        hub=SimpleNamespace(close=None),
        writer=SimpleNamespace(on_fault=[]),
        metrics=SimpleNamespace(connection_closed=None),
    )
    monkeypatch.setattr(serving, "create_app", lambda *_: parts)
    frozen = gc.get_freeze_count()
    serving._server(Config("", ()), SystemClock(), "127.0.0.1", lambda _url: None)
    assert gc.get_freeze_count() > frozen
    assert gc.get_threshold() == serving.GARBAGE
