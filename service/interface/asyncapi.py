"""The AsyncAPI 3.0 document: the streams of events, which OpenAPI has no words for."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any, Final

from service.interface import forms
from service.interface.boards import BOARDS, STREAM
from service.interface.openapi import SCHEMES
from service.interface.operations import Operation
from service.interface.schemas import Schema, reference, schemas
from service.live.board import patch
from service.live.board.snapshot import AtRisk, Snapshot
from service.live.http.files.encoding import JSON

TEXT: Final = (
    "Server-sent events. A stream begins with a snapshot, or after `Last-Event-ID` perhaps with the patches "
    "that were missed: never assume which. After three missed heartbeats the connection is lost, whatever "
    "the socket says. An HTTP error ends an `EventSource` for good: make another after a pause that grows "
    "and has a random part."
)

MESSAGES: Final[dict[str, str]] = {
    "snapshot": "The whole board: forget everything before it. `id` is its `seq`.",
    "patch": (
        "What changed since the event before. `id` is its `seq`. Values are absolute: to apply one twice "
        "does no harm."
    ),
    "heartbeat": "The service is there, every 5 seconds. It has no `id`.",
    "ended": "Of a shared connection, one view has ended or was refused.",
}
"""What each event says, by its name."""

_ROWS: Final = {"list": "Client", "managers": "Manager"}
"""The schema of a row of each list that a patch has parts of."""


def asyncapi(root_path: str = "") -> dict[str, Any]:
    """The document.

    Args:
        root_path: As `Config.root_path`.
    """
    streams = [operation for operation in BOARDS if STREAM in operation.responses[200].content]
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Lossboard: streams", "version": version("lossboard"), "description": TEXT},
        "defaultContentType": JSON,
        "channels": {stream.id: _channel(stream, root_path) for stream in streams},
        "operations": {
            stream.id: {
                "action": "send",
                "channel": {"$ref": f"#/channels/{stream.id}"},
                "summary": stream.summary,
                "security": [
                    {"$ref": f"#/components/securitySchemes/{name}"} for name in ("bearer", "cookie")
                ],
                "bindings": {"http": {"method": "GET", "query": _query(stream), "bindingVersion": "0.3.0"}},
                "messages": [
                    {"$ref": f"#/channels/{stream.id}/messages/{name}"} for name in _messages(stream)
                ],
            }
            for stream in streams
        },
        "components": {
            "messages": {
                name: {"name": name, "summary": text, "payload": reference(name.capitalize())}
                for name, text in MESSAGES.items()
            },
            "schemas": _schemas(),
            "securitySchemes": {name: _scheme(SCHEMES[name]) for name in ("bearer", "cookie")},
        },
    }


def _messages(stream: Operation) -> Iterable[str]:
    """The events of a stream. Only of a shared one a part can end alone."""
    return (name for name in MESSAGES if name != "ended" or "{account}" not in stream.path)


def _channel(stream: Operation, root_path: str) -> dict[str, Any]:
    placed = [parameter for parameter in stream.parameters if parameter.place == "path"]
    return {
        "address": f"{root_path}{stream.path}",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _messages(stream)},
        "parameters": {parameter.name: {"description": parameter.text} for parameter in placed},
    }


def _query(stream: Operation) -> Schema:
    """The schema of the parameters of a stream's address."""
    taken = [parameter for parameter in stream.parameters if parameter.place == "query"]
    return {"type": "object", "properties": {parameter.name: parameter.schema for parameter in taken}}


def _scheme(scheme: Schema) -> Schema:
    """A scheme in AsyncAPI's words, in which `apiKey` is for brokers."""
    return {**scheme, "type": "httpApiKey"} if scheme["type"] == "apiKey" else scheme


def _schemas() -> dict[str, Schema]:
    made = schemas((Snapshot, forms.Heartbeat, forms.Ended))
    return {**made, "Patch": _patch(made)}


def _patch(made: dict[str, Schema]) -> Schema:
    """The schema of a patch, whose parts follow from the fields of a snapshot."""
    snapshot, figures = made[Snapshot.__name__]["properties"], made[AtRisk.__name__]
    ids: Schema = {"type": "array", "items": {"type": "string"}}
    parts = {name: schema for name, schema in snapshot.items() if name not in patch.MOMENT}
    others = {name: schema for name, schema in figures["properties"].items() if name not in _ROWS}
    parts["at_risk"] = {"type": "object", "properties": others, "required": list(others)}
    rows = {}
    for row_list in patch.ROW_LISTS:
        rows[f"^{row_list.prefix}"] = reference(_ROWS[row_list.field])
    parts["managers_order"] = {"type": "array", "items": {"type": ["string", "null"]}}
    moment = {name: snapshot[name] for name in patch.MOMENT}
    return {
        "title": "Patch",
        "type": "object",
        "properties": {
            **moment,
            "set": {
                "type": "object",
                "description": "The parts of the board that are new or changed.",
                "properties": parts,
                "patternProperties": rows,
            },
            "remove": {**ids, "description": "The names of the parts that are gone."},
            "order": {**ids, "description": "The ids of `at_risk.list` in order, if that changed."},
            "closed": {**ids, "description": "The tasks that left because they were completed."},
            "silent": {
                "const": True,
                "description": "At least a part of this is not news: show it, and announce nothing.",
            },
        },
        "required": [*moment, "set", "remove"],
    }
