"""The `hubspot` adapter, rule by rule: signatures and events."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from service.adapters import NotAuthentic
from service.adapters.hubspot.adapter import MAX_EVENTS, HubSpotAdapter
from service.adapters.hubspot.properties import TASK_PROPERTIES, deal_properties
from service.adapters.hubspot.signature import address
from service.adapters.protocol import TOLERANCE
from service.config import Account
from service.model import (
    ID_LENGTH,
    SECOND,
    Change,
    Decoded,
    Instant,
    Merging,
    Need,
    Request,
    Value,
    merger_id,
)
from tests.adapters.amocrm import captures
from tests.adapters.hubspot.posts import ADDRESS, OCCURRED, PORTAL, VERSION, body, event, office, signed
from tests.adapters.posts import NOW, TOKEN, post
from tests.adapters.test_contract import assert_sound

SAMPLES = Path(__file__).parent / "samples"
ADAPTER = HubSpotAdapter()
OFFICE = office()
PAGE = f"https://app.hubspot.com/contacts/{PORTAL}/record"
SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
MINUTE = 60 * SECOND


def posted(content: bytes, headers: dict[str, str], query: str = "", at: Instant = NOW) -> Request:
    return structs.replace(post(content, headers, received_at=at), query_string=query)


def refusal(request: Request, account: Account = OFFICE) -> str:
    with pytest.raises(NotAuthentic) as caught:
        ADAPTER.authenticate(request, account)
    return caught.value.cause


def decoded(*events: Any, account: Account = OFFICE) -> Decoded:
    return ADAPTER.decode(post(body(*events)), account)


def accepted(sent: dict[str, Any], account: Account = OFFICE) -> Decoded:
    """One event that is decoded without a rejection."""
    result = decoded(sent, account=account)
    assert result.rejections == ()
    return result


def deal(name: str, value: str | None, account: Account = OFFICE) -> dict[str, Value]:
    """A deal's fields after one property changed, without those that every event sets."""
    result = accepted(event("deal.propertyChange", propertyName=name, propertyValue=value), account)
    fields = dict(result.changes[0].fields)
    assert fields.pop("known") is True
    assert fields.pop("url") == f"{PAGE}/0-3/42"
    assert Need("deal", "42") in result.needs
    return fields


def task(name: str, value: str) -> dict[str, Value]:
    result = accepted(
        event("object.propertyChange", objectTypeId="0-27", propertyName=name, propertyValue=value)
    )
    fields = dict(result.changes[0].fields)
    assert fields.pop("url") == f"{PAGE}/0-27/42"
    assert Need("task", "42") in result.needs
    return fields


def rejection(*events: Any) -> str:
    result = decoded(*events)
    assert result.changes == ()
    (only,) = result.rejections
    return only.error


def vector(url: str, content: bytes, signature: str, timestamp: str) -> Request:
    """A request to an address that the vendor publishes with its signature."""
    host, _, path = url.removeprefix("https://").partition("/")
    signed = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": timestamp, "host": host}
    return Request("POST", f"/{path}", {}, signed, content, Instant(int(timestamp) * 1000))


def test_the_vendors_vectors_of_version_3_are_authentic() -> None:
    library = vector(
        "https://www.example.com/webhook_uri",
        b"{'example_field':'example_value'}",
        "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=",
        "1693657560000",
    )
    ADAPTER.authenticate(library, office(SECRET))
    documented = vector(
        "https://webhook.site/335453f5-94b3-49d9-b684-a55354d4b8df",
        b'[{"eventId":531833541,"subscriptionId":3923621,"portalId":48807704,"appId":16111050,'
        b'"occurredAt":1752613920733,"subscriptionType":"contact.creation","attemptNumber":0,'
        b'"objectId":138017612137,"changeFlag":"CREATED","changeSource":"CRM_UI","sourceId":"userId:76023669"}]',
        "gbj1XPRvUt0noT7i7fXfTzOD4sLzQmf0VT28ZYq0EYg=",
        "1752613922216",
    )
    ADAPTER.authenticate(documented, office("cfc68c0b-4b4e-4ef8-b764-95350e4ea479"))
    assert refusal(structs.replace(documented, body=documented.body + b" "), office(SECRET)) == "signature"


