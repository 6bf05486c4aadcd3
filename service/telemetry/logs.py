"""The log: lines of the standard library's `logging`, which structlog writes for people or for programs.

What a program should know of a line besides its text is in `extra`: the `account`, the `delivery`'s id, the
board's `seq`. With traces, a line also has the ids of the span that it is written in. The level is that of
the service alone: at DEBUG libraries write requests, responses and statements, in which secrets stand.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from service.config import Log

FIELDS: Final = ("account", "delivery", "seq", "trace_id", "span_id")
"""What a line can have besides its text."""

_SERVICE: Final = "service"
"""What the names of the service's own loggers begin with."""


def set_up(log: Log) -> None:
    """Write the log to the standard error as configured, from now on."""
    level = logging.getLevelNamesMapping()[log.level.upper()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_FORMATTERS[log.format]())
    root = logging.getLogger()
    others = [one for one in root.handlers if type(one) is not logging.StreamHandler]
    root.handlers[:] = [*others, handler]  # at once: no line is lost, and none is written twice
    root.setLevel(max(level, logging.INFO))
    logging.getLogger(_SERVICE).setLevel(level)


def add(fields: Callable[[], Mapping[str, str]]) -> None:
    """Give each line from now on more of `FIELDS`, asked for in the task or thread that writes it."""
    make = logging.getLogRecordFactory()

    def making(*parts: Any, **named: Any) -> logging.LogRecord:
        record = make(*parts, **named)
        vars(record).update(fields())
        return record

    logging.setLogRecordFactory(making)


def _plain() -> logging.Formatter:
    return logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")


def _json() -> logging.Formatter:
    fields: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        ExtraAdder(FIELDS),
        _time,
    ]
    return ProcessorFormatter(
        foreign_pre_chain=fields,
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,  # without the values of variables
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )


_FORMATTERS: Final = {"plain": _plain, "json": _json}


def _time(_logger: WrappedLogger, _level: str, event: EventDict) -> EventDict:
    """Add when the line was written, as its record says it."""
    record: logging.LogRecord = event["_record"]
    at = datetime.fromtimestamp(record.created, UTC)
    return {"time": at.isoformat(timespec="milliseconds"), **event}
