"""The bytes of bodies that are under way: how many the process, one address and strangers may hold at once.

A stranger is who has not proved anything yet. Where the head of a request proves its sender, its body is none
of theirs, and whatever they do leaves room for it. Where only the body can, everybody is a stranger until it
is complete; so nobody is turned away because others came before. When strangers hold too much, the oldest
body gives way, of the account for which they hold most: a genuine body is complete at once, and lives long
only if its sender wants it to. So strangers of one account use up no other account's share.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

PROVEN_BYTES: Final = 64 * 2**20
"""What requests that proved their sender may hold, until they wait for the writer, which has a bound of its
own. It is what a few hundred senders bring at once; the largest bodies, 64 of them."""

STRANGER_BYTES: Final = 64 * 2**20
"""What all strangers may hold. With `PROVEN_BYTES` it is the process's budget: 128 MiB, which the smallest
machine has."""

ADDRESS_BYTES: Final = 48 * 2**20
"""What the strangers of one address may hold. Behind a proxy that is not trusted they all have one, so it is
not much less than what there is."""

REQUEST_BYTES: Final = 4 * 2**10
"""What a request holds besides its body, which bounds the number of those without one."""


class OverBudget(Exception):
    """There is no room for a body, or it had to give way to a younger one."""


def _stay() -> None:
    """Nobody reads the body now."""


@dataclass(slots=True, eq=False)
class Held:
    """What one body holds. A context manager, at whose end all of it goes back.

    Args:
        source: What shares a budget with its address; None once its sender proved who it is.
        give_way: Called when the body must give way to others. It holds nothing any more then.
    """

    account_id: str
    source: str | None
    _budget: Budget
    size: int = 0
    is_displaced: bool = False
    give_way: Callable[[], None] = _stay

    def grow(self, size: int) -> None:
        """Hold some bytes more. Raises `OverBudget`."""
        self._budget.add(self, size)

    def prove(self) -> None:
        """The body is no stranger's any more. Raises `OverBudget`."""
        if self.source is None:
            return
        size = self.size
        self._budget.remove(self)
        self.source = None
        self.grow(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._budget.remove(self)


class _Share:
    """What strangers hold, by account; each account's bodies from the oldest to the youngest."""

    def __init__(self) -> None:
        self.size = 0
        self._sizes: Counter[str] = Counter()
        self._bodies: defaultdict[str, dict[Held, None]] = defaultdict(dict)

    def add(self, held: Held, size: int) -> None:
        """Some bytes more for a body, with the first of which it takes its place."""
        self.size += size
        self._sizes[held.account_id] += size
        self._bodies[held.account_id][held] = None

    def remove(self, held: Held) -> None:
        """All of its bytes."""
        self.size -= held.size
        self._sizes[held.account_id] -= held.size
        del self._bodies[held.account_id][held]

    def first_to_go(self) -> Held:
        """The oldest body of the account for which most is held."""
        return next(iter(self._bodies[max(self._sizes, key=self._sizes.__getitem__)]))


class Budget:
    """All bodies under way. For one thread, the event loop; see the module's constants."""

    def __init__(
        self,
        proven_bytes: int = PROVEN_BYTES,
        stranger_bytes: int = STRANGER_BYTES,
        address_bytes: int = ADDRESS_BYTES,
    ) -> None:
        self._proven_bytes = proven_bytes
        self._stranger_bytes = stranger_bytes
        self._address_bytes = address_bytes
        self._proven = 0
        self._strangers = _Share()
        self._sources: defaultdict[str, _Share] = defaultdict(_Share)

    def hold(self, account_id: str, source: str | None, head: int = 0) -> Held:
        """Begin to hold what a request costs.

        Args:
            account_id: Of an account of the configuration.
            source: See `Held`.
            head: Bytes of its head.

        Raises:
            OverBudget: See there.
        """
        held = Held(account_id, source, self)
        self.add(held, REQUEST_BYTES + head)
        return held

    @property
    def size(self) -> int:
        """Bytes that are held."""
        return self._proven + self._strangers.size

    def add(self, held: Held, size: int) -> None:
        """Let a body hold more. Others may have to give way. Raises `OverBudget`."""
        if held.is_displaced:
            raise OverBudget
        if held.source is None:
            if self._proven + size > self._proven_bytes:
                raise OverBudget
            self._proven += size
            held.size += size
            return
        own = self._sources[held.source]
        for share in (own, self._strangers):
            share.add(held, size)
        held.size += size
        for share, limit in ((own, self._address_bytes), (self._strangers, self._stranger_bytes)):
            while share.size > limit:
                self._displace(share.first_to_go())
        if held.is_displaced:
            raise OverBudget

    def remove(self, held: Held) -> None:
        """Give back what a body holds; nothing if it gave way before."""
        if held.source is None:
            self._proven -= held.size
        elif held.size:
            for share in (self._sources[held.source], self._strangers):
                share.remove(held)
            if not self._sources[held.source].size:
                del self._sources[held.source]
        held.size = 0

    def _displace(self, held: Held) -> None:
        self.remove(held)
        held.is_displaced = True
        held.give_way()