V1_BODY = (
    b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
    b'"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM",'
    b'"changeFlag":"NEW","appId":54321}]'
)
V1 = {"x-hubspot-signature": "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"}


def test_the_vendors_vector_of_version_1_is_authentic_only_where_it_is_configured() -> None:
    request = posted(V1_BODY, V1)
    ADAPTER.authenticate(request, office(SECRET, signature="v1"))
    assert refusal(request, office(SECRET)) == "headers"
    assert refusal(request, office(SECRET, signature="v3")) == "headers"
    assert refusal(structs.replace(request, body=b"[]"), office(SECRET, signature="v1")) == "signature"
    assert refusal(posted(V1_BODY, {}), office(SECRET, signature="v1")) == "headers"


CONTENT = body(event("deal.creation"))


def test_any_of_several_secrets_is_accepted_and_an_unknown_one_is_not() -> None:
    for key in (TOKEN, "old"):
        ADAPTER.authenticate(posted(CONTENT, signed(CONTENT, key=key)), office(TOKEN, "old"))
    assert refusal(posted(CONTENT, signed(CONTENT, key="other")), office(TOKEN, "old")) == "signature"


@pytest.mark.parametrize("way", [-1, 1])
def test_five_minutes_are_tolerated_either_way(way: int) -> None:
    sent_at = Instant(NOW // 1000 * 1000)  # a timestamp is in milliseconds
    headers = signed(CONTENT, at=sent_at)
    ADAPTER.authenticate(posted(CONTENT, headers, at=Instant(sent_at + way * TOLERANCE)), OFFICE)
    assert refusal(posted(CONTENT, headers, at=Instant(sent_at + way * (TOLERANCE + 1)))) == "stale"


@pytest.mark.parametrize("timestamp", ["", "x", "-1", "1.5", "١", "9" * 16])
def test_an_unreadable_timestamp_is_refused(timestamp: str) -> None:
    assert refusal(posted(CONTENT, signed(CONTENT) | {"x-hubspot-request-timestamp": timestamp})) == "headers"


def test_the_time_the_address_and_the_body_are_signed() -> None:
    headers = signed(CONTENT)
    ADAPTER.authenticate(posted(CONTENT, headers), OFFICE)
    later = {"x-hubspot-request-timestamp": str(int(headers["x-hubspot-request-timestamp"]) + 1)}
    for altered in (
        posted(CONTENT, headers | later),
        posted(CONTENT, headers | {"host": "other.example"}),
        posted(CONTENT, headers, query="a=1"),
        structs.replace(posted(CONTENT, headers), path="/webhooks/other"),
        posted(CONTENT + b" ", headers),
    ):
        assert refusal(altered) == "signature"


def test_behind_a_proxy_the_public_address_counts() -> None:
    behind = signed(CONTENT) | {"host": "10.0.0.7:8080"}
    assert refusal(posted(CONTENT, behind)) == "signature"
    for public_url in ("https://board.example", "https://board.example/"):
        ADAPTER.authenticate(posted(CONTENT, behind), replace(OFFICE, public_url=public_url))
    headers = behind | {"x-forwarded-host": "board.example", "x-forwarded-proto": "https,http"}
    ADAPTER.authenticate(posted(CONTENT, headers), OFFICE)
    plain = signed(CONTENT, address=ADDRESS.replace("https", "http")) | {"x-forwarded-proto": "http"}
    ADAPTER.authenticate(posted(CONTENT, plain), OFFICE)


def test_under_a_root_path_it_is_part_of_the_address() -> None:
    inside = posted(CONTENT, signed(CONTENT, address=ADDRESS.replace("/webhooks", "/crm/webhooks")))
    assert refusal(inside) == "signature"
    ADAPTER.authenticate(structs.replace(inside, root_path="/crm"), OFFICE)
    ADAPTER.authenticate(
        structs.replace(inside, root_path="/crm"), replace(OFFICE, public_url="https://board.example/crm")
    )


def test_the_documented_escapes_of_the_query_are_decoded_and_no_others() -> None:
    query = "a=%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B&b=%3a%2f&c=%20%26%3D%25&d="
    called = f"{ADDRESS}?a=:/?@!$'()*,;&b=:/&c=%20%26%3D%25&d="
    assert address(posted(b"", {"host": "board.example"}, query), None) == called
    ADAPTER.authenticate(posted(CONTENT, signed(CONTENT, address=called), query), OFFICE)


def test_the_configured_portal_must_be_in_the_body() -> None:
    ours, other = event("deal.creation"), event("deal.creation", portalId=5)
    for content in (body(ours), body(other, ours), body(event("deal.creation", portalId=str(PORTAL)))):
        ADAPTER.authenticate(posted(content, signed(content)), office(account=str(PORTAL)))
    content = body(other)
    assert refusal(posted(content, signed(content)), office(account=str(PORTAL))) == "account"
    ADAPTER.authenticate(posted(content, signed(content)), OFFICE)


def test_a_signed_body_that_cannot_be_read_goes_to_quarantine() -> None:
    content = b"not JSON"
    account = office(account=str(PORTAL))
    ADAPTER.authenticate(posted(content, signed(content)), account)
    assert len(ADAPTER.decode(post(content), account).rejections) == 1


def test_events_of_another_portal_in_a_mixed_body_have_no_effect() -> None:
    mixed = (event("deal.creation", portalId=5, objectId=1), event("deal.creation", objectId=2))
    assert [change.id for change in decoded(*mixed, account=office(account=str(PORTAL))).changes] == ["2"]
    assert [change.id for change in decoded(*mixed).changes] == ["1", "2"]


def test_a_body_that_is_sent_again_has_the_same_key() -> None:
    first = body(event("deal.creation"), event("deal.creation", objectId=2))
    again = first.replace(b'"attemptNumber": 0', b'"attemptNumber": 10')
    assert first != again
    assert (
        ADAPTER.decode(post(first), OFFICE).key
        == ADAPTER.decode(post(again, received_at=Instant(NOW + 1)), OFFICE).key
    )


def test_a_body_that_differs_otherwise_has_another_key() -> None:
    first = event("deal.propertyChange", propertyName="amount", propertyValue="1")
    for name in first.keys() - {"attemptNumber", "appId", "subscriptionType"}:
        other = first | {name: "dealname" if name == "propertyName" else 2_000_000_000_001}
        assert decoded(first).key != decoded(other).key


def test_occurred_at_is_the_version() -> None:
    (change,) = accepted(event("deal.creation")).changes
    assert change == Change("deal", "42", Instant(VERSION), {"known": True, "url": f"{PAGE}/0-3/42"})


@pytest.mark.parametrize("kind", ["deal.creation", "deal.restore"])
def test_a_deal_that_was_made_or_restored_is_asked_for_whole(kind: str) -> None:
    for sent in (event(kind), event(f"object.{kind.partition('.')[2]}", objectTypeId="0-3")):
        result = accepted(sent)
        assert result.changes[0].fields["known"] is True
        assert result.needs == (Need("deal", "42"),)


def test_a_task_has_generic_events_only() -> None:
    result = accepted(event("object.creation", objectTypeId="0-27"))
    assert result.changes == (Change("task", "42", Instant(VERSION), {"url": f"{PAGE}/0-27/42"}),)
    assert result.needs == (Need("task", "42"),)


def test_the_name_that_the_documents_give_the_type_is_read_too() -> None:
    sent = event("deal.propertyChange", propertyName="dealname", propertyValue="Абонемент")
    sent["eventType"] = sent.pop("subscriptionType")
    assert accepted(sent).changes[0].fields["name"] == "Абонемент"


def test_names_links_and_currencies() -> None:
    assert deal("dealname", " Абонемент ") == {"name": "Абонемент"}
    assert deal("dealname", "") == deal("dealname", None) == {"name": None}
    assert deal("pipeline", "default") == {"pipeline_id": "default"}
    assert deal("hubspot_owner_id", "") == {"manager_id": None}
    assert deal("deal_currency_code", "USD") == {"currency": "USD"}
    assert deal("deal_currency_code", "Unassigned") == {"currency": None}
    assert deal("hubspot_owner_id", "77") == {"manager_id": "77"}


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("5184", 518400),
        ("5184.5", 518450),
        ("", None),
        (None, None),
        ("-12.30", -1230),
        ("333.3333333333333333", 33333),
        ("0.00500000000001", 1),
        ("0.005", 0),
        ("0.01499999999999999", 1),
        ("0.0150", 2),
        ("1.5E3", 150000),
        ("1.0E7", 1_000_000_000),
    ],
)
def test_amounts_are_exact(value: str | None, amount: int | None) -> None:
    assert deal("amount", value) == {"amount": amount}


