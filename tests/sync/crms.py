"""Each CRM whose API is asked: a simulated vendor, and an account that is connected to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from service.config import Account, Api, Options, Secret, zone
from tests.vendors.amocrm import AmoCRM
from tests.vendors.truth import Office
from tests.vendors.vendor import Vendor


@dataclass(frozen=True)
class Connection:
    """One CRM kind: how its simulation is made, and an account from what the simulation must be given."""

    vendor: Callable[[Office], Vendor]
    account: Callable[[Vendor], Account]


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
    "amocrm": Connection(AmoCRM, _amocrm),
}
