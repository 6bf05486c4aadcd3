"""The OpenAPI 3.1 document: every operation of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

from service.interface import forms
from service.interface.admin import ADMIN
from service.interface.boards import BOARDS
from service.interface.operations import Operation, Response, Scheme, Tag
from service.interface.parameters import Parameter
from service.interface.schemas import Schema, schemas
from service.interface.service_operations import SERVICE
from service.interface.webhooks import TAKE, sent
from service.live.board.snapshot import Snapshot
from service.live.http.admin.admission import COOKIE

OPERATIONS: Final[Sequence[Operation]] = (TAKE, *BOARDS, *SERVICE, *ADMIN)
"""Every operation, in the order in which a reader meets them."""

TEXT: Final = (
    "CRM webhooks in, a live board out. Addresses that take GET take HEAD too, and answer any other method "
    "with 405 and `Allow`; a trailing slash is accepted. Refusals are `application/problem+json` (RFC "
    "9457), or a page for a browser (`Accept: text/html`). Fields, parameters and operations may be added; "
    "none is renamed. Parameters that an operation does not know have no effect. An empty parameter counts "
    "as left out."
)

TAGS: Final[Mapping[Tag, str]] = {
    "webhooks": "What the CRM posts.",
    "boards": "The figures, for programs.",
    "lists": "The rows behind each figure, as a page and as a CSV file. They add up to it.",
    "service": "For who runs it.",
    "pages": "What people see in a browser.",
    "admin": "What the person who runs the service sees and does in a browser.",
}


def _header(name: str, text: str) -> Schema:
    return {"type": "apiKey", "in": "header", "name": name, "description": text}


_SIGNED: Final = "Of the `standard` format: the Standard Webhooks scheme, all three headers together."
_SVIX: Final = "The same, by Svix's names."
_HUBSPOT: Final = "Of a HubSpot app: its signature, version 3, both headers together."

SCHEMES: Final[Mapping[Scheme, Schema]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": (
            "The account's `viewer_token`, or the token of a named screen (`lossboard screens add`)."
        ),
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "lossboard_{account}",
        "description": "What a browser has after it opened a link. The name ends with the account's id.",
    },
    "link": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "The same token in an address: the answer is 303, and puts it into a cookie.",
    },
    "metrics": {
        "type": "http",
        "scheme": "bearer",
        "description": "The `metrics_token` of the configuration.",
    },
    "admin": {
        "type": "http",
        "scheme": "bearer",
        "description": "The `admin_token` of the configuration.",
    },
    "adminCookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "What a browser has after it signed in, or opened a link.",
    },
    "adminLink": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "The `admin_token` in an address: the answer is 303, and puts it into a cookie.",
    },
    "webhookId": _header("webhook-id", _SIGNED),
    "webhookTimestamp": _header("webhook-timestamp", _SIGNED),
    "webhookSignature": _header("webhook-signature", _SIGNED),
    "svixId": _header("svix-id", _SVIX),
    "svixTimestamp": _header("svix-timestamp", _SVIX),
    "svixSignature": _header("svix-signature", _SVIX),
    "hubspotSignature": _header("x-hubspot-signature-v3", _HUBSPOT),
    "hubspotTimestamp": _header("x-hubspot-request-timestamp", _HUBSPOT),
    "pipedrive": {
        "type": "http",
        "scheme": "basic",
        "description": "Of a Pipedrive webhook: the two halves of `webhook_secret`.",
    },
    "token": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": (
            "Of an amoCRM webhook: the account's `webhook_secret`, in the address that amoCRM posts to."
        ),
    },
}


def openapi(root_path: str = "") -> dict[str, Any]:
    """The document.

    Args:
        root_path: As `Config.root_path`.
    """
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lossboard", "version": version("lossboard"), "description": TEXT},
        "servers": [{"url": root_path or "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {
                **sent(),
                **schemas(forms.READ, sent=True),
                **schemas((Snapshot, *forms.WRITTEN)),
            },
            "securitySchemes": SCHEMES,
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.text,
        "parameters": [_parameter(parameter) for parameter in operation.parameters],
        "requestBody": {"required": True, "content": _content(operation.body)} if operation.body else None,
        "responses": {
            str(status): _response(response) for status, response in sorted(operation.responses.items())
        },
        "security": [{scheme: [] for scheme in proof} for proof in operation.proofs],
    }
    return {name: value for name, value in described.items() if value or name == "security"}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.text,
        "schema": parameter.schema,
    }


def _response(response: Response) -> dict[str, Any]:
    headers = {
        name: {
            "required": True,
            "description": text,
            "schema": {"type": "integer" if name == "Retry-After" else "string"},
        }
        for name, text in response.headers.items()
    }
    described = {"description": response.text, "headers": headers, "content": _content(response.content)}
    return {name: value for name, value in described.items() if value}


def _content(content: Mapping[str, Schema]) -> dict[str, Any]:
    return {media_type: {"schema": schema} if schema else {} for media_type, schema in content.items()}
