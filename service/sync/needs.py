"""Fetches needs: what webhooks left out is fetched from the CRM's API in batches, and retried after a failure
until the API answers."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

from service.adapters.api import Call
from service.ledger.write import needs
from service.ledger.write.needs import Wanted
from service.model import DAY, SECOND, Decoded, Micros, Need, Source, later
from service.sync.client import CallResult
from service.sync.crm import Crm, StoredAnswer
from service.sync.pages import Pages, misleading

FIRST_WAIT: Final = Micros(2 * SECOND)
LONGEST_WAIT: Final = Micros(15 * 60 * SECOND)
"""Between two attempts: an outage of a day costs a hundred calls, and its end is noticed within a quarter of
an hour."""

NAMELESS_WAIT: Final = DAY
"""Until a name that the CRM lacks is asked for again, or a deal that is still unreadable."""

UNREADABLE_TRIES: Final = 5
"""Attempts before an unreadable deal or task waits that long: each leaves its answer in quarantine."""

MAX_CALLS: Final = 20
"""Calls that one batch may take: an answer may come in pages. One that goes on for longer is not
understood."""


@dataclass(frozen=True, slots=True)
class FetchResult:
    """The result of a batch: its last call, and each answer that was stored."""

    last: CallResult
    answers: tuple[StoredAnswer, ...]


class NeedFetcher:
    """Fetches the needs of one account."""

    def __init__(self, crm: Crm) -> None:
        self._crm = crm

    async def due(self) -> list[Wanted]:
        """The next batch: due needs of one entity, as many as one call takes."""
        crm = self._crm
        batch = crm.api.batch
        due = await crm.read(
            lambda connection: needs.due(connection, crm.account.id, crm.clock.now(), 4 * batch)
        )
        return [wanted for wanted in due if wanted.need.entity == due[0].need.entity][:batch]

    async def fetch(self, batch: Sequence[Wanted]) -> CallResult | None:
        """Fetch needs of one entity, and postpone those that stay open. Returns the last call; None where the
        API cannot tell.

        Raises:
            Unavailable: The database is away.
        """
        fetched = await self.answers([wanted.need for wanted in batch], "answer", batch)
        if fetched is None:
            await self._postpone(batch, NAMELESS_WAIT)
            return None
        last = fetched.last
        if not last.is_answer:
            await self._postpone(batch, Micros(round(last.retry_seconds * SECOND)))
            return last
        settled = _settled(batch, [answer.decoded for answer in fetched.answers])
        left = [wanted for wanted in batch if wanted.need not in settled]
        soon = [
            wanted for wanted in left if wanted.need.entity in needs.WHOLE and wanted.tries < UNREADABLE_TRIES
        ]
        await self._postpone(soon, Micros(0))
        await self._postpone([wanted for wanted in left if wanted not in soon], NAMELESS_WAIT)
        return last

    async def answers(
        self, batch: Sequence[Need], source: Source, settling: Sequence[Wanted] = ()
    ) -> FetchResult | None:
        """Ask for needs of one entity and store each answer; None where the API cannot tell.

        Args:
            settling: The needs that the last answer settles.
        """
        crm = self._crm
        call = crm.api.ask(batch, crm.account)
        if call is None:
            return None
        answers: list[StoredAnswer] = []
        given: set[tuple[str, str]] = set()
        pages = Pages()
        for left in reversed(range(MAX_CALLS)):
            result = await crm.client.send(call)
            if not result.is_answer:
                break
            following = crm.api.following(call, result.answer) if result.meaning == "answered" else None
            request, decoded = await crm.decode(_concluding(call, following, given), result)
            if not pages.lead_on(call, decoded, following) or (following and not left):
                result = misleading(result, crm.account.id)
                break
            given |= {(call.resource, change.id) for change in decoded.changes}
            all_decoded = [*(answer.decoded for answer in answers), decoded]
            settles = {} if following else _settled(settling, all_decoded)
            answers.append(await crm.store((request, decoded), source, settles))
            if following is None:
                break
            call = following
        return FetchResult(result, tuple(answers))

    async def _postpone(self, batch: Sequence[Wanted], at_least: Micros) -> None:
        """Ask again after a wait that doubles with each attempt and is never shorter than `at_least`."""
        if not batch:
            return
        now = self._crm.clock.now()
        times = {wanted.need: later(now, max(at_least, backoff(wanted.tries))) for wanted in batch}
        account_id = self._crm.account.id
        await self._crm.write(lambda connection: needs.postpone(connection, account_id, batch, times))


def backoff(tries: int) -> Micros:
    """How long to wait after that many failed attempts."""
    return min(LONGEST_WAIT, Micros(FIRST_WAIT << min(tries, 16)))


def _concluding(call: Call, following: Call | None, given: AbstractSet[tuple[str, str]]) -> Call:
    """The call with the ids from whose absence its answer may conclude something: none of them while the
    list goes on, and none that an earlier page of it had.

    Args:
        given: The ids of earlier pages, each with the resource.
    """
    if following is not None and following.resource == call.resource:
        return replace(call, asked=())
    return replace(call, asked=tuple(id for id in call.asked if (call.resource, id) not in given))


def _settled(batch: Sequence[Wanted], answers: Sequence[Decoded]) -> dict[Need, int]:
    """The needs that answers settle, each with the delivery that wanted it.

    A name is settled by an answer that gives it; a deal or task also by its absence, if every answer could be
    read: it is gone then.
    """
    given = {
        Need(change.entity, change.id)
        for answer in answers
        for change in answer.changes
        if change.entity in needs.WHOLE or change.fields.get("name")
    }
    readable = not any(answer.rejections for answer in answers)
    return {
        wanted.need: wanted.wanted_by
        for wanted in batch
        if wanted.need in given or (readable and wanted.need.entity in needs.WHOLE)
    }
