"""Waits until simulated screens show what the service says of their boards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import httpx

from tests.chaos.streams import Screen
from tests.e2e.running import BEARER

AGREE_SECONDS: Final = 60.0
"""How long the screens may take to agree with the snapshots."""


async def disagreements(screens: Sequence[Screen], urls: Sequence[str]) -> list[str]:
    """Wait until each screen shows the same as a snapshot of one of the nodes; returns what differs if that
    does not come true in time."""
    end = time.monotonic() + AGREE_SECONDS
    async with httpx.AsyncClient(headers=BEARER, timeout=30, trust_env=False) as client:
        while True:
            wrong = []
            for number, screen in enumerate(screens):
                address = f"{urls[number % len(urls)]}/boards/{screen.account}/snapshot"
                there, here = await _shown(client, address), _lasting(screen.board)
                if there != here:
                    wrong.append(f"a screen of {screen.account} differs: {_differing(here, there or {})}")
            if not wrong or time.monotonic() > end:
                return wrong
            await asyncio.sleep(0.2)


def _differing(here: dict[str, Any], there: dict[str, Any]) -> list[str]:
    """The parts of two boards that differ."""
    return sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))


async def _shown(client: httpx.AsyncClient, address: str) -> dict[str, Any] | None:
    """The content of a snapshot; None if the request fails, as when a server closes an idle connection while
    it is used again."""
    try:
        answer = await client.get(address)
    except httpx.HTTPError:
        return None
    return _lasting(answer.json()) if answer.status_code == 200 else None


def _lasting(board: dict[str, Any]) -> dict[str, Any]:
    """The parts of a board that do not change with time alone: all but `as_of` and the mean delays of
    tasks."""
    if not board:
        return {}
    managers = [
        {name: value for name, value in manager.items() if not name.startswith("late_")}
        for manager in board["at_risk"]["managers"]
    ]
    rest = {name: value for name, value in board.items() if name != "as_of"}
    return {**rest, "at_risk": {**board["at_risk"], "managers": managers}}
