"""The operation that takes webhooks, and the events of the `standard` format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from service.adapters import ADAPTERS
from service.adapters.standard.cloud_events import CONTENT_TYPES as CLOUD_EVENTS
from service.adapters.standard.events import DATA
from service.interface.operations import Operation, Proof, Response, anywhere, busy, problem
from service.interface.parameters import ACCOUNT
from service.interface.schemas import Schema, reference, schemas
from service.live.http.files.encoding import JSON

PROOFS: Final[Mapping[str, tuple[Proof, ...]]] = {
    "standard": (
        ("webhookId", "webhookTimestamp", "webhookSignature"),
        ("svixId", "svixTimestamp", "svixSignature"),
    ),
    "amocrm": (("token",),),
    "bitrix24": ((),),
    "hubspot": (("hubspotSignature", "hubspotTimestamp"),),
    "pipedrive": (("pipedrive",),),
}
"""How the webhooks of each CRM prove where they come from. Bitrix24's have their token in the body."""

PREFIX: Final = "Sent"
"""Begins the names of the schemas of what the `standard` format sends; a board has a task, too."""


def sent() -> dict[str, Schema]:
    """The schemas of the `standard` format, by name."""
    event = {
        "title": f"{PREFIX}Event",
        "description": (
            "An event of the `standard` format. One of any other type is stored, and has no effect."
        ),
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "discriminator": {"propertyName": "type"},
        "oneOf": [_event(type_, data) for type_, data in DATA.items()],
    }
    return {**schemas(dict.fromkeys(DATA.values()), prefix=PREFIX, sent=True), f"{PREFIX}Event": event}


def _event(type_: str, data: type) -> Schema:
    return {
        "type": "object",
        "title": type_,
        "properties": {
            "type": {"const": type_},
            "timestamp": {
                "type": "string",
                "format": "date-time",
                "description": "When it happened: the version of every field in `data`.",
            },
            "data": reference(PREFIX + data.__name__.lstrip("_")),
        },
        "required": ["type", "timestamp", "data"],
    }


def _bodies() -> dict[str, Schema]:
    """The schema of a body, by media type: of whichever CRMs send that."""
    event = reference(f"{PREFIX}Event")
    vendors = [
        {"title": kind, "type": ["object", "array"], "description": f"docs/how-to/connect/{kind}.md."}
        for kind, adapter in ADAPTERS.items()
        if JSON in adapter.content_types and kind != "standard"
    ]
    forms = sorted({name for adapter in ADAPTERS.values() for name in adapter.content_types})
    cloud = {"type": ["object", "array"], "description": "CloudEvents 1.0: docs/how-to/connect/standard.md."}
    bodies: dict[str, Schema] = {name: {"type": "object"} for name in forms}
    bodies |= dict.fromkeys(CLOUD_EVENTS, cloud)
    bodies[JSON] = {"anyOf": [event, {"title": "batch", "type": "array", "items": event}, *vendors]}
    return bodies


def _identified(responses: Mapping[int, Response]) -> dict[int, Response]:
    """The responses, each with the header that has the delivery's id."""
    text = "The delivery's id, which the log has too: `ACCOUNT/NUMBER`, or `refused-…` if it is not stored."
    return {
        status: replace(response, headers={**response.headers, "Lossboard-Delivery": text})
        for status, response in responses.items()
    }


TAKE: Final = Operation(
    "/webhooks/{account}",
    "post",
    "takeWebhook",
    "webhooks",
    "Take a webhook of the account's CRM",
    anywhere(shown=False)
    | _identified(
        {
            200: Response(
                "The delivery is stored, with its effect on every figure.", {JSON: reference("Stored")}
            ),
            401: problem(
                "The request does not prove that it comes from the account's CRM. Nothing is kept.",
                shown=False,
                WWW_Authenticate='`Webhook realm="lossboard"`.',
            ),
            404: problem("There is no such account.", shown=False),
            408: problem("The body was not complete within 10 seconds.", shown=False),
            413: problem("The body is over 1 MiB.", shown=False),
            415: problem("The content type is not that of the CRM, or the body is compressed.", shown=False),
            429: busy("Too many requests from this address were not authentic.", shown=False),
            503: busy(
                "Nothing was stored: the database is away or full, or too much comes at once.", shown=False
            ),
        }
    ),
    "What it takes, and how a request proves where it comes from, depends on the account's `crm`. `2xx` "
    "means stored, durably. On anything else, post the same again: a repeat changes nothing.",
    (ACCOUNT,),
    _bodies(),
    [proof for proofs in PROOFS.values() for proof in proofs],
)
