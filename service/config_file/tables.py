"""The tables of `lossboard.toml`: what each key is called, takes and means.

A docstring says what a key means, for the operator: docs/reference/configuration.md is made of it. The
`description` of a `Meta` says what is expected, in that document and in errors; its `extra` gives a unit, or
choices that no type can name. The reader of the file checks what holds between keys.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from service.adapters import ADAPTERS
from service.config import Language

ISO_4217: Final = "an ISO 4217 code such as RUB"
ON_POSTGRESQL: Final = "postgresql+psycopg://USER@HOST/DATABASE"
A_DATABASE: Final = f"sqlite:///FILE or {ON_POSTGRESQL}"
A_NETWORK: Final = "an address, or a network such as 10.0.0.0/8"
A_RATE: Final = 'a rate such as "92.50"'
ONE_OR_SEVERAL: Final = "a secret, or a list of them"

AccountId: TypeAlias = Annotated[
    str, Meta(pattern=r"\A[a-z0-9-]{1,40}\Z", description="1 to 40 of a-z, 0-9 and -")
]
Title: TypeAlias = Annotated[str, Meta(pattern=r"\S", description="a title that is not blank")]
Crm: TypeAlias = Annotated[str, Meta(extra={"one of": tuple(ADAPTERS)})]
Currency: TypeAlias = Annotated[str, Meta(description=ISO_4217)]
Token: TypeAlias = Annotated[str, Meta(min_length=16, description="at least 16 characters, hard to guess")]
Database: TypeAlias = Annotated[str, Meta(description=A_DATABASE)]
RootPath: TypeAlias = Annotated[
    str, Meta(pattern=r"\A(/[A-Za-z0-9._~-]+)*/*\Z", description="a path such as /lossboard")
]
ApiUrl: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"\Ahttps?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?\Z",
        description="an address such as https://office.amocrm.ru",
    ),
]


class ApiTable(msgspec.Struct):
    """Lets the service ask the CRM for what its webhooks leave out, and for those that were lost.

    Args:
        token: Proves to the CRM who calls; the CRM's page in docs/how-to/connect/ says how to get one.
        url: The address of the account's API. Left out where the CRM has one address for every account.
        per_second: How fast the CRM is asked, if the vendor grants this account another pace than most.
    """

    token: Annotated[str, Meta(min_length=1, description="the token that the CRM gave")]
    url: ApiUrl | None = None
    per_second: Annotated[float, Meta(gt=0, le=1000, extra={"unit": "calls per second"})] | None = None


class ReasonsTable(msgspec.Struct):
    """The kinds of loss reasons, by the reason's name or its id in the CRM. The table replaces the default
    one. A reason in no list is shown as unclassified.

    Args:
        controllable: The sales department could have saved the deal: the board's headline.
        objective: Nobody could have saved the deal.
        excluded: There never was a client: the deal is not counted.
    """

    controllable: list[str] = []
    objective: list[str] = []
    excluded: list[str] = []


class LimitsTable(msgspec.Struct):
    """Above these the board says that a figure of the whole office is high.

    Args:
        clients: How many clients may be at risk. Left out: any number.
        amount: How much may be at stake. Left out: any amount.
    """

    clients: Annotated[int, Meta(ge=0, extra={"unit": "clients"})] | None = None
    amount: (
        Annotated[
            str, Meta(description='an amount such as "500000"', extra={"unit": "the account's currency"})
        ]
        | None
    ) = None


class AccountTable(msgspec.Struct):
    """One CRM connection, and the board that it feeds. The block stands once for each account.

    Args:
        id: The account's name in addresses: /webhooks/ID takes what the CRM sends, /boards/ID is the board.
        title: The board's heading.
        crm: The CRM that posts the webhooks.
        webhook_secret: Proves that a webhook comes from the CRM. A list lets one be replaced without a gap.
        timezone: The zone whose midnight begins a day.
        currency: The currency of the sums.
        language: The language of the board.
        viewer_token: Lets a screen see the board. Left out: only named screens see it, and anybody who
            opens the link that `lossboard serve` prints.
        reasons: See [accounts.reasons]. Left out: the default table of the account's language.
        rates: One unit of another currency in the account's currency, by that currency's code. A deal in a
            currency without a rate counts with amount 0, and the board warns of it.
        public_url: The address of the service for callers, with the root_path, if it stands behind a proxy.
            HubSpot signs it, and the links of named screens begin with it.
        mask_clients: On walls a client's name is shortened, and deals have numbers instead of names.
        show_phones: Everybody who may see the board can call a client with one tap; on a wall nobody can.
        limits: See [accounts.limits].
        api: See [accounts.api]. Left out: the CRM is not asked. Bitrix24 needs it.
    """

    id: AccountId
    title: Title
    crm: Crm
    webhook_secret: Annotated[str | list[str], Meta(description=ONE_OR_SEVERAL)]
    timezone: ZoneInfo
    currency: Currency
    language: Language = "ru"
    viewer_token: Token | None = None
    reasons: dict[str, Any] | None = None
    rates: dict[str, Annotated[str, Meta(description=A_RATE)]] = {}
    public_url: Annotated[str, Meta(description="an address such as https://board.example")] | None = None
    mask_clients: bool = False
    show_phones: bool = False
    limits: dict[str, Any] = {}
    api: dict[str, Any] | None = None


class FileTable(msgspec.Struct):
    """What holds for the whole service.

    Args:
        accounts: See [[accounts]]. At least one is needed.
        database_url: The database. SQLite serves one process; PostgreSQL serves any number of them. The
            variable LOSSBOARD_DATABASE_URL overrides it.
        listen_url: The PostgreSQL server itself, if database_url leads through a pooler that reassigns its
            connections after each transaction. Left out: there is no such pooler.
        sharded: Several PostgreSQL servers share the accounts out, by the column `account`.
        keep_bodies_days: How long raw webhook bodies are kept; figures do not depend on them.
        root_path: The path under which a proxy serves the service, if it has no host of its own.
        trusted_proxies: The proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.
        metrics_token: Opens /metrics to anybody who sends it as a bearer token. Left out: nothing does.
        admin_token: Opens /admin to the person who has it. Left out: nothing does.
        log: See [log].
    """

    accounts: list[dict[str, Any]]
    database_url: Database = "sqlite:///lossboard.db"
    listen_url: Annotated[str, Meta(description=ON_POSTGRESQL)] | None = None
    sharded: bool = False
    keep_bodies_days: Annotated[int, Meta(ge=1, le=3650, extra={"unit": "days"})] = 30
    root_path: RootPath = ""
    trusted_proxies: list[Annotated[str, Meta(description=A_NETWORK)]] = []
    metrics_token: Token | None = None
    admin_token: Token | None = None
    log: dict[str, Any] = {}
