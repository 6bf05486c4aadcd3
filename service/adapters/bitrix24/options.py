"""The options of a Bitrix24 account."""

from __future__ import annotations

from service.config import Options


class Bitrix24Options(Options, frozen=True):
    """`[accounts.bitrix24]`.

    Args:
        domain: The portal that deliveries must come from. Left out: not checked.
        reason_field: Code of the deal's field that carries the loss reason. Left out: the stage in
            which a deal is lost is the reason.
    """

    domain: str | None = None
    reason_field: str | None = None
