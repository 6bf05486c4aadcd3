"""Each CRM whose API is asked: a simulated vendor, and an account that is connected to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from service.config import Account, Api, Options, Secret, zone
from tests.vendors.amocrm import AmoCRM
from tests.vendors.clock import StillClock
from tests.vendors.life import Habits
from tests.vendors.truth import Office
from tests.vendors.vendor import Vendor


@dataclass(frozen=True)
class Connection:
    """One CRM kind.

    Args:
        vendor: Makes its simulation.
        account: Makes the account, from what the simulation must be given.
        habits: What an office with this CRM can do.
    """

    vendor: Callable[[Office], Vendor]
    account: Callable[[Vendor], Account]
    habits: Habits


def account(vendor: Vendor, api: Api, *secrets: str, options: Options | None = None, **more: str) -> Account:
    """An account of the vendor's kind."""
    return Account(
        id="office",
        title="Office",
        crm=vendor.kind,
        webhook_secrets=tuple(map(Secret, secrets)),
        timezone="Europe/Moscow",
        zone=zone("Europe/Moscow"),
        currency="RUB",
        language="ru",
        public_url="https://board.example",
        domain=more.get("domain"),
        options=options or Options(),
        api=api,
    )


def _amocrm(vendor: Vendor) -> Account:
    told = vendor.settings()
    api = Api(Secret(str(told["token"])), str(told["base_url"]))
    return account(vendor, api, str(told["webhook_secret"]), options=Options(account=str(told["account"])))


CRMS: Final[Mapping[str, Connection]] = {
    "amocrm": Connection(AmoCRM, _amocrm, Habits(undated=0.0)),
}


def office(clock: StillClock) -> Office:
    """A simulated office by a clock."""
    return Office(clock)
