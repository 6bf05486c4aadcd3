"""Secrets, and signatures made with them, are compared in constant time wherever a request proves itself."""

from __future__ import annotations

import ast
import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import pytest

from service import config
from service.adapters import ADAPTERS, NotAuthentic
from service.adapters.hubspot.options import HubSpotOptions
from service.config import Account, Secret, is_one_of
from service.live.http.access import Credentials, Granted, decide, screen_digest
from service.model import Request
from tests.adapters.hubspot.posts import signed as hubspot_signed
from tests.adapters.posts import KEY, OTHER_KEY, TOKEN, account, post, signed
from tests.live.boards import OFFICE

BODY: Final = b"[]"
PLAIN: Final = {"authorization": f"Basic {base64.b64encode(TOKEN.encode()).decode()}"}
V1: Final = {"x-hubspot-signature": hashlib.sha256(TOKEN.encode() + BODY).hexdigest()}
GENUINE: Final[dict[str, tuple[Account, Request]]] = {
    "standard": (account("standard"), post(BODY, signed(BODY.decode()))),
    "amocrm": (account("amocrm"), post(BODY, query={"token": TOKEN})),
    "bitrix24": (account("bitrix24"), post(urlencode({"auth[application_token]": TOKEN}).encode())),
    "hubspot v3": (account("hubspot"), post(BODY, hubspot_signed(BODY))),
    "hubspot v1": (account("hubspot", options=HubSpotOptions(signature="v1")), post(BODY, V1)),
    "pipedrive": (account("pipedrive"), post(BODY, PLAIN)),
}


def is_authentic(office: Account, request: Request) -> bool:
    try:
        ADAPTERS[office.crm].authenticate(request, office)
    except NotAuthentic:
        return False
    return True


def is_proven_by_its_head(office: Account, request: Request) -> bool:
    try:
        return ADAPTERS[office.crm].admit(request, office, request.received_at)
    except NotAuthentic:
        return False


def is_granted(office: Account, screens: frozenset[str], token: str) -> bool:
    asking = Credentials({"host": "board.example"}, token)
    return isinstance(decide(office, asking, screens), Granted)


GUARDED: Final = replace(OFFICE, viewer_token=Secret(TOKEN))
SCREENS: Final = frozenset({screen_digest("office", TOKEN)})
CHECKS: Final[dict[str, tuple[Callable[[], bool], Callable[[], bool]]]] = {
    **{
        name: (
            partial(is_authentic, office, request),
            partial(is_authentic, replace(office, webhook_secrets=(Secret(OTHER_KEY),)), request),
        )
        for name, (office, request) in GENUINE.items()
    },
    **{
        f"head of {name}": (
            partial(is_proven_by_its_head, *GENUINE[name]),
            partial(
                is_proven_by_its_head,
                replace(GENUINE[name][0], webhook_secrets=(Secret(OTHER_KEY),)),
                GENUINE[name][1],
            ),
        )
        for name in ("amocrm", "pipedrive")
    },
    "viewer token": (
        partial(is_granted, GUARDED, frozenset(), TOKEN),
        partial(is_granted, GUARDED, frozenset(), KEY),
    ),
    "named screen": (
        partial(is_granted, OFFICE, SCREENS, TOKEN),
        partial(is_granted, OFFICE, SCREENS, KEY),
    ),
}
"""For each way to prove oneself: a check with the right secret, and one with a wrong secret."""


@pytest.mark.parametrize("way", CHECKS)
def test_the_comparison_in_constant_time_alone_decides(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right, wrong = CHECKS[way]
    assert right()
    assert not wrong()
    monkeypatch.setattr(hmac, "compare_digest", lambda given, secret: False)
    assert not right()
    monkeypatch.setattr(hmac, "compare_digest", lambda given, secret: True)
    assert wrong()


@pytest.mark.parametrize("name", ["standard", "bitrix24", "hubspot v3", "hubspot v1"])
def test_a_head_that_proves_nothing_is_not_said_to(name: str) -> None:
    office, request = GENUINE[name]
    assert ADAPTERS[office.crm].admit(request, office, request.received_at) is False


def test_every_secret_is_compared_whichever_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(given: bytes, secret: bytes) -> bool:
        compared.append(secret)
        return given == secret

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert is_one_of("a", ["a", b"b", "c"])
    assert not is_one_of(b"d", ["a", b"b", "c"])
    assert compared == [b"a", b"b", b"c"] * 2


def test_an_empty_secret_never_matches() -> None:
    assert not is_one_of("", ["", b""])


def test_no_other_module_compares_digests() -> None:
    service = Path(config.__file__).parent
    users = {
        path.relative_to(service).as_posix()
        for path in service.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "compare_digest"
    }
    assert users == {"config.py"}
