"""Whether answers are as the description says. What it does not name is an error, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx
import schemathesis
from schemathesis.specs.openapi import checks

from service.interface.openapi import openapi
from service.interface.operations import Operation

CHECKS: Final = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


def closed(schema: Any) -> Any:
    """The schema, or a document of schemas, in which every object with properties has no others."""
    if isinstance(schema, Mapping):
        shut = {name: closed(part) for name, part in schema.items()}
        is_object = shut.get("type") == "object" and "properties" in shut
        return {**shut, "additionalProperties": False} if is_object else shut
    return [closed(part) for part in schema] if isinstance(schema, list) else schema


SCHEMA: Final = schemathesis.openapi.from_dict(closed(openapi()))


def assert_declared(operation: Operation, answer: httpx.Response) -> None:
    """Fail unless the answer is one that the operation declares."""
    case = SCHEMA[operation.path][operation.method.upper()].Case(
        path_parameters={"account": "office", "name": "board.css"}
    )
    case.validate_response(answer, checks=CHECKS)
