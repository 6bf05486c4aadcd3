"""The `bitrix24` adapter's webhooks: our own bodies against changes written by hand, captured ones against a
plain reading of their pairs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlencode

import pytest

from service.adapters import NotAuthentic
from service.adapters.bitrix24.adapter import Bitrix24Adapter
from service.adapters.bitrix24.options import Bitrix24Options
from service.config import Account
from service.model import SECOND, Change, Decoded, Instant, Need, later
from tests.adapters.amocrm import captures
from tests.adapters.posts import NOW, TOKEN, account, post

ADAPTER = Bitrix24Adapter()
OFFICE = account("bitrix24")
SAMPLES: Final = captures.SAMPLES.parents[1] / "bitrix24" / "samples"
BODIES = captures.bodies("bitrix24")

EXPECTED: Final[Mapping[str, Need | Change]] = {
    "deal_add": Need("deal", "5101"),
    "deal_update": Need("deal", "5101"),
    "deal_update_by_application": Need("deal", "5102"),
    "deal_delete": Change("deal", "5103", NOW, deleted=True),
    "lead_add": Need("deal", "lead:4107"),
    "lead_update": Need("deal", "lead:4107"),
    "lead_delete": Change("deal", "lead:4108", NOW, deleted=True),
    "contact_delete": Change("client", "C_71", NOW, deleted=True),
    "company_delete": Change("client", "CO_9", NOW, deleted=True),
    "task_add": Need("task", "901"),
    "task_update": Need("task", "901"),
    "task_delete": Change("task", "902", NOW, deleted=True),
    "task_comment_in_chat": Need("task", "903"),
    "task_comment": Need("task", "904"),
    "activity_add": Need("task", "a3301"),
    "activity_update_mixed_case": Need("task", "a3301"),
    "activity_delete": Change("task", "a3302", NOW, deleted=True),
}


def sent(event: str = "ONCRMDEALUPDATE", /, **fields: str) -> dict[str, str]:
    """The pairs of a body about deal 42."""
    return {
        "event": event,
        "event_handler_id": "17",
        "data[FIELDS][ID]": "42",
        "ts": "1795420000",
        "auth[domain]": "office.bitrix24.ru",
        "auth[member_id]": "5d0c1f7a",
        "auth[application_token]": TOKEN,
        **fields,
    }


def decoded(pairs: Mapping[str, str], received_at: Instant = NOW) -> Decoded:
    return ADAPTER.decode(post(urlencode(pairs).encode(), received_at=received_at), OFFICE)


def only(body: bytes) -> Need | Change:
    """The one change or need in a body."""
    result = ADAPTER.decode(post(body), OFFICE)
    assert result.rejections == ()
    parts: list[Change | Need] = [*result.changes, *result.needs]
    assert len(parts) == 1
    return parts[0]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_sample_says_what_was_read_from_it_by_hand(name: str) -> None:
    assert only((SAMPLES / f"{name}.txt").read_bytes()) == EXPECTED[name]


def test_every_sample_was_read_by_hand() -> None:
    assert {path.stem for path in SAMPLES.glob("*.txt")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(BODIES))
def test_a_body_is_about_the_object_that_its_pairs_name(name: str) -> None:
    pairs = dict(parse_qsl(BODIES[name].decode()))
    event = pairs["event"].lower()
    id_key = "[TASK_ID]" if "comment" in event else "[ID]"
    ids = [value for key, value in pairs.items() if key.endswith(id_key) and value != "0"]
    kinds = {
        "deal": ("deal", ""),
        "lead": ("deal", "lead:"),
        "activity": ("task", "a"),
        "contact": ("client", "C_"),
        "company": ("client", "CO_"),
        "task": ("task", ""),
    }
    entity, prefix = next(known for kind, known in kinds.items() if kind in event)
    part = only(BODIES[name])
    assert (part.entity, part.id) == (entity, prefix + ids[-1])
    assert isinstance(part, Change) == event.endswith("delete")


@pytest.mark.parametrize("name", sorted(BODIES))
def test_a_body_is_authentic_by_its_own_token_and_domain(name: str) -> None:
    pairs = dict(parse_qsl(BODIES[name].decode()))
    token, domain = pairs["auth[application_token]"], pairs["auth[domain]"]
    ADAPTER.authenticate(post(BODIES[name]), account("bitrix24", token, options=Bitrix24Options(domain)))
    other = account("bitrix24", token, options=Bitrix24Options("x.bitrix24.ru"))
    with pytest.raises(NotAuthentic, match="account"):
        ADAPTER.authenticate(post(BODIES[name]), other)
    with pytest.raises(NotAuthentic, match="token"):
        ADAPTER.authenticate(post(BODIES[name]), OFFICE)


def authenticate(pairs: Mapping[str, str], office: Account = OFFICE) -> None:
    ADAPTER.authenticate(post(urlencode(pairs).encode()), office)


def test_a_token_may_be_any_of_the_secrets() -> None:
    authenticate(sent(), account("bitrix24", "new-secret", TOKEN))


@pytest.mark.parametrize(
    "token",
    [{"auth[application_token]": ""}, {"auth[application_token]": TOKEN + "x"}, {"auth": TOKEN}],
)
def test_a_forged_token_is_refused(token: dict[str, str]) -> None:
    pairs = {key: value for key, value in sent().items() if key != "auth[application_token]"}
    with pytest.raises(NotAuthentic, match="token"):
        authenticate({**pairs, **token})


def test_the_domain_is_compared_as_domains_are_and_only_where_it_is_configured() -> None:
    authenticate(sent(**{"auth[domain]": "other.bitrix24.ru"}))
    office = account("bitrix24", options=Bitrix24Options("Office.Bitrix24.ru"))
    authenticate(sent(), office)
    for domain in ("other.bitrix24.ru", "", "office.bitrix24.ru.evil.example"):
        with pytest.raises(NotAuthentic, match="account"):
            authenticate(sent(**{"auth[domain]": domain}), office)


def test_the_token_in_the_address_is_no_proof() -> None:
    body = urlencode({key: value for key, value in sent().items() if "token" not in key}).encode()
    with pytest.raises(NotAuthentic):
        ADAPTER.authenticate(post(body, query={"token": TOKEN, "auth[application_token]": TOKEN}), OFFICE)


def test_a_deletion_is_dated_by_its_arrival_and_not_by_its_sending() -> None:
    arrived_at = later(NOW, 60 * SECOND)
    [change] = decoded(sent("ONCRMDEALDELETE"), arrived_at).changes
    assert change == Change("deal", "42", arrived_at, deleted=True)


@pytest.mark.parametrize("event", ["ONCRMQUOTEUPDATE", "ONAPPINSTALL", "ONCRMDEALUSERFIELDADD", "x"])
def test_any_other_event_is_accepted_and_has_no_effect(event: str) -> None:
    result = decoded(sent(event))
    assert (result.changes, result.needs, result.rejections) == ((), (), ())


@pytest.mark.parametrize("id", ["", "0", "undefined", "-1", "4 2", "٤٢", "9" * 19])
def test_an_event_without_a_usable_id_is_rejected(id: str) -> None:
    [rejection] = decoded(sent(**{"data[FIELDS][ID]": id})).rejections
    assert rejection.error == "ONCRMDEALUPDATE: data[FIELDS][ID] is missing or is not a number"


def test_a_task_event_without_either_side_is_rejected() -> None:
    sides = {"data[FIELDS_BEFORE]": "undefined", "data[FIELDS_AFTER]": "undefined"}
    [rejection] = decoded(sent("OnTaskUpdate", **sides)).rejections
    assert rejection.error.startswith("ONTASKUPDATE: data[FIELDS_AFTER][ID] or data[FIELDS_BEFORE][ID]")


def test_a_body_without_an_event_is_rejected() -> None:
    [rejection] = ADAPTER.decode(post(b"data[FIELDS][ID]=42"), OFFICE).rejections
    assert "names no event" in rejection.error


def test_a_deletion_is_known_by_portal_event_object_second_and_webhook() -> None:
    key = decoded(sent("ONCRMDEALDELETE")).key
    assert decoded(sent("onCrmDealDelete", **{"auth[access_token]": "x"}), Instant(NOW + SECOND)).key == key
    others = (
        sent("ONCRMACTIVITYDELETE"),
        sent("ONCRMDEALDELETE", event_handler_id="18"),
        sent("ONCRMDEALDELETE", ts="1795420001"),
        sent("ONCRMDEALDELETE", **{"data[FIELDS][ID]": "43"}),
        sent("ONCRMDEALDELETE", **{"auth[member_id]": "6e1d2a8b"}),
    )
    assert len({key, *(decoded(pairs).key for pairs in others)}) == 6


def test_two_changes_within_a_second_are_two_deliveries() -> None:
    assert decoded(sent()).key == decoded(sent()).key
    assert decoded(sent()).key != decoded(sent(), Instant(NOW + 1)).key


def test_a_body_without_effect_is_known_by_its_digest() -> None:
    for pairs in (sent("ONCRMQUOTEUPDATE"), sent(**{"data[FIELDS][ID]": "0"})):
        assert decoded(pairs).key == decoded(pairs, Instant(NOW + SECOND)).key


def test_the_steps_name_the_address_and_every_event_and_no_secret() -> None:
    steps = "\n".join(ADAPTER.steps(OFFICE, "ru"))
    assert TOKEN not in steps
    page = (Path(__file__).parents[3] / "docs/how-to/connect/bitrix24.md").read_text(encoding="utf-8")
    events = re.findall(r"ON[A-Z]+", steps)
    assert len(events) == 14
    assert [event for event in events if event not in page] == []


SECRET = ("application_token", "access_token", "refresh_token", "member_id")


@pytest.mark.parametrize("name", sorted({**BODIES, **{path.stem: b"" for path in SAMPLES.iterdir()}}))
def test_of_who_sends_nothing_is_stored_but_the_portal(name: str) -> None:
    body = BODIES.get(name) or (SAMPLES / f"{name}.txt").read_bytes()
    before, after = (dict(parse_qsl(text.decode())) for text in (body, ADAPTER.without_secrets(body)))
    assert before.keys() == after.keys()
    assert before["auth[application_token]"]
    for field, value in before.items():
        secret = field in [f"auth[{name}]" for name in SECRET]
        assert after[field] == ("***" if secret else value), field


@pytest.mark.parametrize(
    "field",
    [
        b"auth[application_token]=S3CRET",
        b"auth%5Baccess_token%5D=S3CRET",
        b"%61uth[refresh_token]=S3CRET",
        b"+auth[refresh_token]=S3CRET",
        b"AUTH[application_token]=S3CRET",
        b"auth[domain][x]=S3CRET",
        b"auth[application_token=S3CRET",
        b"auth=S3CRET",
        b"auth[new]=a=S3CRET",
        b"authS3CRET",
        b"AUTH_ID=S3CRET",
        b"REFRESH_ID=S3CRET",
        b"member_id=S3CRET",
    ],
)
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"event=ONCRMDEALADD&", b"auth[domain]=x&&"])
def test_a_secret_is_cut_however_its_field_is_written(before: bytes, field: bytes) -> None:
    cut = ADAPTER.without_secrets(before + field + b"&ts=1")
    assert b"S3CRET" not in cut
    assert cut.endswith(b"&ts=1")
