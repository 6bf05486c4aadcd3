"""Whether the environment asks for traces. OpenTelemetry is imported only if it does."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Final

from service.operator_error import OperatorError

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_LIBRARIES: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


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
