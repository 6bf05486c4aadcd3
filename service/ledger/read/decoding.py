"""Decodes stored deliveries again, with today's adapters."""

from __future__ import annotations

from service.adapters import ADAPTERS
from service.adapters.csv import file
from service.config import Account
from service.ledger.write.log import Stored
from service.model import Decoded, Request
from service.operator_error import OperatorError, Unknown
from service.projections import stripped


class LogPruned(OperatorError):
    """The log's oldest bodies were dropped, so what they said cannot be computed from it."""


def decode(stored: Stored, account: Account) -> Decoded:
    """Decode a stored delivery with this version's adapter.

    Raises:
        LogPruned: Retention has dropped its body.
        Unknown: It is an answer of an API that the adapter no longer has.
    """
    if stored.body is None:
        raise LogPruned(f"retention has dropped the body of delivery {stored.number}")
    if stored.source == "forget":
        return Decoded(stored.key, stripped.changes_in(stored.body))
    request = Request("POST", "", {}, stored.headers, stored.body, stored.received_at)
    adapter = ADAPTERS[account.crm]
    if stored.source in ("webhook", "test"):
        decoded = adapter.decode(request, account)
    elif stored.source == "import":
        decoded = file.decode(request, account)
    elif adapter.api is not None:
        decoded = adapter.api.decode(request, account)
    else:
        raise Unknown(f"delivery {stored.number} is an answer of an API, and {account.crm} has none")
    return Decoded(stored.key, decoded.changes, decoded.rejections)
