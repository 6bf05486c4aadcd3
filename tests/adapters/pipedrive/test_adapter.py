"""The `pipedrive` adapter's webhooks: samples against changes written by hand, and rule by rule."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from service.adapters import NotAuthentic
from service.adapters.pipedrive.adapter import PipedriveAdapter
from service.adapters.pipedrive.options import PipedriveOptions
from service.config import Account, Api, Secret
from service.model import ID_LENGTH, SECOND, Change, Decoded, Instant, Need, Value
from service.money import NO_CURRENCY
from tests.adapters.pipedrive import saved_posts
from tests.adapters.posts import NOW, account, post, utc

ADAPTER = PipedriveAdapter()
OFFICE = account("pipedrive")
BODIES = saved_posts.bodies()
AT = "2026-11-23T09:00:00Z"
AT_UTC = utc("2026-11-23 09:00:00")


def event(kind: str, data: dict[str, Any] | None, action: str = "change", /, **meta: Any) -> dict[str, Any]:
    meta = {"entity": kind, "action": action, "id": "e1", "timestamp": AT, **meta}
    return {"meta": meta, "data": data, "previous": None}


def decoded(body: Any, office: Account = OFFICE, received_at: Instant = NOW) -> Decoded:
    return ADAPTER.decode(post(json.dumps(body).encode(), received_at=received_at), office)


def change(kind: str, /, **sent: Any) -> Change:
    """The first change in an event without rejections."""
    result = decoded(event(kind, {"id": 42, "update_time": AT, **sent}))
    assert result.rejections == ()
    return result.changes[0]


def deal(**sent: Any) -> dict[str, Value]:
    fields = dict(change("deal", **sent).fields)
    assert fields.pop("known") is True
    return fields


def task(**sent: Any) -> dict[str, Value]:
    return dict(change("activity", **sent).fields)


def rejection(body: Any) -> str:
    return rejection_of(json.dumps(body).encode())


def rejection_of(body: bytes) -> str:
    """Why a body is rejected as a whole."""
    result = ADAPTER.decode(post(body), OFFICE)
    assert result.changes == ()
    (only,) = result.rejections
    assert only.part == 0
    return only.error


@pytest.mark.parametrize("name", sorted(saved_posts.EXPECTED))
def test_a_sample_comes_to_the_changes_written_by_hand(name: str) -> None:
    result = ADAPTER.decode(post(BODIES[name]), OFFICE)
    assert result.rejections == ()
    assert [*result.changes, *result.needs] == saved_posts.EXPECTED[name]


def test_every_sample_has_changes_written_by_hand() -> None:
    assert {path.stem for path in saved_posts.SAMPLES.iterdir()} == set(saved_posts.EXPECTED)


@pytest.mark.parametrize("name", sorted(BODIES))
def test_a_body_is_decoded_as_by_a_plain_reading(name: str) -> None:
    result = ADAPTER.decode(post(BODIES[name]), OFFICE)
    assert result.rejections == ()
    plain = saved_posts.plain(BODIES[name])
    if plain is None:
        assert all(change.entity in ("client", "manager", "pipeline") for change in result.changes)
        return
    entity, entity_id, is_deleted, fields = plain
    first = result.changes[0]
    assert (first.entity, first.id) == (entity, entity_id)
    if first.deleted:
        assert is_deleted or name in saved_posts.OFF_THE_BOARD
    else:
        assert not is_deleted
        assert {key: first.fields[key] for key in fields} == fields


@pytest.mark.parametrize("kind", ["note", "product", "stage", "activityType", "project"])
@pytest.mark.parametrize("action", ["create", "change", "delete"])
def test_any_other_kind_of_object_is_accepted_and_has_no_effect(kind: str, action: str) -> None:
    result = decoded(event(kind, {"id": "0c5e-lead", "title": "x"}, action))
    assert (result.changes, result.needs, result.rejections) == ((), (), ())


def test_an_unknown_action_changes_nothing() -> None:
    result = decoded(event("deal", {"id": 42}, "frozen"))
    assert (result.changes, result.rejections) == ((), ())


@pytest.mark.parametrize(
    ("sent", "minor"),
    [
        ("5184", 518400),
        ("0", 0),
        ("127613.5", 12761350),
        ("0.29", 29),
        ("-10.50", -1050),
        ("1234.5600000000002", 123456),
        ("12.345", 1234),
        ("12.355", 1236),
        ("999999999999.99", 99999999999999),
        ("9007199254740.99", None),
        ("1e3", 100000),
        ("1e13", None),
        ("1e999999999", None),
        ("NaN", None),
        ("Infinity", None),
        ('"5184.10"', 518410),
        ('"free"', None),
        ("true", None),
        ("[1]", None),
    ],
)
def test_an_amount_is_exact_or_unknown(sent: str, minor: int | None) -> None:
    body = f'{{"meta": {{"entity": "deal", "action": "change"}}, "data": {{"id": 42, "value": {sent}}}}}'
    fields = ADAPTER.decode(post(body.encode()), OFFICE).changes[0].fields
    assert fields["amount"] == minor


def test_an_amount_has_the_decimals_of_its_currency() -> None:
    assert deal(value=12.5, currency="KWD") == {"amount": 12500, "currency": "KWD"}
    assert deal(value=12, currency="JPY") == {"amount": 12, "currency": "JPY"}
    assert deal(value=None, currency="RUB") == {"amount": None, "currency": "RUB"}


@pytest.mark.parametrize("currency", ["USDT", "usd", 978])
def test_an_amount_in_what_is_no_currency_code_is_unknown(currency: object) -> None:
    assert deal(value=1000, currency=currency) == {"amount": None, "currency": NO_CURRENCY}


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({"status": "open", "lost_time": AT}, {"status": "open", "closed_at": None}),
        ({"status": "lost", "lost_time": AT, "close_time": None}, {"status": "lost", "closed_at": AT_UTC}),
        ({"status": "lost", "lost_time": None, "close_time": AT}, {"status": "lost", "closed_at": AT_UTC}),
        ({"status": "won", "won_time": AT, "lost_time": "x"}, {"status": "won", "closed_at": AT_UTC}),
        ({"status": "lost", "lost_time": "soon"}, {"status": "lost"}),
        ({"status": "unknown"}, {}),
        ({"status": 3}, {}),
    ],
)
def test_a_deals_status_and_when_it_was_closed(sent: dict[str, Any], fields: dict[str, Value]) -> None:
    assert deal(**sent) == fields


@pytest.mark.parametrize("sent", [{"status": "deleted"}, {"is_deleted": True}, {"deleted": True}])
def test_a_deal_that_says_so_is_deleted(sent: dict[str, Any]) -> None:
    assert change("deal", **sent).deleted


def test_the_reasons_name_is_its_id_and_an_empty_one_is_none() -> None:
    assert deal(lost_reason=" Дорого ") == {"reason_id": "дорого"}
    assert deal(lost_reason="") == deal(lost_reason=None) == {"reason_id": None}
    assert deal(lost_reason=5) == deal() == {}


@pytest.mark.parametrize(
    ("sent", "client"),
    [
        ({"person_id": 7, "org_id": 12}, "7"),
        ({"person_id": None, "org_id": 12}, "org:12"),
        ({"person_id": None, "org_id": None}, None),
        ({"person_id": 0, "org_id": ""}, None),
        ({"org_id": "12"}, "org:12"),
        ({"person_id": {"value": 7, "name": "Иван"}, "org_id": None}, "7"),
    ],
)
def test_the_client_is_the_person_else_the_organization(sent: dict[str, Any], client: str | None) -> None:
    assert deal(**sent) == {"client_id": client}


def test_a_link_that_was_not_sent_or_cannot_be_read_is_unset() -> None:
    assert deal() == deal(person_id=None) == deal(person_id="x", org_id=None) == {}
    for owner in (True, -1, 10**20):
        assert deal(owner_id=owner) == {}
    for pipeline in ("٣", [2]):
        assert deal(pipeline_id=pipeline) == {}


def test_a_person_and_an_organization_with_one_number_are_two_clients() -> None:
    person, organization = change("person", name="Иван"), change("organization", name="ООО")
    assert (person.id, organization.id) == ("42", "org:42")


@pytest.mark.parametrize(
    ("due_date", "due_time", "due_at"),
    [
        ("2026-11-23", "09:30", utc("2026-11-23 09:30:00")),
        ("2026-11-23", "09:30:15", utc("2026-11-23 09:30:15")),
        ("2026-11-23", {"timezone_id": None, "value": "22:15"}, utc("2026-11-23 22:15:00")),
        ("2026-11-23", {"timezone_id": None, "value": "22:15:00"}, utc("2026-11-23 22:15:00")),
        ("2026-11-23", None, utc("2026-11-23 20:59:59")),
        ("2026-11-23", "", utc("2026-11-23 20:59:59")),
        ("2026-11-23", {"timezone_id": None, "value": ""}, utc("2026-11-23 20:59:59")),
        ("2026-11-23", {}, utc("2026-11-23 20:59:59")),
        (None, None, None),
        ("", "", None),
    ],
)
def test_an_activity_is_due_at_its_time_in_utc_or_at_the_end_of_the_local_day(
    due_date: Any, due_time: Any, due_at: Instant | None
) -> None:
    assert task(due_date=due_date, due_time=due_time) == {"due_at": due_at}


def test_a_due_time_that_cannot_be_read_is_unset() -> None:
    for due_date in ("2026-11-31", "23.11.2026", 20261123):
        assert task(due_date=due_date, due_time=None) == {}
    for due_time in ("24:00", 930):
        assert task(due_date="2026-11-23", due_time=due_time) == {}


def test_a_done_activity_has_a_completion_time_and_an_open_one_has_none() -> None:
    done = {"completed": True, "completed_at": utc("2026-11-23 08:00:00")}
    assert task(done=True, marked_as_done_time="2026-11-23 08:00:00") == done
    assert task(done=1, marked_as_done_time="") == {"completed": True}
    assert task(done=0, marked_as_done_time=AT) == {"completed": False, "completed_at": None}
    assert task(done="yes") == {}


def test_an_activity_with_a_deal_is_on_the_deal_and_not_on_its_client() -> None:
    result = decoded(event("activity", {"id": 1, "deal_id": 5, "person_id": 7, "org_id": 12}))
    assert result.changes[0].fields == {"deal_id": "5", "client_id": None}
    assert result.needs == ()


LEAD = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"


def lead(**sent: Any) -> Change:
    (changed,) = decoded(event("lead", {"id": LEAD, **sent}, entity_id=LEAD)).changes
    return changed


def test_a_lead_is_an_open_deal_with_an_id_of_its_own() -> None:
    changed = lead(
        title="Мука",
        value={"amount": 200.5, "currency": "EUR"},
        person_id=None,
        organization_id=8,
        owner_id=3,
        is_archived=False,
    )
    assert (changed.entity, changed.id, changed.version) == ("deal", f"lead:{LEAD}", AT_UTC)
    assert changed.fields == {
        "known": True,
        "status": "open",
        "name": "Мука",
        "amount": 20050,
        "currency": "EUR",
        "client_id": "org:8",
        "manager_id": "3",
    }
    assert lead(value=None).fields["amount"] is None
    assert "amount" not in lead().fields


def test_a_lead_that_is_archived_or_deleted_is_gone() -> None:
    assert lead(is_archived=True).deleted
    gone = decoded(event("lead", None, "delete", entity_id=LEAD)).changes
    assert gone == (Change("deal", f"lead:{LEAD}", AT_UTC, deleted=True),)
    assert rejection(event("lead", {"id": 5}, entity_id="5")).startswith("lead: the id")


def test_an_activity_of_a_lead_is_on_the_lead_unless_it_has_a_deal() -> None:
    fields = task(deal_id=None, lead_id=LEAD, person_id=7)
    assert (fields["deal_id"], fields["client_id"]) == (f"lead:{LEAD}", None)
    assert task(deal_id=5, lead_id=LEAD, person_id=7)["deal_id"] == "5"
    assert task(deal_id=None, lead_id="x", person_id=7)["deal_id"] is None


def test_an_activity_whose_links_were_removed_is_on_nothing() -> None:
    body = event("activity", {"id": 1, "deal_id": None, "person_id": None, "org_id": None})
    body["meta"]["host"] = "zerno.pipedrive.com"
    assert decoded(body).changes[0].fields == {"deal_id": None, "client_id": None, "url": None}


def test_an_inactive_activity_or_person_is_deleted() -> None:
    assert change("activity", active_flag=False).deleted
    assert change("person", active_flag=False, name="x").deleted
    assert not change("user", active_flag=False, name="Анна").deleted


def test_users_and_pipelines_that_are_deleted_keep_their_names() -> None:
    for kind in ("user", "pipeline"):
        assert decoded(event(kind, None, "delete", entity_id="3")).changes == ()


def test_either_webhook_about_a_merger_tells_what_is_gone_and_what_is_left() -> None:
    into = Change("merger", "client org:3", AT_UTC, {"into_id": "org:4"})
    gone = Change("client", "org:3", AT_UTC, deleted=True)
    result = decoded(event("organization", None, "delete", entity_id="3", merged_to_id="4"))
    assert (result.changes, result.needs) == ((gone, into), (Need("client", "org:4"),))
    result = decoded(event("organization", {"id": 4, "name": "Зерно"}, merged_from_id="3"))
    named = Change("client", "org:4", AT_UTC, {"name": "Зерно"})
    assert (result.changes, result.needs) == ((named, gone, into), (Need("client", "org:4"),))
    for odd in (None, "", "x", 0):
        assert decoded(event("person", None, "delete", entity_id="3", merged_to_id=odd)).needs == ()


def test_the_version_is_the_time_of_the_event_else_of_the_change_else_of_arrival() -> None:
    def version(timestamp: Any, micro: Any = None, **sent: Any) -> Instant:
        body = event("deal", {"id": 42, **sent}, "change", timestamp=timestamp, timestamp_micro=micro)
        return decoded(body).changes[0].version

    changed = {"update_time": "2026-11-23T08:59:59Z"}
    assert version("2026-11-23T09:00:00.250Z", **changed) == utc("2026-11-23 09:00:00.25")
    assert version(1795424400, **changed) == utc("2026-11-23 09:00:00")
    assert version(1795424400250) == utc("2026-11-23 09:00:00.25")
    assert version(1795424400, 1795424400250001) == utc("2026-11-23 09:00:00.250001")
    for unreadable in (None, "soon", True, 5, 10**17, "1999-12-31T00:00:00Z", "2026-11-23T09:00:00"):
        assert version(unreadable) == NOW
        assert version(unreadable, **changed) == utc("2026-11-23 08:59:59")
        assert version(unreadable, update_time=None, add_time="2026-11-22 10:00:00") == utc(
            "2026-11-22 10:00:00"
        )


def test_events_of_one_second_are_ordered_by_their_milliseconds() -> None:
    sent = {"id": 1, "add_time": AT, "update_time": AT}
    first, second = (
        decoded(event("deal", sent, action, timestamp=f"2026-11-23T09:00:00.{millis}Z")).changes[0].version
        for action, millis in (("create", "100"), ("change", "101"))
    )
    assert second - first == 1000


def test_a_deletion_without_a_time_is_dated_when_it_is_received() -> None:
    body = event("deal", None, "delete", entity_id="3", timestamp=None)
    assert decoded(body).changes == (Change("deal", "3", NOW, deleted=True),)


@pytest.mark.parametrize("action", ["change", "delete"])
def test_an_event_dated_more_than_a_day_ahead_is_rejected(action: str) -> None:
    wild = "2026-11-25T10:00:00Z"
    body = event("deal", {"id": 42, "update_time": wild}, action, entity_id="42", timestamp=wild)
    assert "more than a day in the future" in rejection(body)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ([], "the body is not a JSON object"),
        ({}, "the body is no webhook of Pipedrive: it has no meta"),
        ({"meta": []}, "the body is no webhook of Pipedrive: it has no meta"),
        ({"meta": {"entity": "deal"}}, "meta does not say what happened: it has no entity, or no action"),
        ({"meta": {"action": "change"}}, "meta does not say what happened: it has no entity, or no action"),
        (event("deal", None), "deal: the body does not hold its state, in data or current"),
        (event("deal", {}), "deal: the id is missing or is not a number"),
        (event("deal", {"id": "x"}), "deal: the id is missing or is not a number"),
        (event("deal", {"id": 0}), "deal: the id is missing or is not a number"),
        (event("activity", None, "delete"), "activity: the id is missing or is not a number"),
    ],
)
def test_a_body_that_cannot_be_used_is_rejected(body: Any, error: str) -> None:
    assert rejection(body) == error


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"hello", b"leads[add][0][id]=1"])
def test_a_body_that_is_not_json_is_rejected(body: bytes) -> None:
    result = ADAPTER.decode(post(body), OFFICE)
    assert [rejection.error[:20] for rejection in result.rejections] == ["the body is not JSON"]


def test_links_lead_to_the_accounts_own_pages_or_nowhere() -> None:
    def url(host: Any, office: Account = OFFICE) -> Value:
        return decoded(event("deal", {"id": 42}, host=host), office).changes[0].fields.get("url")

    assert url("zerno.pipedrive.com") == "https://zerno.pipedrive.com/deal/42"
    for foreign in ("evil.example", "pipedrive.com", "a.b.pipedrive.com", "x.pipedrive.com/", None, 5):
        assert url(foreign) is None
    asked = replace(OFFICE, api=Api(Secret("t"), "https://office.pipedrive.com"))
    assert url("evil.example", asked) == "https://office.pipedrive.com/deal/42"


def test_the_key_is_the_events_id() -> None:
    assert decoded(event("deal", {"id": 1})).key == "e1"


@pytest.mark.parametrize("event_id", [None, 5, "", "x" * (ID_LENGTH + 1), "é", "a\n"])
def test_without_a_usable_event_id_the_key_is_a_digest_without_the_attempt(event_id: Any) -> None:
    first, again, other = (
        decoded(event("deal", {"id": number}, id=event_id, attempt=attempt)).key
        for number, attempt in ((1, 1), (1, 4), (2, 1))
    )
    assert len(first) == 64
    assert first == again != other


def test_a_retry_of_v1_has_the_key_of_the_first_attempt() -> None:
    body = BODIES["v1_deal_updated"]
    retried = body.replace(b'"retry": 0', b'"retry": 3')
    assert retried != body
    assert ADAPTER.decode(post(retried), OFFICE).key == ADAPTER.decode(post(body), OFFICE).key


def test_the_steps_name_the_address_and_no_secret() -> None:
    steps = ADAPTER.steps(account("pipedrive", "crm:pass"), "en")
    assert "deal, lead, activity, person, organization, user, pipeline" in " ".join(steps)
    assert "crm" not in " ".join(steps)


def authenticate(header: str | None, office: str | None = None, *secrets: str, body: bytes = b"{}") -> None:
    request = post(body, {} if header is None else {"authorization": header})
    options = PipedriveOptions(account=office)
    ADAPTER.authenticate(request, account("pipedrive", *(secrets or ("crm:pass",)), options=options))


def basic(credentials: str, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(credentials.encode()).decode()}"


def test_user_and_password_must_be_one_of_the_secrets() -> None:
    authenticate(basic("crm:pass"))
    authenticate(basic("crm:pass", "basic"))
    authenticate(basic("crm:new"), None, "crm:old", "crm:new")
    authenticate(basic("crm:пароль"), None, "crm:пароль")
    for wrong in ("crm:pas", "crm:pass ", "CRM:pass", "crm", ":pass", "", ":"):
        with pytest.raises(NotAuthentic, match="token"):
            authenticate(basic(wrong))


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic", "Basic !", "Basic é", "Bearer Y3JtOnBhc3M=", "Basic  x", "Y3JtOnBhc3M=", "\ud800"],
)
def test_a_request_without_credentials_is_refused(header: str | None) -> None:
    with pytest.raises(NotAuthentic):
        authenticate(header)


@pytest.mark.parametrize("name", ["deal_create", "v1_deal_updated", "deal_delete"])
def test_the_company_must_be_the_configured_one(name: str) -> None:
    authenticate(basic("crm:pass"), "7300411", body=BODIES[name])
    with pytest.raises(NotAuthentic, match="account"):
        authenticate(basic("crm:pass"), "7300412", body=BODIES[name])


@pytest.mark.parametrize("body", [b'{"meta": {}}', b'{"meta": {"company_id": null}}'])
def test_an_event_that_names_no_company_is_refused_where_one_is_configured(body: bytes) -> None:
    with pytest.raises(NotAuthentic, match="account"):
        authenticate(basic("crm:pass"), "7300411", body=body)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"meta": 1}', b"[" * 100_000, b"\xff"])
def test_a_body_that_cannot_be_read_is_authentic_by_its_password_and_says_nothing(body: bytes) -> None:
    authenticate(basic("crm:pass"), "7300411", body=body)
    assert rejection_of(body)
    with pytest.raises(NotAuthentic, match="token"):
        authenticate(basic("crm:other"), "7300411", body=body)


def test_versions_are_as_fine_as_the_vendor_sends_them() -> None:
    (deletion,) = ADAPTER.decode(post(BODIES["v1_deal_deleted"]), OFFICE).changes
    assert deletion.version % SECOND == 322662
