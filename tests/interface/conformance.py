"""Whether responses are as the description says. What it does not name is an error, too.

Tests import this when they run: schemathesis takes half a second, in every process of a test run.
"""

from __future__ import annotations

from typing import Any, Final

import httpx
import schemathesis
from schemathesis.specs.openapi import checks

from service.interface.openapi import openapi
from service.interface.operations import Operation
from tests.interface.closed import closed

CHECKS: Final = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
CONFIG: Final = schemathesis.Config.from_dict(
    {
        "generation": {"with-security-parameters": False},
        "checks": {"negative_data_rejection": {"expected-statuses": ["4xx"]}},
    }
)
SCHEMA: Final = schemathesis.openapi.from_dict(closed(openapi()), config=CONFIG)
PLACES: Final = {"account": "office", "name": "board.css"}


def described(operation: Operation) -> Any:
    """What schemathesis knows of an operation."""
    return SCHEMA[operation.path][operation.method.upper()]


def assert_declared(operation: Operation, response: httpx.Response) -> None:
    """Fail unless the response is one that the operation declares."""
    case = described(operation).Case(path_parameters=PLACES)
    case.validate_response(response, checks=CHECKS)
