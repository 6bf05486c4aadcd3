"""Records as Bitrix24's methods of single entities have them, such as `crm.deal.get`: names in upper case.

Source: bitrix24/b24restdocs: crm/deals/crm-deal-get.md, crm/contacts/crm-contact-list.md.
"""

from __future__ import annotations

from typing import Final

from service.demo.crms.bitrix24.query import Object

UPPER: Final = {
    "id": "ID",
    "title": "TITLE",
    "typeId": "TYPE_ID",
    "stageId": "STAGE_ID",
    "probability": "PROBABILITY",
    "currencyId": "CURRENCY_ID",
    "opportunity": "OPPORTUNITY",
    "isManualOpportunity": "IS_MANUAL_OPPORTUNITY",
    "taxValue": "TAX_VALUE",
    "leadId": "LEAD_ID",
    "companyId": "COMPANY_ID",
    "contactId": "CONTACT_ID",
    "begindate": "BEGINDATE",
    "closedate": "CLOSEDATE",
    "assignedById": "ASSIGNED_BY_ID",
    "createdBy": "CREATED_BY_ID",
    "updatedBy": "MODIFY_BY_ID",
    "createdTime": "DATE_CREATE",
    "updatedTime": "DATE_MODIFY",
    "opened": "OPENED",
    "closed": "CLOSED",
    "comments": "COMMENTS",
    "categoryId": "CATEGORY_ID",
    "stageSemanticId": "STAGE_SEMANTIC_ID",
    "isNew": "IS_NEW",
    "isRecurring": "IS_RECURRING",
    "sourceId": "SOURCE_ID",
    "movedBy": "MOVED_BY_ID",
    "movedTime": "MOVED_TIME",
    "lastActivityTime": "LAST_ACTIVITY_TIME",
    "lastActivityBy": "LAST_ACTIVITY_BY",
    "name": "NAME",
    "secondName": "SECOND_NAME",
    "lastName": "LAST_NAME",
}
"""The names of fields in the methods of single entities, such as `crm.deal.get`."""

_DECIMAL: Final = frozenset({"opportunity", "taxValue"})
_ABSENT: Final = frozenset({"companyId", "contactId", "leadId"})


def uppercased(item: Object) -> Object:
    """A record of `crm.item.*` as the methods of single entities have it: all values are strings, and a link
    to nothing is null."""
    found: Object = {}
    for name, value in item.items():
        if name not in UPPER:
            continue
        if name in _DECIMAL and isinstance(value, int | float):
            found[UPPER[name]] = f"{value:.2f}"
        elif value is None or (name in _ABSENT and value == 0):
            found[UPPER[name]] = None
        else:
            found[UPPER[name]] = str(value)
    return found
