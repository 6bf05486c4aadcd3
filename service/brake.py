"""A budget of failed proofs for each client's address: the brake on guessing secrets.

Webhooks, boards and metrics share it. A route checks the proof of a request first, and asks the brake
only about one that failed: a right proof is neither braked nor charged, because behind a proxy everybody may
share one address. The budget is that of an address, never of an account, or a stranger could lock the CRM
out. What it keeps is bounded, however many addresses a stranger has.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from service.clock import Clock

BURST: Final = 20
"""Failed proofs that an address may bring at once: a mistyped secret, or an office whose screens were all
revoked."""

SECONDS_EACH: Final = 6.0
"""After how many seconds an address gets back one of them."""

MAX_ADDRESSES: Final = 10_000
"""Addresses that are kept, some 3 MB. Beyond them the one whose last failure is the oldest is forgotten."""

LOG_SECONDS: Final = 60.0
"""Between two lines of the log about an account and a cause."""

_NETWORK_BITS: Final = 64
"""Of an IPv6 address: one customer has all addresses of such a network."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Budget:
    """What an address has left, and since when it is so."""

    left: float
    since: float


@dataclass(slots=True)
class _Told:
    """When the log told of an account and a cause, and how often they came since then."""

    at: float
    since: int = 0


class Brake:
    """The budgets of all addresses. For one thread, the event loop.

    Args:
        on_failed: Called for each failed proof with the account's id, the cause, and whether it was braked.
    """

    def __init__(
        self,
        clock: Clock,
        on_failed: Callable[[str, str, bool], None] = lambda _account_id, _cause, _braked: None,
    ) -> None:
        self._clock = clock
        self._on_failed = on_failed
        self._budgets: OrderedDict[str, _Budget] = OrderedDict()
        self._told: dict[tuple[str, str], _Told] = {}

    def refusal(self, address: str) -> int | None:
        """The seconds that a request whose proof failed must wait for; None while its address has something
        left."""
        left = self._left(source_of(address))
        return None if left >= 1 else math.ceil((1 - left) * SECONDS_EACH)

    def failed(self, address: str, account_id: str, cause: str, delivery: str = "") -> None:
        """Charge a failed proof to its address, count it, and log it.

        Args:
            account_id: Of an account of the configuration; empty for what belongs to none. The log is bounded
                by the accounts and causes that there are, so neither may come from a request.
            delivery: The id of the webhook that it is; empty for another request.
        """
        source = source_of(address)
        left = self._left(source)
        braked = left < 1
        self._budgets[source] = _Budget(left if braked else left - 1, self._clock.monotonic())
        self._budgets.move_to_end(source)
        if len(self._budgets) > MAX_ADDRESSES:
            self._budgets.popitem(last=False)
        self._on_failed(account_id, cause, braked)
        self._tell(account_id, cause, source, delivery)

    async def run(self) -> None:
        """Log the number of those that were not told, until cancelled, so that the end of an attack is told
        too."""
        while True:
            await self._clock.wait(LOG_SECONDS / 6, asyncio.Event())
            now = self._clock.monotonic()
            for (account_id, cause), told in self._told.items():
                if told.since and now - told.at >= LOG_SECONDS:
                    text, about = "%s%d more requests were not authentic: %s", _about(account_id)
                    _log.warning(text, _named(account_id), told.since, cause, extra=about)
                    told.at, told.since = now, 0

    def _left(self, source: str) -> float:
        """How many failed proofs a source may bring now."""
        budget = self._budgets.get(source)
        if budget is None:
            return BURST
        return min(BURST, budget.left + (self._clock.monotonic() - budget.since) / SECONDS_EACH)

    def _tell(self, account_id: str, cause: str, source: str, delivery: str) -> None:
        """Log the first failure of an account for a cause at once, and then one a minute at most."""
        now = self._clock.monotonic()
        told = self._told.get((account_id, cause))
        if told is not None and now - told.at < LOG_SECONDS:
            told.since += 1
            return
        more = f", and {told.since} more since the last such line" if told is not None and told.since else ""
        named = f" ({delivery})" if delivery else ""
        text, about = "%sa request from %s is not authentic: %s%s%s", _about(account_id, delivery)
        _log.warning(text, _named(account_id), source, cause, named, more, extra=about)
        self._told[account_id, cause] = _Told(now)


def _named(account_id: str) -> str:
    """How a line of an account begins; empty for what belongs to none."""
    return f"{account_id}: " if account_id else ""


def _about(account_id: str, delivery: str = "") -> dict[str, str]:
    """The fields of a line, without those that it is not about."""
    return {name: text for name, text in (("account", account_id), ("delivery", delivery)) if text}


@lru_cache(maxsize=4096)
def source_of(address: str) -> str:
    """What shares a budget with an address: the address itself; of IPv6, its network of 64 bits.

    Args:
        address: What the server calls the client. What is no IP address may hold anything, so all such
            clients share one budget.
    """
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return "an unknown address"
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    network = int(known) >> _NETWORK_BITS << _NETWORK_BITS
    return f"{ipaddress.IPv6Address(network)}/{_NETWORK_BITS}"