@pytest.mark.parametrize("value", ["many", "1E99", "NaN", "1,5", "1" * 14, "٣", "9999999999999.99999"])
def test_an_unreadable_amount_is_unknown_and_reported_and_the_deal_is_asked_for(value: str) -> None:
    result = decoded(event("deal.propertyChange", propertyName="amount", propertyValue=value))
    assert result.changes[0].fields["amount"] is None
    assert result.rejections[0].error.startswith("amount: ")
    assert Need("deal", "42") in result.needs


def test_an_amount_without_its_currency_is_left_to_the_api_where_minor_units_differ() -> None:
    assert deal("amount", "5184", replace(OFFICE, rates={"USD": Decimal("92.5")})) == {"amount": 518400}
    assert deal("amount", "5184", replace(OFFICE, rates={"JPY": Decimal("0.6")})) == {}


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("dealstage", "closedwon", "won"),
        ("dealstage", "closedlost", "lost"),
        ("hs_is_closed_won", "true", "won"),
        ("hs_is_closed_lost", "true", "lost"),
        ("hs_is_closed", "false", "open"),
        ("dealstage", "appointmentscheduled", "open"),
        ("dealstage", "qualifiedtobuy", "open"),
        ("dealstage", "presentationscheduled", "open"),
        ("dealstage", "decisionmakerboughtin", "open"),
        ("dealstage", "contractsent", "open"),
    ],
)
def test_a_flag_or_a_stage_that_the_vendor_defines_sets_the_status(
    name: str, value: str, status: str
) -> None:
    assert deal(name, value) == {"status": status}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dealstage", "15504"),
        ("dealstage", ""),
        ("hs_is_closed", "true"),
        ("hs_is_closed_lost", "false"),
        ("hs_is_closed_won", "false"),
    ],
)
def test_a_stage_of_the_offices_own_leaves_the_status_unset(name: str, value: str) -> None:
    assert deal(name, value) == {}


