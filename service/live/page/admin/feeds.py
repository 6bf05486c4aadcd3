"""The pages of accounts and their feeds, and the one that asks for the token."""

from __future__ import annotations

from dataclasses import dataclass

from service.calendar import iso
from service.config import Account, Language
from service.ledger.read.admin.health import MANY_NEEDS, Health
from service.ledger.read.admin.reader import AccountsPage
from service.ledger.write.troubles import API_CODES
from service.live.page.admin.shown import Shown, local, rendered
from service.live.page.environment import template
from service.live.text.warnings import Warned, cause_remedy, cause_text, warning_text
from service.model import Trouble


@dataclass(frozen=True, slots=True)
class Refusals:
    """Requests that were refused for one cause; moments are ISO, local."""

    cause: str
    remedy: str
    count: int
    since: str
    last_at: str


def sign_in_page(language: Language, root_path: str, *, is_wrong: bool) -> str:
    """The page that asks for the token; `is_wrong`: the one that was given is."""
    page = template(language, "admin/sign-in.html")
    return page.render(root_path=root_path, wall=False, is_wrong=is_wrong)


def accounts_page(page: AccountsPage, shown: Shown) -> str:
    """The page of all accounts."""
    rows = [_row(health, shown) for health in page.rows]
    return rendered("accounts.html", shown, rows=rows, after=page.after)


def health_page(health: Health, shown: Shown) -> str:
    """The page of the health of an account."""
    account, language = health.account, shown.language
    day = iso(shown.now, account.zone)[:10]
    refused = [trouble for trouble in health.troubles if trouble.code == "requests_refused"]
    others = [trouble for trouble in health.troubles if trouble.code != "requests_refused"]
    return rendered(
        "health.html",
        shown,
        account,
        here="",
        row=_row(health, shown),
        warnings=[_warning(trouble, account, day, language) for trouble in others],
        refusals=[_refusals(trouble, account, language) for trouble in refused],
    )


def _row(health: Health, shown: Shown) -> dict[str, object]:
    """An account and its feed, as a row of the accounts."""
    account, head = health.account, health.head
    return {
        "account": account,
        "now": iso(shown.now, account.zone),
        "has_board": head is not None,
        "is_current": health.is_current,
        "last_delivery_at": local(head.last_delivery_at if head else None, account),
        "deliveries": head.deliveries if head else 0,
        "quarantined": head.quarantined if head else 0,
        "refused": sum(trouble.count for trouble in health.troubles if trouble.code == "requests_refused"),
        "needs": health.needs,
        "has_more_needs": health.needs == MANY_NEEDS,
        "api": _api(health),
        "synced_at": local(health.sync.synced_at, account),
    }


def _api(health: Health) -> str:
    """The state of the account's API, by a name that the template has words for."""
    if health.account.api is None:
        return "none"
    if any(trouble.code in API_CODES for trouble in health.troubles):
        return "fails"
    if health.sync.run is not None:
        return "reading"
    return "unknown" if health.sync.synced_at is None else "works"


def _warning(trouble: Trouble, account: Account, day: str, language: Language) -> str:
    since, last_at = iso(trouble.since, account.zone), iso(trouble.last_at, account.zone)
    return warning_text(Warned(trouble.code, trouble.count, since, last_at, trouble.subject), day, language)


def _refusals(trouble: Trouble, account: Account, language: Language) -> Refusals:
    return Refusals(
        cause_text(trouble.subject, language),
        cause_remedy(trouble.subject, language),
        trouble.count,
        iso(trouble.since, account.zone),
        iso(trouble.last_at, account.zone),
    )
