"""An office in a simulated CRM, and a client of the CRM's API."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, Generic, TypeVar

import httpx

from service.demo.crms.crm import SimulatedCRM
from service.demo.office import Event, Office
from tests.demo.clock import StillClock
from tests.demo.random_history import HABITS, random_history

ADDRESS = "https://board.example/webhooks/office"
_CRM = TypeVar("_CRM", bound=SimulatedCRM)


class Simulated(Generic[_CRM]):
    """A simulated CRM on a clock that stands.

    Args:
        make: Makes the CRM for an office.
        headers: Of every request.
    """

    def __init__(self, make: Callable[[Office], _CRM], headers: Callable[[_CRM], dict[str, str]]) -> None:
        self.clock = StillClock()
        self.office = Office(self.clock)
        self.crm = make(self.office)
        self.crm.connect(ADDRESS)
        self._headers = headers(self.crm)

    async def call(
        self, path: str, body: object = None, method: str | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send a request to the API; one with a body is a POST."""
        transport = httpx.ASGITransport(app=self.crm.app)
        async with httpx.AsyncClient(transport=transport, base_url="https://crm.example") as client:
            verb = method or ("GET" if body is None else "POST")
            return await client.request(verb, path, json=body, headers=headers or self._headers)

    async def get(self, path: str, body: object = None) -> Any:
        """The JSON of an answer that must be good."""
        answer = await self.call(path, body)
        assert answer.status_code in (200, 207), answer.text
        return answer.json()

    def live(self, steps: int) -> Iterator[Event]:
        """Random events of the office."""
        for event in random_history(self.office, Random(1), steps, HABITS[self.crm.kind]):
            yield event
            self.clock.advance(90)


def captures(kind: str) -> list[bytes]:
    """Bodies captured from a vendor; none where no folder of captures is configured."""
    folder = os.environ.get("LOSSBOARD_CAPTURES")
    return [] if not folder else [path.read_bytes() for path in sorted((Path(folder) / kind).glob("*.txt"))]
