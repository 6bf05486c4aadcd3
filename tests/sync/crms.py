"""Each CRM whose API is asked: a simulated vendor, and an account that is connected to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from service.adapters.amocrm.options import AmoCRMOptions
from service.adapters.bitrix24.options import Bitrix24Options
from service.adapters.hubspot.options import HubSpotOptions
from service.adapters.pipedrive.options import PipedriveOptions
from service.config import Account, Api, Options, Secret, zone
from service.demo.crms.amocrm.crm import AmoCRM
from service.demo.crms.bitrix24.crm import Bitrix24
from service.demo.crms.crm import SimulatedCRM
from service.demo.crms.hubspot.crm import HubSpot
from service.demo.crms.hubspot.webhooks import PORTAL
from service.demo.crms.pipedrive.crm import Pipedrive
from service.demo.crms.pipedrive.webhooks import COMPANY
from service.demo.office import Office


@dataclass(frozen=True)
class Connection:
    """One CRM kind: how its simulation is made, and an account from what the simulation must be given."""

    vendor: Callable[[Office], SimulatedCRM]
    account: Callable[[SimulatedCRM], Account]


def account(vendor: SimulatedCRM, api: Api, *secrets: str, options: Options) -> Account:
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
        options=options,
        api=api,
    )


def _amocrm(vendor: SimulatedCRM) -> Account:
    told = vendor.settings()
    api = Api(Secret(str(told["token"])), str(told["base_url"]))
    return account(
        vendor, api, str(told["webhook_secret"]), options=AmoCRMOptions(account=str(told["account"]))
    )


def _pipedrive(vendor: SimulatedCRM) -> Account:
    told = vendor.settings()
    api = Api(Secret(str(told["token"])), str(told["base_url"]))
    return account(vendor, api, str(told["webhook_secret"]), options=PipedriveOptions(account=str(COMPANY)))


def _pipedrive_v1(office: Office) -> SimulatedCRM:
    """With a webhook of the older version."""
    vendor = Pipedrive(office, subscribed=False)
    user, _, password = vendor.webhook_secret.partition(":")
    vendor.subscribe("https://board.example/webhooks/office", version="1.0", user=user, password=password)
    return vendor


def _bitrix24(vendor: SimulatedCRM) -> Account:
    told = vendor.settings()
    url, _, code = str(told["rest_url"]).partition("/rest/")
    api = Api(Secret(code.strip("/")), url)
    return account(
        vendor, api, str(told["webhook_secret"]), options=Bitrix24Options(domain=str(told["domain"]))
    )


def _hubspot(vendor: SimulatedCRM) -> Account:
    told = vendor.settings()
    api = Api(Secret(str(told["token"])), str(told["base_url"]))
    return account(vendor, api, str(told["webhook_secret"]), options=HubSpotOptions(account=str(PORTAL)))


CRMS: Final[Mapping[str, Connection]] = {
    "amocrm": Connection(AmoCRM, _amocrm),
    "bitrix24": Connection(Bitrix24, _bitrix24),
    "hubspot": Connection(HubSpot, _hubspot),
    "pipedrive": Connection(Pipedrive, _pipedrive),
    "pipedrive v1": Connection(_pipedrive_v1, _pipedrive),
}
