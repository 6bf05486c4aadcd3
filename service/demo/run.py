"""The demo: an office that keeps its records in a simulated CRM, and the service's configuration for it."""

from __future__ import annotations

import asyncio
import base64
import random
import secrets
import sys
from collections.abc import Callable, Mapping
from typing import Final

import click
import httpx

from service.clock import Clock
from service.demo.crms.amocrm.crm import AmoCRM
from service.demo.crms.bitrix24.crm import Bitrix24
from service.demo.crms.crm import AccountTable, SimulatedCRM
from service.demo.crms.hubspot.crm import HubSpot
from service.demo.crms.pipedrive.crm import Pipedrive
from service.demo.crms.standard import Standard
from service.demo.life import Life
from service.demo.office import Office, OfficeClock
from service.demo.postman import Postman, patiently, through
from service.demo.story import ZONE, tell_story, told_from
from service.demo.telling import Language, Teller, Telling

SEED: Final = 20
"""The demo is the same every time, but for the moments."""

ACCOUNT: Final = "demo"

EXAMPLES_SECONDS: Final = 180
"""How long the worked examples stand before the office goes on: time to read them in the help."""

_TIMEOUT_SECONDS: Final = 10.0


def _amocrm(office: Office, secret: str) -> SimulatedCRM:
    """An amoCRM without an API token: its webhooks carry the loss reason in a field of the lead."""
    return AmoCRM(
        office,
        webhook_secret=secret,
        subdomain="lossboard-demo",
        reason_field="Причина отказа",
    )


CRMS: Final[Mapping[str, Callable[[Office, str], SimulatedCRM]]] = {
    "amocrm": _amocrm,
    "bitrix24": lambda office, secret: Bitrix24(office, application_token=secret),
    "hubspot": lambda office, secret: HubSpot(office, webhook_secret=secret),
    "pipedrive": lambda office, secret: Pipedrive(office, webhook_secret=f"demo:{secret}"),
    "standard": lambda office, secret: Standard(office, webhook_secret=f"whsec_{_key(secret)}"),
}
"""How each CRM kind is simulated for an office, given a secret for its webhooks."""


class Simulation:
    """The demo's office in a simulated CRM, with the story already played.

    Args:
        kind: One of `CRMS`.
        clock: Dates the story, and paces the life after it.
        examples_seconds: How long the worked examples stand before the office goes on; None: it stays quiet.
    """

    def __init__(self, kind: str, clock: Clock, examples_seconds: float | None = EXAMPLES_SECONDS) -> None:
        office_clock = OfficeClock(clock)
        self.office = Office(office_clock)
        self.crm = CRMS[kind](self.office, secrets.token_urlsafe(24))
        rng = random.Random(SEED)
        self._clock = clock
        self._examples_seconds = examples_seconds
        self._lives_from: float | None = None  # by the monotonic clock; None until the story is posted
        self._teller = Teller(self.office, kind, ZONE)
        self.told_from = told_from(clock.now())
        """The first day of which the story has every refusal."""
        self._story = tell_story(self.office, office_clock, rng)
        self._life = Life(self.office, rng)

    def account(self, api_url: str) -> AccountTable:
        """The account's table of `lossboard.toml`; the CRM's API is served at the given URL."""
        return {
            "id": ACCOUNT,
            "title": "Отдел продаж",
            "timezone": ZONE.key,
            "currency": "RUB",
            "show_phones": True,
            "language": "ru",
            **self.crm.account(api_url),
        }

    def tell(self, language: Language) -> Telling:
        """What the office does right now, and what the last events were."""
        until_life = self._examples_seconds
        if self._lives_from is not None:
            until_life = self._lives_from - self._clock.monotonic()
        return self._teller.tell(language, until_life)

    async def play(self, base_url: str) -> None:
        """Post the story's webhooks, then those of the office's life until cancelled.

        Args:
            base_url: Where the service listens, for example `http://127.0.0.1:8000`.

        Raises:
            ExceptionGroup: Of `DeliveryError`: the service refused a webhook, or was away.
        """
        address = f"{base_url}/webhooks/{ACCOUNT}"
        self.crm.connect(address)
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            postman = Postman(self.crm, patiently(through(client, address), self._clock))
            with click.progressbar(
                length=len(self._story),
                label="The office's month so far",
                file=sys.stderr,
                hidden=not sys.stderr.isatty(),
            ) as bar:
                await postman.tell_all(self._story, bar.update)
            if self._examples_seconds is None:
                return
            self._lives_from = self._clock.monotonic() + self._examples_seconds
            await self._clock.wait(self._examples_seconds, asyncio.Event())
            self._teller.listen()
            while True:
                await postman.tell_all(self._life.next_events(), lambda _: None)
                await self._clock.wait(self._life.pause_seconds(), asyncio.Event())


def _key(secret: str) -> str:
    return base64.b64encode(secret.encode()).decode()
