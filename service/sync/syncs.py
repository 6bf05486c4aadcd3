"""Makes the syncs of accounts whose CRM is asked. What that takes is imported with the first one: 16 MiB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.adapters import ADAPTERS
from service.clock import Clock
from service.config import Account
from service.ledger.database.database import Database
from service.ledger.write.writer import Writer
from service.metrics import Metrics

if TYPE_CHECKING:
    import httpx

    from service.sync.runner import AccountSync


class Syncs:
    """See the module. One HTTP client serves all accounts; `close` it."""

    def __init__(self, database: Database, writer: Writer, clock: Clock, metrics: Metrics) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock
        self._metrics = metrics
        self._http: httpx.AsyncClient | None = None

    def begin(self, account: Account) -> AccountSync | None:
        """The sync of an account; None if its CRM is not asked."""
        api = ADAPTERS[account.crm].api
        if account.api is None or api is None:
            return None
        import httpx

        from service.sync.runner import AccountSync

        if self._http is None:
            self._http = httpx.AsyncClient(mounts={"all://127.0.0.1": None})  # the demo's is behind no proxy
        return AccountSync(account, api, self._database, self._writer, self._http, self._clock, self._metrics)

    async def close(self) -> None:
        """Close the client's connections."""
        if self._http is not None:
            await self._http.aclose()
