"""Needs are answered: what webhooks left out is asked of the CRM's API, some at a time, and again later after
a failure, for as long as it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from service.ledger.write import needs
from service.ledger.write.needs import Wanted
from service.model import SECOND, Decoded, Instant, Need, Source
from service.sync.client import Fetched
from service.sync.crm import Answered, Crm

FIRST_WAIT: Final = 2 * SECOND
LONGEST_WAIT: Final = 15 * 60 * SECOND
"""Between two attempts: an outage of a day costs a hundred of them, and its end is noticed a quarter of an
hour late at most."""

NAMELESS_WAIT: Final = 24 * 3600 * SECOND
"""After which a name is asked for again that the CRM does not have, or a deal that cannot be read."""

UNREADABLE_TRIES: Final = 5
"""Attempts after which a deal or task that cannot be read is given that time: each leaves its answer in
quarantine."""

MOST_CALLS: Final = 20
"""Calls that one question leads to at most: an answer may come in pages."""


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What came of asking: the last call, and each answer."""

    last: Fetched
    answers: tuple[Answered, ...]


class NeedFetcher:
    """Asks for one account."""

    def __init__(self, crm: Crm) -> None:
        self._crm = crm

    async def due(self) -> list[Wanted]:
        """Needs of one entity that one call can ask for now."""
        crm = self._crm
        batch = crm.api.batch
        found = await crm.read(
            lambda connection: needs.due(connection, crm.account.id, crm.clock.now(), 4 * batch)
        )
        return [each for each in found if each.need.entity == found[0].need.entity][:batch]

    async def ask(self, wanted: Sequence[Wanted]) -> Fetched | None:
        """Ask for some needs of one entity; None where the API cannot tell.

        Raises:
            Unavailable: The database is away.
        """
        asked = await self.answers([each.need for each in wanted], "answer", wanted)
        if asked is None:
            await self._postpone(wanted, NAMELESS_WAIT)
            return None
        if asked.last.verdict in ("later", "refused"):
            await self._postpone(wanted, 0 if asked.last.wait is None else round(asked.last.wait * SECOND))
            return asked.last
        settled = _settled(wanted, [each.told for each in asked.answers])
        left = [each for each in wanted if each.need not in settled]
        soon = [each for each in left if each.need.entity in needs.WHOLE and each.tries < UNREADABLE_TRIES]
        await self._postpone(soon, 0)
        await self._postpone([each for each in left if each not in soon], NAMELESS_WAIT)
        return asked.last

    async def answers(
        self, wanted: Sequence[Need], source: Source, settling: Sequence[Wanted] = ()
    ) -> FetchResult | None:
        """Ask for things of one entity, and hand each answer to the writer; None where the API cannot tell.

        Args:
            settling: The needs that the last answer settles.
        """
        crm = self._crm
        call = crm.api.ask(wanted, crm.account)
        if call is None:
            return None
        answers: list[Answered] = []
        for left in reversed(range(MOST_CALLS)):
            fetched = await crm.client.fetch(call)
            if fetched.verdict in ("later", "refused"):
                break
            answer = await crm.decoded(call, fetched)
            more = left > 0 and fetched.verdict == "answered"
            following = crm.api.following(call, fetched.answer) if more else None
            told = [*(each.told for each in answers), answer[1]]
            settles = {} if following else _settled(settling, told)
            answers.append(await crm.submit(answer, source, settles))
            if following is None:
                break
            call = following
        return FetchResult(fetched, tuple(answers))

    async def _postpone(self, wanted: Sequence[Wanted], least: Instant) -> None:
        """Ask again after a time that doubles with each attempt, and is `least` at the least."""
        now = self._crm.clock.now()
        times = {each.need: now + max(least, backoff(each.tries)) for each in wanted}
        if wanted:
            account_id = self._crm.account.id
            await self._crm.write(lambda connection: needs.postpone(connection, account_id, wanted, times))


def backoff(tries: int) -> Instant:
    """Microseconds to wait after a number of attempts in vain."""
    return min(LONGEST_WAIT, FIRST_WAIT << min(tries, 16))


def _settled(wanted: Sequence[Wanted], told: Sequence[Decoded]) -> dict[Need, int]:
    """What answers settle, each with the delivery that wanted it: names that they tell, and deals and tasks,
    which they have or which are gone; but where something is not understood, only those that they have."""
    changes = [change for each in told for change in each.changes]
    found = {
        Need(each.entity, each.id)
        for each in changes
        if each.entity in needs.WHOLE or each.fields.get("name")
    }
    understood = not any(each.rejections for each in told)
    return {
        each.need: each.wanted_by
        for each in wanted
        if each.need in found or (understood and each.need.entity in needs.WHOLE)
    }
