"""Whether the CRM has the field that the configuration names as `reason_field`."""

from __future__ import annotations

from service.adapters.api import Api
from service.config import Account
from service.sync.client import CallResult, Client
from service.sync.pages import Pages, misleading


async def look_up(api: Api, account: Account, client: Client) -> tuple[CallResult, bool] | None:
    """The last call, and whether the field exists, which is known if that call is an answer; None where there
    is nothing to ask."""
    call = api.field(account)
    pages = Pages()
    while call is not None:
        result = await client.send(call)
        if result.meaning != "answered" or api.has_field(result.answer, account):
            return result, result.meaning == "answered"
        following = api.following(call, result.answer)
        if not pages.lead_on(call, None, following):
            return misleading(result, account.id), False
        if following is None:
            return result, False
        call = following
    return None
