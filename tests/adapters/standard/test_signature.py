"""Standard Webhooks signatures, held to the published vector and to the library."""

from __future__ import annotations

import base64
import hmac
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from service.adapters import NotAuthentic
from service.adapters.standard.signature import verify
from service.config import Secret
from service.model import SECOND, Instant
from tests.adapters.posts import KEY, NOW, OTHER_KEY, post, signed

BODY = '{"type": "deal.deleted"}'
SECRETS = (Secret(KEY),)


def refused(headers: dict[str, str], body: bytes = BODY.encode(), *secrets: str) -> str:
    with pytest.raises(NotAuthentic) as refusal:
        verify(post(body, headers), tuple(map(Secret, secrets)) or SECRETS)
    return refusal.value.cause


def test_the_published_vector_is_authentic() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    verify(post(b'{"test": 2432232314}', headers, received_at=Instant(1614265330 * SECOND)), SECRETS)


@given(st.text(), st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_what_the_library_signs_is_authentic(body: str, message_id: str) -> None:
    body = body.encode("utf-8", "replace").decode()
    verify(post(body.encode(), signed(body, message_id)), SECRETS)


@given(st.binary(), st.sampled_from(["v1", "v1a", "v2"]), st.booleans())
def test_the_library_and_we_agree_on_every_signature(body: bytes, scheme: str, right_key: bool) -> None:
    text = body.decode("utf-8", "replace")
    now = Instant(time.time_ns() // 1000)
    headers = signed(text, at=now, key=KEY if right_key else OTHER_KEY)
    headers["webhook-signature"] = f"{scheme}," + headers["webhook-signature"].removeprefix("v1,")
    try:
        Webhook(KEY).verify(text, headers, json_parse=False)
        library_says = True
    except WebhookVerificationError:
        library_says = False
    try:
        verify(post(text.encode(), headers, received_at=now), SECRETS)
        we_say = True
    except NotAuthentic:
        we_say = False
    assert we_say == library_says == (right_key and scheme == "v1")


def test_a_genuine_body_that_is_not_utf_8_is_authentic() -> None:
    key = base64.b64decode(KEY.removeprefix("whsec_"))
    seconds = NOW // SECOND
    mac = hmac.digest(key, f"msg_1.{seconds}.".encode() + b"\xff\xfe", "sha256")
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(seconds),
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
    }
    verify(post(b"\xff\xfe", headers), SECRETS)


def test_a_changed_body_id_or_time_is_refused() -> None:
    headers = signed(BODY)
    assert refused(headers, BODY.encode() + b" ") == "signature"
    assert refused(headers | {"webhook-id": "msg_2"}) == "signature"
    assert refused(headers | {"webhook-timestamp": str(NOW // SECOND + 1)}) == "signature"


def test_another_secret_is_refused() -> None:
    assert refused(signed(BODY, key=OTHER_KEY)) == "signature"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(name: str) -> None:
    headers = signed(BODY)
    del headers[name]
    assert refused(headers) == "headers"


@pytest.mark.parametrize("seconds", ["", "now", "-5", "1e9", "1795428000.5", "١٧٩٥", "9" * 4000])
def test_a_time_that_is_not_whole_seconds_is_refused(seconds: str) -> None:
    assert refused(signed(BODY) | {"webhook-timestamp": seconds}) == "headers"


def test_the_tolerance_is_five_minutes_either_way_to_the_microsecond() -> None:
    at = Instant(NOW // SECOND * SECOND)
    headers = signed(BODY, at=at)
    for received_at in (at - 300 * SECOND, at, at + 300 * SECOND):
        verify(post(BODY.encode(), headers, received_at=Instant(received_at)), SECRETS)
    for received_at in (at - 300 * SECOND - 1, at + 300 * SECOND + 1):
        with pytest.raises(NotAuthentic, match="stale"):
            verify(post(BODY.encode(), headers, received_at=Instant(received_at)), SECRETS)


def test_while_a_secret_is_rotated_the_old_and_the_new_are_taken() -> None:
    both = (Secret(OTHER_KEY), Secret(KEY))
    verify(post(BODY.encode(), signed(BODY)), both)
    verify(post(BODY.encode(), signed(BODY, key=OTHER_KEY)), both)


def test_one_good_signature_among_several_is_enough() -> None:
    good = signed(BODY)
    several = f"v1,AAAA v1a,{'B' * 88} nonsense {good['webhook-signature']} ,"
    verify(post(BODY.encode(), good | {"webhook-signature": several}), SECRETS)


@pytest.mark.parametrize(
    "signature", ["v1", "v1,", ",", " ", "v1,!!!", "v1,é", "v1,\ud800", "v2,AAAA", "v1," + "A" * 9000]
)
def test_an_odd_signature_is_refused_and_nothing_else(signature: str) -> None:
    assert refused(signed(BODY) | {"webhook-signature": signature}) == "signature"


@pytest.mark.parametrize("secret", ["whsec_", "", "whsec_A", "whsec_ключ"])
def test_a_secret_without_a_key_authenticates_nothing(secret: str) -> None:
    assert refused(signed(BODY), BODY.encode(), secret) == "signature"


@given(st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text()))
def test_no_headers_raise_anything_but_a_refusal(headers: dict[str, str]) -> None:
    with pytest.raises(NotAuthentic):
        verify(post(b"", headers), SECRETS)


SVIX = {name.replace("webhook", "svix"): value for name, value in signed(BODY).items()}


def test_the_header_names_of_svix_are_taken_too() -> None:
    verify(post(BODY.encode(), SVIX), SECRETS)
    assert refused({**SVIX, "svix-signature": "v1,AAAA"}) == "signature"
    assert refused(SVIX, BODY.encode() + b" ") == "signature"


@pytest.mark.parametrize("name", ["id", "timestamp", "signature"])
def test_headers_of_the_two_names_are_not_mixed(name: str) -> None:
    both = {**SVIX, **signed(BODY)}
    verify(post(BODY.encode(), both), SECRETS)
    del both[f"svix-{name}"]
    verify(post(BODY.encode(), both), SECRETS)
    both = {**SVIX, **signed(BODY)}
    del both[f"webhook-{name}"]
    if name == "id":
        verify(post(BODY.encode(), both), SECRETS)
    else:
        assert refused(both) == "headers"


def test_an_unsigned_id_beside_a_signed_one_is_refused() -> None:
    assert refused({**SVIX, "webhook-id": "msg_2"}) == "headers"
    assert refused({**signed(BODY), "webhook-id": "msg_2", **SVIX}) == "signature"
