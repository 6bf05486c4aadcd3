"""The account that benchmarks post to, and its time."""

from __future__ import annotations

from typing import Final

from service.config import Account, Secret, zone
from service.model import SECOND, Instant

HOUR: Final = 3600 * SECOND
NOW: Final = Instant(1_795_417_200 * SECOND)
"""2026-11-23T10:00:00+03:00."""

SECRET: Final = "whsec_" + "A" * 32

VIEWER: Final = "viewer-token-of-the-bench"
PROOF: Final = f"Authorization: Bearer {VIEWER}\r\n\r\n"
"""The end of the head of a request that sees the boards."""

ACCOUNT: Final = Account(
    id="office",
    title="Office",
    crm="standard",
    webhook_secrets=(Secret(SECRET),),
    zone=zone("Europe/Moscow"),
    currency="RUB",
    language="ru",
)
