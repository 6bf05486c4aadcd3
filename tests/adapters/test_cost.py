"""What a stranger's request may cost: over all adapters, no head and no body holds the event loop for longer
than the fixed work of `tests.yardstick`, before it is known whether the request is authentic."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import partial
from typing import Final

import pytest
from msgspec.structs import replace

from service.adapters import ADAPTERS, NotAuthentic
from service.adapters.hubspot.options import HubSpotOptions
from service.adapters.standard.signature import MAX_SIGNATURES
from service.config import Account
from service.model import SECOND, Request
from service.webhooks.body import MAX_BODY
from tests.adapters.posts import NOW, account, post
from tests.yardstick import too_long

FORMED: Final = "v1," + "A" * 43 + "="
HEAD: Final = 64 * 1024
"""Characters of a header or an address, more than the server lets through."""


def filled(piece: bytes) -> bytes:
    return (piece * (MAX_BODY // len(piece) + 1))[:MAX_BODY]


BODIES: Final = {
    "ampersands": filled(b"a&"),
    "names of the block": filled(b"auth&"),
    "fields of the block": filled(b"auth[a]=1&"),
    "tokens": filled(b"auth[application_token]=a&"),
    "names of the token": filled(b"application_token"),
    "fields like the token": filled(b"application_token&"),
    "almost the name": filled(b"application_toke"),
    "short escaped tokens": filled(b"auth%5Bapplication_token%5D=" + b"%41" * 300 + b"&"),
    "one escaped token": b"auth[application_token]=" + filled(b"%41"),
    "escapes": filled(b"%41"),
    "escaped brackets": filled(b"%5B"),
    "brackets": filled(b"["),
    "nested brackets": b"auth" + filled(b"[b]"),
    "accounts": filled(b"account&"),
    "numbers": filled(b"[1,"),
    "nothing but zeros": bytes(MAX_BODY),
}

STANDARD: Final = {
    "webhook-id": "x",
    "webhook-timestamp": str(NOW // SECOND),
    "webhook-signature": " ".join([FORMED] * MAX_SIGNATURES),
}
HUBSPOT: Final = {
    "x-hubspot-signature-v3": "A" * 43 + "=",
    "x-hubspot-request-timestamp": str(NOW * 1000 // SECOND),
    "x-hubspot-signature": "a" * 64,
}
ACCOUNTS: Final = {
    **{kind: account(kind) for kind in ADAPTERS},
    "hubspot v1": account("hubspot", options=HubSpotOptions(signature="v1")),
}


def refuse(office: Account, request: Request) -> None:
    adapter = ADAPTERS[office.crm]
    with pytest.raises(NotAuthentic):
        adapter.authenticate(request, office)


HEADS: Final = {
    "spaces": " " * HEAD,
    "signatures": " ".join([FORMED] * (HEAD // len(FORMED))),
    "commas": "," * HEAD,
    "Basic": "Basic " + base64.b64encode(bytes(HEAD // 2)).decode(),
    "escapes": "%3A" * (HEAD // 3),
    "digits": "9" * HEAD,
}


NAMES: Final = (*STANDARD, *HUBSPOT, "authorization", "content-type", "host", "x-forwarded-host")


def requests() -> Iterator[tuple[str, Request]]:
    """Requests that are almost authentic, but for what makes them costly."""
    genuine = post(b"{}", STANDARD | HUBSPOT)
    for name, body in BODIES.items():
        yield name, replace(genuine, body=body)
    for name in NAMES:
        for kind, value in HEADS.items():
            yield f"{kind} in {name}", post(b"{}", {**STANDARD, **HUBSPOT, name: value})
    yield "escapes in the address", replace(genuine, query_string="%3A" * 600, query={"token": "%3A" * 600})


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_no_request_of_a_stranger_holds_the_loop(kind: str) -> None:
    assert too_long({name: partial(refuse, ACCOUNTS[kind], request) for name, request in requests()}) == {}
