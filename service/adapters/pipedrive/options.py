"""The options of a Pipedrive account."""

from __future__ import annotations

from service.config import NamedUsers


class PipedriveOptions(NamedUsers, frozen=True):
    """`[accounts.pipedrive]`.

    Args:
        account: The company's id that deliveries must come from; None: not checked.
    """

    account: str | None = None