def test_a_closing_date_in_the_future_closes_no_deal() -> None:
    assert deal("closedate", str(OCCURRED)) == {"closed_at": VERSION}
    assert deal("closedate", "2026-11-20T10:00:00.500Z") == {"closed_at": 1_795_168_800_500_000}
    assert deal("closedate", str(OCCURRED + 1)) == {"closed_at": None}
    assert deal("closedate", "") == {"closed_at": None}


def test_a_loss_reason_is_named_by_its_value_unless_the_api_knows_its_label() -> None:
    sent = event("deal.propertyChange", propertyName="closed_lost_reason", propertyValue=" Выбрал\nдругих ")
    result = accepted(sent)
    assert result.changes[0].fields["reason_id"] == "Выбрал других"
    named = Change("reason", "Выбрал других", Instant(VERSION), {"name": "Выбрал других"})
    assert result.changes[1:] == (named,)
    assert accepted(sent, office(api=True)).changes == result.changes
    own = event("deal.propertyChange", propertyName="lost_because", propertyValue="x")
    assert len(accepted(own, office(reason_field="lost_because")).changes) == 2
    assert len(accepted(own, office(api=True, reason_field="lost_because")).changes) == 1
    assert deal("closed_lost_reason", "") == {"reason_id": None}
    assert deal("closed_lost_reason", " \0") == {"reason_id": None}
    assert deal("closed_lost_reason", "x" * 600)["reason_id"] == "x" * ID_LENGTH


def test_another_property_can_be_the_reason() -> None:
    account = office(reason_field="lost_because")
    assert deal("lost_because", "Дорого", account) == {"reason_id": "Дорого"}
    other = event("deal.propertyChange", propertyName="closed_lost_reason", propertyValue="x")
    assert decoded(other, account=account).changes == ()


