"""One object in an answer of Bitrix24's API, and those objects of which the board shows the name alone.
Pure.

Source: apidocs.bitrix24.com (crm.item.list, crm.status.list, crm.category.list, crm.deal.userfield.list,
user.get). An object is read field by field. A field that cannot be read is left unset; only an object that is
dated too far in the future is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from msgspec import UNSET, UnsetType

from service.adapters.bitrix24.options import Bitrix24Options
from service.adapters.bitrix24.values import LEAD, Json, full_name, moment, number
from service.adapters.fields import phone_number, refuse_future
from service.adapters.parsed import Parsed
from service.config import Account
from service.model import Change, Entity, Instant, Value
from service.reasons import reason_key


@dataclass(frozen=True, slots=True)
class Item:
    """One object in an answer.

    Args:
        sent: Its JSON, as it came.
        id: Its id on the board.
        asked_at: When the API was asked.
        is_listed: It is on a page of a list, and was not asked for by its id.
    """

    sent: Json
    id: str
    account: Account
    asked_at: Instant
    is_listed: bool

    def version(self, name: str) -> tuple[Instant, bool]:
        """When the object last changed, by the named field, and True; without a readable time there, when the
        API was asked, and False.

        Raises:
            ValueError: It is dated too far in the future.
        """
        changed_at = moment(self.sent.get(name))
        if changed_at is UNSET:
            return self.asked_at, False
        return refuse_future(changed_at, self.asked_at), True

    def url(self, path: str) -> str | UnsetType:
        """The address of a page of the portal, which has the same origin as its API."""
        origin = self.account.api.url if self.account.api else None
        return f"{origin}/{path}/" if origin else UNSET


def contact(item: Item) -> Parsed:
    """A contact of `crm.item.list`."""
    return _client(item, full_name(item.sent.get("name"), item.sent.get("lastName")))


def company(item: Item) -> Parsed:
    """A company of `crm.item.list`."""
    return _client(item, full_name(item.sent.get("title")))


def _client(item: Item, name: str | None) -> Parsed:
    """The name, and the first telephone number of its multiple fields: a list, or an object by their ids."""
    told: dict[str, Value] = {"name": name} if name else {}
    if "fm" in item.sent:
        fm = item.sent["fm"]
        values = fm.values() if isinstance(fm, dict) else fm if isinstance(fm, list) else ()
        phones = (one for one in values if isinstance(one, dict) and one.get("typeId") == "PHONE")
        told["phone"] = phone_number(*(one.get("value") for one in phones))
    version, is_dated = item.version("updatedTime")
    return Parsed((Change("client", item.id, version, told),) if told else (), is_dated=is_dated)


def user(item: Item) -> Parsed:
    """A user of `user.get`."""
    return _named(item, "manager", full_name(item.sent.get("NAME"), item.sent.get("LAST_NAME")))


def pipeline(item: Item) -> Parsed:
    """A pipeline of `crm.category.list`."""
    return _named(item, "pipeline", full_name(item.sent.get("name")))


def stage(item: Item) -> Parsed:
    """An entry of `crm.status.list`: a reason, if it is a stage in which deals are lost, or a status in which
    leads fail. The method also lists the entries of all other lists of the CRM."""
    of_what = str(item.sent.get("ENTITY_ID"))
    if item.sent.get("SEMANTICS") != "F":
        return Parsed()
    if of_what == "STATUS":
        return _named(item, "reason", full_name(item.sent.get("NAME")), prefix=LEAD)
    if of_what.startswith("DEAL_STAGE") and Bitrix24Options.of(item.account).reason_field is None:
        return _named(item, "reason", full_name(item.sent.get("NAME")))
    return Parsed()


def choices(item: Item) -> Parsed:
    """A field of `crm.deal.userfield.list`: each entry of its list is a reason."""
    entries = item.sent.get("LIST")
    named = [
        Change("reason", choice_id, item.asked_at, {"name": name})
        for choice in (entries if isinstance(entries, list) else ())
        if isinstance(choice, dict)
        and (choice_id := number(choice.get("ID"))) is not UNSET
        and (name := full_name(choice.get("VALUE")))
    ]
    return Parsed(tuple(named), is_dated=False)


def entry(item: Item) -> Parsed:
    """An entry of the directory of the CRM to which the configured field refers: a reason. A deal has the
    entry's code in that field, which looks like a text that people wrote."""
    return _named(replace(item, id=reason_key(item.id)), "reason", full_name(item.sent.get("NAME")))


def directory(field: object) -> str | None:
    """The directory of the CRM to which a field of `crm.deal.userfield.list` refers; None without one."""
    if not isinstance(field, dict) or field.get("USER_TYPE_ID") != "crm_status":
        return None
    settings = field.get("SETTINGS")
    named = settings.get("ENTITY_TYPE") if isinstance(settings, dict) else None
    return named if isinstance(named, str) and named else None


def _named(item: Item, entity: Entity, name: str | None, prefix: str = "") -> Parsed:
    changes = (Change(entity, prefix + item.id, item.asked_at, {"name": name}),) if name else ()
    return Parsed(changes, is_dated=False)
