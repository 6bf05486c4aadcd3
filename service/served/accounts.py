"""The accounts that a service has now, for parts that only look them up."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView

from service.config import Account


class Accounts(Mapping[str, Account]):
    """The accounts as they are at the moment of each call. What iterates over them sees one configuration.

    Attributes:
        now: The same, as a value.
    """

    def __init__(self, now: Mapping[str, Account]) -> None:
        self.now = now

    def __getitem__(self, account_id: str) -> Account:
        return self.now[account_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.now)

    def __len__(self) -> int:
        return len(self.now)

    def keys(self) -> KeysView[str]:
        """Of the accounts at this moment, and so are the other two."""
        return self.now.keys()

    def values(self) -> ValuesView[Account]:
        """See `keys`."""
        return self.now.values()

    def items(self) -> ItemsView[str, Account]:
        """See `keys`."""
        return self.now.items()