def test_a_companys_name_is_one_property() -> None:
    sent = event("company.propertyChange", propertyName="name", propertyValue="Ромашка")
    assert accepted(sent).changes == (Change("client", "company-42", Instant(VERSION), {"name": "Ромашка"}),)


def test_the_steps_name_the_address_and_every_property_and_no_secret() -> None:
    steps = "\n".join(ADAPTER.steps(office(TOKEN, reason_field="lost_because"), "en"))
    for name in ("dealstage", "lost_because", "hubspot_owner_id", "hs_task_status", "hs_timestamp"):
        assert name in steps
    assert TOKEN not in steps
    assert "hs_is_closed" not in steps


def test_the_page_subscribes_to_every_property_that_is_read() -> None:
    text = (Path(__file__).parents[3] / "docs/how-to/connect/hubspot.md").read_text(encoding="utf-8")
    (file,) = (block for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL) if "targetUrl" in block)
    subscribed = json.loads(file)["config"]["subscriptions"]["crmObjects"]
    for kind, read in (("deal", deal_properties(OFFICE)), ("task", TASK_PROPERTIES)):
        named = {entry.get("propertyName") for entry in subscribed if entry["objectType"] == kind}
        assert named - {None} == {name for name in read if not name.startswith("hs_is_closed")}


def test_a_tasks_properties() -> None:
    assert task("hs_task_subject", "позвонить") == {"text": "позвонить"}
    assert task("hs_timestamp", str(OCCURRED)) == {"due_at": VERSION}
    assert task("hubspot_owner_id", "61001") == {"manager_id": "61001"}
    assert task("hs_task_status", "COMPLETED") == {"completed": True, "completed_at": VERSION}
    for open_status in ("NOT_STARTED", "IN_PROGRESS", "WAITING", "DEFERRED"):
        assert task("hs_task_status", open_status) == {"completed": False, "completed_at": None}
    assert task("hs_task_status", "") == {}
    assert task("hs_task_completion_date", str(OCCURRED)) == {}


def test_an_unreadable_time_is_rejected_and_the_rest_of_its_event_counts() -> None:
    due = {"objectTypeId": "0-27", "propertyName": "hs_timestamp", "propertyValue": "soon"}
    result = decoded(event("object.propertyChange", **due))
    assert result.changes[0].fields == {"url": f"{PAGE}/0-27/42"}
    assert result.rejections[0].error.startswith("hs_timestamp: ")


def test_deletions() -> None:
    deletions = [
        ("deal", "42", event("deal.deletion")),
        ("deal", "42", event("object.deletion", objectTypeId="0-3")),
        ("task", "42", event("object.deletion", objectTypeId="0-27")),
        ("client", "42", event("contact.deletion")),
        ("client", "42", event("contact.privacyDeletion")),
        ("client", "company-42", event("object.deletion", objectTypeId="0-2")),
    ]
    for entity, id, sent in deletions:
        result = accepted(sent)
        assert [(change.entity, change.id, change.version) for change in result.changes] == [
            (entity, id, VERSION)
        ]
        assert (result.changes[0].deleted, result.needs) == (True, ())


def merged(entity: Merging, into: str, *ids: str) -> tuple[Change, ...]:
    """The changes by which records were merged into one."""
    mergers = [Change("merger", merger_id(entity, id), Instant(VERSION), {"into_id": into}) for id in ids]
    return (*mergers, *(Change(entity, id, Instant(VERSION), deleted=True) for id in ids))


def test_all_merged_records_but_one_are_gone_and_that_one_is_asked_for() -> None:
    old = accepted(event("deal.merge", primaryObjectId=1, mergedObjectIds=[2, 3]))
    assert (old.changes, old.needs) == (merged("deal", "1", "2", "3"), (Need("deal", "1"),))
    ids = {"primaryObjectId": 1, "mergedObjectIds": [1, 2], "newObjectId": 9}
    new = accepted(event("object.merge", objectTypeId="0-3", **ids))
    assert (new.changes, new.needs) == (merged("deal", "9", "1", "2"), (Need("deal", "9"),))
    contact = accepted(event("contact.merge", **ids))
    assert (contact.changes, contact.needs) == (merged("client", "9", "1", "2"), (Need("client", "9"),))
    company = accepted(event("object.merge", objectTypeId="0-2", **ids))
    assert company.changes == merged("client", "company-9", "company-1", "company-2")
    assert accepted(event("object.merge", objectTypeId="0-5", **ids)).changes == ()


