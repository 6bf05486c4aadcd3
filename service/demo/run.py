"""Plays the demo against a running service: the opening at once, then the office's life, unless still."""

from __future__ import annotations

import asyncio
import random
import secrets
import sys
from typing import Final

import click

from service.clock import Clock
from service.demo import names, wire
from service.demo.life import Life
from service.demo.post import Poster
from service.demo.story import ZONE, opening

SEED: Final = 20
"""The demo is the same every time, but for the moments."""


def new_token() -> str:
    """A webhook secret for one run."""
    return secrets.token_urlsafe(24)


def settings(database_url: str, token: str) -> dict[str, object]:
    """The demo's configuration, as `lossboard.toml` would have it: amoCRM in Moscow, shown to loopback only.

    The database must be empty, because every run uses the same ids.
    """
    account = {
        "id": "demo",
        "title": "Отдел продаж",
        "crm": "amocrm",
        "webhook_secret": token,
        "timezone": ZONE.key,
        "currency": "RUB",
        "amocrm": {
            "account": wire.SUBDOMAIN,
            "reason_field": wire.REASON_FIELD,
            "users": {str(manager_id): name for manager_id, name in names.MANAGERS.items()},
        },
    }
    return {"database_url": database_url, "accounts": [account]}


async def play(
    base_url: str, token: str, clock: Clock, *, still: bool, stop: asyncio.Event, seed: int = SEED
) -> None:
    """Post the worked examples, then the office's life until `stop` is set.

    Args:
        base_url: Where the service listens, for example `http://127.0.0.1:8000`.
        token: The webhook secret of the demo's account.
        clock: Says when the story happens, and paces the life after it.
        still: Return after the worked examples; the office stays quiet.
        stop: Once set, nothing more is posted and the call returns.
        seed: Decides all that is left to chance.

    Raises:
        DeliveryError: The service refused a webhook, or was not there.
    """
    rng = random.Random(seed)
    story = opening(clock.now(), rng)
    async with Poster(base_url, token, clock, stop) as poster:
        with click.progressbar(
            length=len(story.webhooks),
            label="The office's month so far",
            file=sys.stderr,
            hidden=not sys.stderr.isatty(),
        ) as bar:
            await poster.post(story.webhooks, bar.update)
        office = Life(story.books, rng)
        while not (still or stop.is_set()):
            await clock.wait(office.pause(), stop)
            await poster.post(office.next_events(clock.now()))
