"""What a service tells traces, and whether the environment asks for any. OpenTelemetry is imported only if it
does."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol

from service.model import Delivery
from service.operator_error import OperatorError

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_LIBRARIES: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


class Tracing(Protocol):
    """Follows deliveries to their commits and frames; see `spans.Traces`."""

    def submitted(self, delivery: Delivery, future: asyncio.Future[Any], /) -> None:
        """A delivery waits for its commit, which resolves the future. On the event loop."""
        ...

    def committing(self, deliveries: Sequence[Delivery], /) -> AbstractContextManager[object]:
        """Within the block deliveries are committed. In the writer's thread."""
        ...

    def showing(self, account_id: str, /) -> AbstractContextManager[object]:
        """Within the block a board is read and sent. On the event loop."""
        ...


class _Untraced:
    def submitted(self, _delivery: Delivery, _future: asyncio.Future[Any]) -> None:
        pass

    def committing(self, _deliveries: Sequence[Delivery]) -> AbstractContextManager[object]:
        return nullcontext()

    def showing(self, _account_id: str) -> AbstractContextManager[object]:
        return nullcontext()


UNTRACED: Final[Tracing] = _Untraced()
"""Nobody asks for traces."""


class NotInstalled(OperatorError):
    """Traces are asked for, and OpenTelemetry is not installed."""


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether traces are to be sent somewhere. Raises `NotInstalled`."""
    asked = next((name for name in _ENDPOINTS if environ.get(name)), None)
    if asked is None or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if not all(map(_is_installed, _LIBRARIES)):
        raise NotInstalled(f"{asked} is set; install OpenTelemetry for it: pip install 'lossboard[otel]'")
    return True


def _is_installed(library: str) -> bool:
    try:
        return importlib.util.find_spec(library) is not None
    except ModuleNotFoundError:  # not even what it is a part of
        return False