def association(start: str, end: str, *, removed: bool = False) -> dict[str, Any]:
    """A link between two records, whose ids are a hundred times their type's number."""
    ids = {"fromObjectId": int(start[2:]) * 100, "toObjectId": int(end[2:]) * 100}
    types = {"fromObjectTypeId": start, "toObjectTypeId": end}
    return event("object.associationChange", **types, **ids, associationRemoved=removed)


def test_a_deals_contact_is_its_client_at_once_only_where_there_is_no_api_to_choose_one() -> None:
    for sent in (association("0-3", "0-1"), association("0-1", "0-3")):
        assert accepted(sent).changes == (Change("deal", "300", Instant(VERSION), {"client_id": "100"}),)
        asked = accepted(sent, office(api=True))
        assert (asked.changes, asked.needs) == ((), (Need("deal", "300"),))
    ids = {"fromObjectId": 300, "toObjectId": 100}
    legacy = event(
        "deal.associationChange", associationType="DEAL_TO_CONTACT", **ids, associationRemoved=False
    )
    assert accepted(legacy).changes == accepted(association("0-3", "0-1")).changes


def test_a_task_is_on_the_deal_that_it_is_linked_to() -> None:
    for sent in (association("0-27", "0-3"), association("0-3", "0-27")):
        result = accepted(sent)
        assert result.changes == (
            Change("task", "2700", Instant(VERSION), {"deal_id": "300", "client_id": None}),
        )
        assert result.needs == (Need("task", "2700"),)


def test_other_links_are_left_to_the_api() -> None:
    for sent, need in (
        (association("0-3", "0-1", removed=True), Need("deal", "300")),
        (association("0-3", "0-2"), Need("deal", "300")),
        (association("0-27", "0-3", removed=True), Need("task", "2700")),
        (association("0-27", "0-1"), Need("task", "2700")),
    ):
        assert (accepted(sent).changes, accepted(sent).needs) == ((), (need,))
    for sent in (association("0-1", "0-2"), association("0-3", "0-5"), association("0-5", "0-27")):
        assert (accepted(sent).changes, accepted(sent).needs) == ((), ())


@pytest.mark.parametrize(
    "sent",
    [
        event("contact.propertyChange", propertyName="firstname", propertyValue="x"),
        event("object.creation", objectTypeId="0-5"),
        event("object.creation"),
        event("ticket.creation", objectId="any"),
        event("conversation.newMessage", objectId={"odd": 1}),
        event("deal.propertyChange", propertyName="notes_last_updated", propertyValue="1"),
        event("deal.applause"),
    ],
)
def test_any_other_event_is_accepted_and_has_no_effect(sent: dict[str, Any]) -> None:
    result = accepted(sent)
    assert (result.changes, result.needs) == ((), ())


def test_a_bad_event_costs_its_neighbours_nothing() -> None:
    good = [event("deal.creation", objectId=key) for key in (1, 2)]
    result = decoded(good[0], event("deal.creation", objectId="x"), 5, good[1])
    assert [change.id for change in result.changes] == ["1", "2"]
    assert [rejection.part for rejection in result.rejections] == [1, 2]


