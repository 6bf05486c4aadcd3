"""The secrets of an account in bodies of any format."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from urllib.parse import quote, urlencode

import pytest

from service.adapters.cutting import without_secrets
from service.config import Api, Secret
from tests.adapters.posts import account

HARD = 'per cent %, "quotes" \\ & ünïcode'
OFFICE = replace(
    account("pipedrive", "hook:a-password-of-the-hook", HARD),
    viewer_token=Secret("the-viewers-token-of-the-office"),
    api=Api(Secret("the-token-of-the-api")),
)


@pytest.mark.parametrize(
    "secret", [HARD, "a-password-of-the-hook", "the-viewers-token-of-the-office", "the-token-of-the-api"]
)
def test_a_secret_is_found_as_it_is_and_as_forms_addresses_and_json_write_it(secret: str) -> None:
    written = (secret, quote(secret, safe=""), urlencode({"t": secret}), json.dumps(secret))
    for text in (*written, json.dumps(secret, ensure_ascii=False)):
        cut = without_secrets(f"<{text}|{text}>".encode(), OFFICE).decode()
        assert cut.replace("t=", "").replace('"', "") == "<***|***>", text


def test_nothing_else_is_cut() -> None:
    short = replace(account("amocrm", "1234"), viewer_token=None)
    for body in (b"price=1234", b"\xff\xfe\x00", b"", base64.b64encode(bytes(100))):
        assert without_secrets(body, short) == body
        assert without_secrets(body, OFFICE) == body
