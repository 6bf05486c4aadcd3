"""Decodes stored deliveries again, with today's adapters.

Decoding is half of what a rebuild from the log costs, and it needs nothing but the deliveries. So a command
has a process beside it for that, where there is a second core: pages of deliveries go there, and come back as
changes in the same order, a few pages ahead of what is merged.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection as Pipe
from queue import SimpleQueue
from threading import Thread
from typing import Final, TypeAlias

import msgspec

from service.adapters import ADAPTERS
from service.adapters.csv import file
from service.config import Account
from service.ledger.write.log import Stored
from service.model import Change, Decoded, Request
from service.operator_error import OperatorError, Unknown
from service.projections import stripped

Decode: TypeAlias = Callable[[Stored], Decoded]
"""Decodes a stored delivery with today's adapters."""

Said: TypeAlias = list[tuple[int, Change]]
"""Changes, each with the number of the delivery that said it."""

DecodePages: TypeAlias = Callable[[Iterable[Sequence[Stored]]], Iterator[Said]]
"""Decodes pages of deliveries, in their order."""

AHEAD: Final = 4
"""Pages that are with the other process at a time."""

_PAGE: Final = msgspec.msgpack.Decoder(list[Stored])
_SAID: Final = msgspec.msgpack.Decoder(Said)
_ENCODE: Final = msgspec.msgpack.Encoder().encode


class LogPruned(OperatorError):
    """The log's oldest bodies were dropped, so what they said cannot be computed from it."""


class Ended(OperatorError):
    """The process that decodes is no more: the operator or the system has ended it."""


def decode(stored: Stored, account: Account) -> Decoded:
    """Decode a stored delivery with this version's adapter.

    Raises:
        LogPruned: Retention has dropped its body.
        Unknown: It is an answer of an API that the adapter no longer has.
    """
    if stored.body is None:
        raise LogPruned(f"retention has dropped the body of delivery {stored.number}")
    if stored.source == "forget":
        return Decoded(stored.key, stripped.changes_in(stored.body))
    request = Request("POST", "", {}, stored.headers, stored.body, stored.received_at)
    adapter = ADAPTERS[account.crm]
    if stored.source in ("webhook", "test"):
        decoded = adapter.decode(request, account)
    elif stored.source == "import":
        decoded = file.decode(request, account)
    elif adapter.api is not None:
        decoded = adapter.api.decode(request, account)
    else:
        raise Unknown(f"delivery {stored.number} is an answer of an API, and {account.crm} has none")
    return Decoded(stored.key, decoded.changes, decoded.rejections)


def one_by_one(decode: Decode) -> DecodePages:
    """Decode in this process."""

    def pages(given: Iterable[Sequence[Stored]]) -> Iterator[Said]:
        return (_said(page, decode) for page in given)

    return pages


def _said(page: Iterable[Stored], decode: Decode) -> Said:
    return [(stored.number, change) for stored in page for change in decode(stored).changes]


@contextmanager
def beside(decode: Decode) -> Iterator[DecodePages]:
    """Decode in a process of its own until the end of the block, or in this one where there is no second
    core. That process begins as a copy of this one, so enter the block before the database is opened.

    Raises:
        Ended: See there.
    """
    if cores() < 2:
        yield one_by_one(decode)
        return
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(decode, theirs, ours), daemon=True)
    process.start()
    theirs.close()
    try:
        yield partial(_ahead, ours)
    finally:
        ours.close()
        process.join()


def cores() -> int:
    """The cores that this process may use; 1 where it is not safe to copy it."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1


def _ahead(other: Pipe, pages: Iterable[Sequence[Stored]]) -> Iterator[Said]:
    waiting = 0
    for page in pages:
        with _living():
            other.send_bytes(_ENCODE(page))
        waiting += 1
        if waiting > AHEAD:
            yield _answer(other)
            waiting -= 1
    for _ in range(waiting):
        yield _answer(other)


def _answer(other: Pipe) -> Said:
    with _living():
        answer = other.recv()
    if isinstance(answer, Exception):
        raise answer
    return _SAID.decode(answer)


@contextmanager
def _living() -> Iterator[None]:
    """Raise `Ended` for what a pipe says when nobody is at its other end."""
    try:
        yield
    except (EOFError, OSError):
        raise Ended("the process that decodes the log was ended; run the command again") from None


def _serve(decode: Decode, pages: Pipe, inherited: Pipe) -> None:
    """Be the other process, until the first one closes its end of the pipe."""
    inherited.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends this one
    gc.disable()
    received: SimpleQueue[bytes | None] = SimpleQueue()
    Thread(target=_receive, args=(pages, received), daemon=True).start()
    with suppress(OSError):  # nobody wants the rest
        while (page := received.get()) is not None:
            pages.send(_decoded(page, decode))


def _receive(pages: Pipe, received: SimpleQueue[bytes | None]) -> None:
    """Take every page at once, so that never both processes wait for the other one to read."""
    with suppress(EOFError, OSError):
        while True:
            received.put(pages.recv_bytes())
    received.put(None)


def _decoded(page: bytes, decode: Decode) -> bytes | Exception:
    try:
        return _ENCODE(_said(_PAGE.decode(page), decode))
    except Exception as error:
        return error
