"""Reloads of the configuration in a process that serves: one at a time, whenever SIGHUP asks for one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from typing import Final

from service.app import Service
from service.clock import Clock
from service.commands.reloading.control import ControlSocket, answer
from service.commands.reloading.hangups import Hangups
from service.commands.reloading.links import Linked
from service.commands.reloading.source import Source
from service.config import Config
from service.ledger.database.database import Database
from service.ledger.upkeep import recompute
from service.operator_error import OperatorError
from service.telemetry import logs

_DEFECT: Final = "the service failed: see its log"

_log = logging.getLogger(__name__)


class Reloads:
    """See the module.

    Args:
        source: What is served, and where it comes from.
        control: Has the callers that wait for an outcome; None: nobody finds this process.
        on_reload: Called with what was served before, after a reload.
    """

    def __init__(
        self,
        source: Source,
        hangups: Hangups,
        control: ControlSocket | None = None,
        on_reload: Callable[[Linked], None] = lambda _before: None,
    ) -> None:
        self._source = source
        self._hangups = hangups
        self._control = control
        self._on_reload = on_reload

    @property
    def config(self) -> Config:
        """What is served."""
        return self._source.linked.config

    def in_worker(self) -> Reloads:
        """Those of a worker: its parent answers callers, and prints addresses."""
        return Reloads(self._source, self._hangups)

    @asynccontextmanager
    async def of(self, service: Service) -> AsyncIterator[None]:
        """Reload a service within the block whenever it is asked for, and at once if it was before."""
        loop, asked = asyncio.get_running_loop(), asyncio.Event()
        self._hangups.listen(partial(loop.call_soon_threadsafe, asked.set))
        reloading = asyncio.create_task(self._reload_when(asked, service))
        try:
            yield
        finally:
            self._hangups.listen(None)
            reloading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reloading

    async def _reload_when(self, asked: asyncio.Event, service: Service) -> None:
        while True:
            await asked.wait()
            asked.clear()
            with self._told() as changed:
                linked = await asyncio.to_thread(self._source.read)
                await service.reload(linked.config)
                changed.append(self._take(linked))

    def prepare(self, clock: Clock, working: Callable[[], None]) -> bool:
        """In the parent of workers: if a reload was asked for, check the configuration, and prepare the
        database for it. Returns whether the workers shall reload now; later ones begin with it.

        Args:
            working: Called while figures are recomputed.
        """
        if not self._hangups.take():
            return False
        with self._told() as changed:
            linked = self._source.read()
            with closing(Database(linked.config.database_url)) as database, database.writing() as connection:
                accounts = linked.config.accounts
                recompute.adopt(connection, accounts, clock, lambda _steps: working())
            changed.append(self._take(linked))
        return bool(changed)

    def _take(self, linked: Linked) -> str:
        before = self._source.linked
        changed = self._source.take(linked)
        logs.set_up(linked.config.log)
        with contextlib.suppress(OSError):  # the terminal may be gone
            self._on_reload(before)
        return changed

    @contextmanager
    def _told(self) -> Iterator[list[str]]:
        """Log the outcome of a reload, and tell those who asked. The block says what has changed; what fails
        in it ends there."""
        callers = [] if self._control is None else self._control.waiting()
        changed: list[str] = []
        try:
            yield changed
        except OperatorError as error:
            _log.error("the configuration is not reloaded: %s", error)
            answer(callers, str(error), done=False)
        except Exception:
            _log.exception("the configuration is not reloaded")
            answer(callers, _DEFECT, done=False)
        else:
            _log.info("the configuration is reloaded: %s", changed[0])
            answer(callers, changed[0], done=True)
