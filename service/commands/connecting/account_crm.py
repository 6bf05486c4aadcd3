"""The simulated CRM of a real account: what it posts has the vendor's form and the account's secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from service.adapters.amocrm.options import AmoCRMOptions
from service.adapters.bitrix24.options import Bitrix24Options
from service.adapters.hubspot.options import HubSpotOptions
from service.adapters.pipedrive.options import PipedriveOptions
from service.config import Account
from service.demo.crms.amocrm.crm import AmoCRM
from service.demo.crms.bitrix24.crm import Bitrix24
from service.demo.crms.crm import SimulatedCRM
from service.demo.crms.hubspot.crm import HubSpot
from service.demo.crms.hubspot.records import PORTAL
from service.demo.crms.pipedrive.crm import Pipedrive
from service.demo.crms.pipedrive.webhooks import COMPANY
from service.demo.crms.standard import Standard
from service.demo.office import Office

_DOMAIN: Final = "test.bitrix24.ru"


def _amocrm(account: Account, office: Office, secret: str) -> SimulatedCRM:
    named = AmoCRMOptions.of(account).account or "test"
    account_id = int(named) if named.isdigit() else 1
    subdomain = "test" if named.isdigit() else named
    return AmoCRM(office, webhook_secret=secret, subdomain=subdomain, account_id=account_id)


def _bitrix24(account: Account, office: Office, secret: str) -> SimulatedCRM:
    domain = Bitrix24Options.of(account).domain or _DOMAIN
    return Bitrix24(office, domain=domain, application_token=secret)


def _hubspot(account: Account, office: Office, secret: str) -> SimulatedCRM:
    options = HubSpotOptions.of(account)
    return HubSpot(
        office,
        webhook_secret=secret,
        portal=int(options.account or PORTAL),
        signature=options.signature,
    )


def _pipedrive(account: Account, office: Office, secret: str) -> SimulatedCRM:
    company = int(PipedriveOptions.of(account).account or COMPANY)
    return Pipedrive(office, webhook_secret=secret, company=company)


_MADE: Final[Mapping[str, Callable[[Account, Office, str], SimulatedCRM]]] = {
    "amocrm": _amocrm,
    "bitrix24": _bitrix24,
    "hubspot": _hubspot,
    "pipedrive": _pipedrive,
    "standard": lambda _account, office, secret: Standard(office, webhook_secret=secret),
}


def crm_of(account: Account, office: Office) -> SimulatedCRM:
    """The CRM of an account, for an invented office."""
    return _MADE[account.crm](account, office, account.webhook_secrets[0].value)
