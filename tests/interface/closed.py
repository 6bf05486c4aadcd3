"""Schemas in which what they do not name is an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def closed(schema: Any) -> Any:
    """The schema, or a document of schemas, in which every object with properties has no others."""
    if isinstance(schema, Mapping):
        shut = {name: closed(part) for name, part in schema.items()}
        is_object = shut.get("type") == "object" and "properties" in shut
        return {**shut, "additionalProperties": False} if is_object else shut
    return [closed(part) for part in schema] if isinstance(schema, list) else schema
