"""The options of a Pipedrive account."""

from __future__ import annotations

from service.config import NamedUsers


class PipedriveOptions(NamedUsers, frozen=True):
    """`[accounts.pipedrive]`.

    Args:
        account: Id of the company that deliveries must come from. Left out: not checked.
    """

    account: str | None = None