def test_a_rejection_says_in_a_line_what_is_wrong() -> None:
    assert rejection(event("deal.creation", objectId=None)) == "the record's id is missing or is not a number"
    assert "day in the future" in rejection(event("deal.creation", occurredAt=OCCURRED + 10**8 * 2))
    assert "years 2000 to 2100" in rejection(event("deal.creation", occurredAt=OCCURRED // 1000))
    assert rejection({"objectId": 1}) == "the event has no subscriptionType"
    assert rejection(event("deal.propertyChange")) == "the event has no propertyName"
    assert rejection() == "the body holds no events"
    assert rejection(*[event("deal.creation")] * (MAX_EVENTS + 1)) == "the array has more than 1000 events"
    assert ADAPTER.decode(post(json.dumps(event("deal.creation")).encode()), OFFICE).rejections != ()


words = st.sampled_from(
    ["1", "x", "closedlost", "COMPLETED", "true", "0-3", "DEAL_TO_CONTACT", str(OCCURRED)]
)
hostile = st.fixed_dictionaries(
    {
        "subscriptionType": st.builds(
            "{}.{}".format,
            st.sampled_from(["deal", "object", "contact"]),
            st.sampled_from(["creation", "propertyChange", "deletion", "merge", "associationChange"]),
        ),
        "occurredAt": st.just(OCCURRED) | st.integers() | words,
    },
    optional={
        "objectTypeId": st.sampled_from(["0-1", "0-2", "0-3", "0-27", "0-5"]),
        "portalId": st.integers() | words,
        "propertyName": st.sampled_from([*deal_properties(OFFICE), *TASK_PROPERTIES, "name"]) | words,
        "propertyValue": words | st.none() | st.text(max_size=600) | st.decimals().map(str),
        **{
            name: st.integers(0, 99) | words | st.none()
            for name in ("objectId", "primaryObjectId", "newObjectId", "fromObjectId", "toObjectId")
        },
        "mergedObjectIds": st.lists(st.integers(0, 99), max_size=3),
        "fromObjectTypeId": st.sampled_from(["0-1", "0-3", "0-27"]),
        "toObjectTypeId": st.sampled_from(["0-1", "0-3", "0-27"]),
        "associationType": words,
        "associationRemoved": st.booleans(),
    },
)


@given(events=st.lists(hostile, min_size=1, max_size=4))
def test_no_event_raises_and_every_change_is_sound(events: list[dict[str, Any]]) -> None:
    result = decoded(*events)
    for change in result.changes:
        assert_sound(change)
    assert all(0 <= rejection.part < len(events) and rejection.error for rejection in result.rejections)


def stages(content: bytes) -> list[tuple[str, Instant, str]]:
    """The deals that entered a stage that the vendor defines, the time, and the status, by a plain
    reading."""
    statuses = {"closedwon": "won", "closedlost": "lost"}
    return [
        (str(sent["objectId"]), sent["occurredAt"] * 1000, statuses[sent["propertyValue"]])
        for sent in json.loads(content)
        if sent.get("propertyName") == "dealstage" and sent["propertyValue"] in statuses
    ]


def test_each_captured_body_is_decoded_as_by_a_plain_reading() -> None:
    for name, content in captures.bodies("hubspot").items():
        result = ADAPTER.decode(post(content), OFFICE)
        assert result.rejections == (), name
        assert [
            (change.id, change.version, change.fields["status"])
            for change in result.changes
            if "status" in change.fields
        ] == stages(content), name
        assert {need.id for need in result.needs} >= {deal_id for deal_id, *_ in stages(content)}


def test_the_samples_come_to_the_changes_that_they_show() -> None:
    def changes(name: str) -> list[tuple[str, str, dict[str, Value] | None]]:
        result = ADAPTER.decode(post((SAMPLES / f"{name}.txt").read_bytes()), OFFICE)
        assert result.rejections == ()
        return [
            (
                change.entity,
                change.id,
                None if change.deleted else {**change.fields, "url": "", "known": True},
            )
            for change in result.changes
        ]

    always: dict[str, Value] = {"url": "", "known": True}
    assert changes("deal_stage_lost") == [("deal", "9000101", always | {"status": "lost"})]
    assert changes("deal_batch") == [
        ("deal", "9000101", always | {"reason_id": "Выбрал других"}),
        ("reason", "Выбрал других", always | {"name": "Выбрал других"}),
        ("deal", "9000101", always | {"amount": 518450}),
        ("deal", "9000101", always | {"closed_at": VERSION + 7000}),
        ("deal", "9000102", always | {"manager_id": "61001"}),
    ]
    into = always | {"into_id": "9000110"}
    assert changes("deal_merge") == [
        ("merger", "deal 9000104", into),
        ("merger", "deal 9000105", into),
        ("deal", "9000104", None),
        ("deal", "9000105", None),
    ]
    completed = always | {"completed": True, "completed_at": VERSION}
    assert changes("task_completed")[0] == ("task", "7000201", completed)
