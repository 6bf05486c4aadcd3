"""Each CRM with an API: its simulation, and the account that is connected to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from service.config import Account
from service.config_file import parse
from service.demo.crms.amocrm.crm import AmoCRM
from service.demo.crms.bitrix24.crm import Bitrix24
from service.demo.crms.crm import SimulatedCRM
from service.demo.crms.hubspot.crm import HubSpot
from service.demo.crms.pipedrive.crm import Pipedrive
from service.demo.office import Office

ADDRESS: Final = "https://board.example/webhooks/office"


@dataclass(frozen=True)
class Connection:
    """One CRM kind: how it is simulated for an office, and how an account is connected to it."""

    vendor: Callable[[Office], SimulatedCRM]
    account: Callable[[SimulatedCRM], Account]


def account_of(crm: SimulatedCRM) -> Account:
    """The account that an operator configures for a CRM."""
    own = {"id": "office", "title": "Office", "timezone": "Europe/Moscow", "currency": "RUB"}
    table = {**own, "public_url": "https://board.example", **crm.account()}
    return parse({"accounts": [table]}, {}).accounts[0]


def connecting(simulated: Callable[[Office], SimulatedCRM]) -> Connection:
    """A connection whose CRM posts its webhooks to the service."""

    def vendor(office: Office) -> SimulatedCRM:
        crm = simulated(office)
        crm.connect(ADDRESS)
        return crm

    return Connection(vendor, account_of)


def _pipedrive_v1(office: Office) -> SimulatedCRM:
    """Its webhook has the older version."""
    crm = Pipedrive(office)
    crm.connect(ADDRESS, version="1.0")
    return crm


CRMS: Final[Mapping[str, Connection]] = {
    "amocrm": connecting(AmoCRM),
    "bitrix24": connecting(Bitrix24),
    "hubspot": connecting(HubSpot),
    "pipedrive": connecting(Pipedrive),
    "pipedrive v1": Connection(_pipedrive_v1, account_of),
}
