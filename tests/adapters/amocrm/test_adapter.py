"""The `amocrm` adapter, rule by rule."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest

from service.adapters import NotAuthentic
from service.adapters.amocrm.adapter import AmoCRMAdapter
from service.adapters.amocrm.options import AmoCRMOptions
from service.adapters.forms import MAX_FIELDS
from service.config import Api, Secret
from service.model import (
    SECOND,
    TEXT_LENGTH,
    UNDATED,
    Change,
    Decoded,
    Instant,
    Need,
    Value,
    later,
)
from tests.adapters.posts import NOW, TOKEN, account, post, utc

SAMPLES = Path(__file__).parent / "samples"
ADAPTER = AmoCRMAdapter()
OFFICE = account("amocrm")
ACCOUNT = {"account[subdomain]": "zerno"}
MODIFIED = 1_795_420_000


def decoded(
    fields: dict[str, str],
    options: AmoCRMOptions | None = None,
    headers: dict[str, str] | None = None,
    received_at: Instant = NOW,
) -> Decoded:
    body = urlencode(fields).encode()
    office = account("amocrm", options=options) if options else OFFICE
    return ADAPTER.decode(post(body, headers, received_at=received_at), office)


def item(kind: str = "leads[update][0]", /, **fields: str) -> dict[str, str]:
    """A body of one item, dated; a field's name is its path with dots."""
    sent = {"id": "42", "updated_at": str(MODIFIED), **fields}
    return {kind + "".join(f"[{part}]" for part in path.split(".")): value for path, value in sent.items()}


def change(fields: dict[str, str], options: AmoCRMOptions | None = None) -> Change:
    """The first change in a body that is wholly sound."""
    result = decoded(fields, options)
    assert result.rejections == ()
    return result.changes[0]


def lead(options: AmoCRMOptions | None = None, /, **fields: str) -> dict[str, Value]:
    """A lead's fields, without `known`."""
    result = dict(change(item(**fields), options).fields)
    assert result.pop("known") is True
    return result


def task(**fields: str) -> dict[str, Value]:
    return dict(change(item("task[update][0]", **fields)).fields)


def rejection(fields: dict[str, str]) -> str:
    result = decoded(fields)
    assert result.changes == ()
    (rejected,) = result.rejections
    return rejected.error


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.txt").read_bytes()


@pytest.mark.parametrize(
    ("stage", "status"), [("142", "won"), ("143", "lost"), ("1430", "open"), ("7", "open")]
)
def test_a_stage_is_won_lost_or_open(stage: str, status: str) -> None:
    assert lead(status_id=stage) == {"status": status}


@pytest.mark.parametrize("field", ["status_id", "responsible_user_id", "pipeline_id"])
def test_a_malformed_number_costs_only_its_field(field: str) -> None:
    assert lead(name="x", **{field: "17265663a90"}) == {"name": "x"}


def test_a_malformed_price_is_an_unknown_amount() -> None:
    assert lead(name="x", price="17265663a90") == {"name": "x", "amount": None}


def test_an_empty_price_is_zero_and_a_missing_one_is_unset() -> None:
    assert lead(price="") == {"amount": 0}
    assert lead(price="5184", price_with_minor_units="5184.5") == {"amount": 518450}
    assert lead(price="5184", price_with_minor_units="") == {"amount": 518400}
    assert lead() == {}


def test_an_empty_stage_is_unset() -> None:
    assert lead(status_id="") == {}


@pytest.mark.parametrize("nobody", ["", "0"])
def test_nobody_responsible_is_none(nobody: str) -> None:
    assert lead(responsible_user_id=nobody) == {"manager_id": None}
    assert task(responsible_user_id=nobody) == {"manager_id": None}


def test_names_are_cleaned_and_cut() -> None:
    assert lead(name=" a\x00b ") == {"name": "ab"}
    assert lead(name=" ") == {"name": None}
    assert lead(name="я" * 2 * TEXT_LENGTH) == {"name": "я" * (TEXT_LENGTH - 1) + "…"}


@pytest.mark.parametrize("wrong", ["", "0", "x1", "-1", "1" * 21, "١"])
@pytest.mark.parametrize(
    "kind", ["leads[add][0]", "task[delete][0]", "contacts[update][0]", "companies[add][0]"]
)
def test_an_item_without_an_id_is_rejected(kind: str, wrong: str) -> None:
    assert (
        rejection(item(kind, id=wrong)) == f"{kind.removesuffix('[0]')}: the id is missing or is not a number"
    )


def test_a_rejected_item_does_not_spoil_its_neighbours() -> None:
    first, bad, last = (item(f"leads[update][{index}]", id=key) for index, key in enumerate(("1", "", "3")))
    result = decoded({**first, **bad, **last})
    assert [deal.id for deal in result.changes] == ["1", "3"]
    assert [rejected.part for rejected in result.rejections] == [1]


def test_parts_are_counted_over_all_the_lists() -> None:
    result = decoded({**item("task[add][0]"), **item("unsorted[add][0]"), **item("leads[update][7]", id="")})
    assert [rejected.part for rejected in result.rejections] == [2]


def test_updated_at_is_the_version_and_last_modified_after_it() -> None:
    assert change(item(last_modified="1795000000")).version == MODIFIED * SECOND
    for absent in ("", "0", "x", "99999999", "9" * 11):
        sent = item(updated_at=absent, last_modified="1795000000")
        assert change(sent).version == 1_795_000_000 * SECOND


def test_a_tasks_naive_last_modified_is_its_version() -> None:
    naive = item("task[update][0]", updated_at="", last_modified="2026-11-20 12:00:00")
    assert change(naive).version == utc("2026-11-20 12:00:00")


def test_without_any_time_the_version_is_the_time_received() -> None:
    for unreadable in (
        "",
        "2026-11-31 00:00:00",
        "2026-11-20T12:00:00",
        "1999-12-31 23:59:59",
        "9999-12-31 23:59:59",
    ):
        assert change(item("task[update][0]", updated_at="", last_modified=unreadable)).version == NOW


@pytest.mark.parametrize(
    "kind", ["leads[delete][0]", "task[delete][0]", "leads[restore][0]", "contacts[delete][0]"]
)
def test_deletions_and_restores_are_dated_when_they_are_received(kind: str) -> None:
    dated = change(item(kind))
    assert dated.version == NOW
    assert dated.deleted == ("delete" in kind)


def test_a_restore_wins_over_the_deletion_before_it() -> None:
    deleted = decoded(item("leads[delete][0]"), received_at=NOW).changes[0]
    restored = decoded(item("leads[restore][0]", name="x"), received_at=later(NOW, 1)).changes[0]
    assert restored.version > deleted.version


def test_an_item_dated_more_than_a_day_ahead_is_rejected() -> None:
    latest = (NOW // SECOND) + 86_400
    assert change(item(updated_at=str(latest))).version == latest * SECOND
    assert "more than a day in the future" in rejection(item(updated_at=str(latest + 1)))


def test_the_plural_of_task_is_taken_too() -> None:
    assert change(item("tasks[add][0]", text="x")) == change(item("task[add][0]", text="x"))


def test_a_tasks_status_says_whether_it_is_completed() -> None:
    assert task(status="1", action_close="0") == {"completed": True}
    assert task(status="0", action_close="0") == {"completed": False, "completed_at": None}


@pytest.mark.parametrize("status", ["", "2", "done"])
def test_an_unknown_task_status_is_unset(status: str) -> None:
    assert task(status=status) == {}


@pytest.mark.parametrize(
    ("kind", "deal_id", "client_id", "page"),
    [
        ("1", None, "7", "contacts"),
        ("2", "7", None, "leads"),
        ("3", None, "7", "companies"),
        ("12", None, None, None),
        ("", None, None, None),
    ],
)
def test_a_task_is_on_a_lead_or_on_a_client_or_on_neither(
    kind: str, deal_id: str | None, client_id: str | None, page: str | None
) -> None:
    sent = item("task[add][0]", element_type=kind, element_id="7")
    fields = {"deal_id": deal_id, "client_id": client_id}
    assert change(sent).fields == fields
    url = f"https://zerno.amocrm.ru/{page}/detail/7" if page else None
    assert change({**sent, **ACCOUNT}).fields == {**fields, "url": url}


def test_an_element_that_cannot_be_read_leaves_the_links_unset() -> None:
    assert task(element_type="2") == {}
    assert task(element_id="7") == {}
    assert task(element_type="2", element_id="x") == {}
    assert task(element_type="2", element_id="0") == {"deal_id": None, "client_id": None}


def test_the_due_time_in_seconds_counts_before_the_naive_one() -> None:
    due = utc("2026-12-01 12:00:00")
    seconds = str(due // SECOND)
    assert task(complete_before=seconds, complete_till="2026-12-01 15:00:00") == {"due_at": due}
    assert task(complete_till="2026-12-01 12:00:00") == {"due_at": due}
    assert task(complete_before="17x", complete_till="2026-12-01 12:00:00") == {"due_at": due}


def test_the_naive_due_time_is_read_in_the_configured_zone() -> None:
    sent = item("task[add][0]", complete_till="2026-12-01 12:00:00")
    in_moscow = change(sent, AmoCRMOptions(timezone=ZoneInfo("Europe/Moscow")))
    assert in_moscow.fields == {"due_at": utc("2026-12-01 09:00:00")}


def test_an_empty_due_time_is_none_and_a_malformed_one_is_unset() -> None:
    assert task(complete_before="0", complete_till="") == {"due_at": None}
    assert task(complete_before="", complete_till="soon") == {}


REASON = AmoCRMOptions(reason_field="Причина  отказа")


def reason(options: AmoCRMOptions, /, **fields: str) -> Decoded:
    prefixed = {f"custom_fields.3.{path}": value for path, value in fields.items()}
    return decoded(item(**prefixed), options)


@pytest.mark.parametrize("shape", ["values.0.value", "values.0", "values.value", "values"])
@pytest.mark.parametrize("by", [{"name": " причина Отказа"}, {"id": "Причина  отказа"}])
def test_the_loss_reason_is_read_from_every_shape_of_its_field(shape: str, by: dict[str, str]) -> None:
    version = Instant(MODIFIED * SECOND)
    assert reason(REASON, **by, **{shape: "Выбрал  Других"}).changes == (
        Change("deal", "42", version, {"known": True, "reason_id": "выбрал других"}),
        Change("reason", "выбрал других", version, {"name": "Выбрал  Других"}),
    )


def test_the_reason_field_may_be_given_by_its_id() -> None:
    assert lead(
        AmoCRMOptions(reason_field="9"), **{"custom_fields.0.id": "9", "custom_fields.0.values.0.value": "Да"}
    ) == {"reason_id": "да"}


def test_a_reason_field_without_a_value_is_none() -> None:
    assert reason(REASON, name="Причина отказа").changes[0].fields["reason_id"] is None
    emptied = reason(REASON, **{"name": "Причина отказа", "values.0.value": "", "values.0.enum": "5"})
    assert emptied.changes == (
        Change("deal", "42", Instant(MODIFIED * SECOND), {"known": True, "reason_id": None}),
    )


def test_without_the_reason_field_the_reason_is_unset() -> None:
    other = {"name": "Другое", "values.0.value": "x"}
    assert "reason_id" not in reason(REASON, **other).changes[0].fields
    assert "reason_id" not in reason(AmoCRMOptions(), name="Причина отказа").changes[0].fields
    assert lead(REASON, custom_fields="x") == {}


def test_a_contact_names_its_client_and_links_its_leads_without_making_them_known() -> None:
    sent = item(
        "contacts[update][0]",
        **{
            "name": "Анна",
            "linked_leads_id.5.ID": "5",
            "linked_leads_id.6": "6",
            "linked_leads_id.x.ID": "x",
        },
    )
    version = Instant(MODIFIED * SECOND)
    linked_at = later(UNDATED, (version - UNDATED) // 4)
    said = decoded(sent)
    assert said.changes == (
        Change("client", "42", version, {"name": "Анна"}),
        Change("deal", "5", linked_at, {"client_id": "42"}),
        Change("deal", "6", linked_at, {"client_id": "42"}),
    )
    assert said.needs == (Need("deal", "5"), Need("deal", "6"))  # is it the main contact?


def test_an_id_in_the_key_alone_links_the_lead() -> None:
    sent = item("contacts[add][0]", **{"linked_leads_id.5.x": "1"})
    assert [(linked.id, linked.fields) for linked in decoded(sent).changes] == [("5", {"client_id": "42"})]


@pytest.mark.parametrize(
    ("kind", "of_type"), [("contacts", "company"), ("companies", "company"), ("companies", "")]
)
def test_a_contacts_link_wins_over_a_later_one_of_the_company(kind: str, of_type: str) -> None:
    sent = item(f"{kind}[update][0]", name="ООО", type=of_type, **{"linked_leads_id.5.ID": "5"})
    named, linked = decoded(sent).changes
    assert named == Change("client", "42", Instant(MODIFIED * SECOND), {"name": "ООО"})
    assert (linked.entity, linked.id, linked.fields) == ("deal", "5", {"client_id": "42"})
    contact = item("contacts[add][0]", updated_at="1400000000", **{"linked_leads_id.5.ID": "5"})
    assert linked.version < decoded(contact).changes[0].version


@pytest.mark.parametrize("result", ["accept_result", "decline_result"])
def test_the_leads_of_an_incoming_lead_are_asked_for(result: str) -> None:
    sent = {
        "unsorted[delete][0][action]": result.removesuffix("_result"),
        "unsorted[delete][0][uid]": "5f2b",
        f"unsorted[delete][0][{result}][leads][0]": "9100",
        f"unsorted[delete][0][{result}][leads][1]": "x",
        "unsorted[delete][0][other_result]": "",
    }
    said = decoded(sent)
    assert (said.changes, said.needs, said.rejections) == ((), (Need("deal", "9100"),), ())


def test_a_byte_order_mark_before_a_form_is_skipped() -> None:
    body = urlencode(item(name="x")).encode()
    assert ADAPTER.decode(post(b"\xef\xbb\xbf" + body), OFFICE).changes == (
        ADAPTER.decode(post(body), OFFICE).changes
    )
    authenticate(b"\xef\xbb\xbfaccount[id]=1&leads[add][0][id]=5", TOKEN, "1")


def test_a_managers_name_is_no_fact_of_a_delivery() -> None:
    changes = decoded(item(responsible_user_id="3"), AmoCRMOptions(users={"3": "Анна"})).changes
    assert [named.entity for named in changes] == ["deal"]


@pytest.mark.parametrize(
    ("block", "origin"),
    [
        ({"account[subdomain]": "zerno"}, "https://zerno.amocrm.ru"),
        (
            {"account[subdomain]": "z", "account[_links][self]": "https://zerno.kommo.com"},
            "https://zerno.kommo.com",
        ),
        ({"account[_links][self]": "http://zerno.amocrm.com/x?y"}, "https://zerno.amocrm.com"),
        ({"account[subdomain]": "z", "account[_links][self]": "https://evil.example"}, "https://z.amocrm.ru"),
        ({"account[_links][self]": "https://zerno.amocrm.ru.evil.example"}, None),
        ({"account[_links][self]": "https://evil.example/.amocrm.ru"}, None),
        ({"account[_links][self]": "https://evilamocrm.ru"}, None),
        ({"account[_links][self]": "https://.amocrm.ru"}, None),
        ({"account[_links][self]": "https://[::1"}, None),
        ({"account[_links][self]": "javascript:alert(1)//.amocrm.ru"}, None),
        ({"account[_links]": "https://zerno.amocrm.ru"}, None),
        ({"account[subdomain]": "evil.example/"}, None),
        ({"account[subdomain]": ""}, None),
        ({"account": "zerno"}, None),
        ({}, None),
    ],
)
def test_links_lead_to_the_vendors_own_domain_or_nowhere(block: dict[str, str], origin: str | None) -> None:
    fields = change({**item(), **block}).fields
    assert fields.get("url") == (f"{origin}/leads/detail/42" if origin else None)
    assert ("url" in fields) == (origin is not None)


def test_links_lead_to_the_configured_address_if_there_is_one() -> None:
    office = replace(OFFICE, api=Api(Secret("t"), "https://zerno.kommo.com"))
    body = urlencode({**item(), **ACCOUNT}).encode()
    (deal,) = ADAPTER.decode(post(body), office).changes
    assert deal.fields["url"] == "https://zerno.kommo.com/leads/detail/42"


@pytest.mark.parametrize(
    "kind", ["leads[note][0]", "unsorted[add][0]", "customers[update][0]", "message[add][0]"]
)
def test_events_that_the_board_has_no_use_for_are_neither_changes_nor_errors(kind: str) -> None:
    result = decoded({**item(kind, id="x"), **ACCOUNT})
    assert (result.changes, result.rejections) == ((), ())


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"hello", b"leads=1", b"leads[add]=1", b"leads[add][0]=1", b"account[id]=1", b"\xff\x00"],
)
def test_a_body_without_items_is_rejected(body: bytes) -> None:
    result = ADAPTER.decode(post(body), OFFICE)
    assert result.changes == ()
    assert [rejected.error for rejected in result.rejections] == [
        "the body holds no items, such as leads[update][0][id]=42"
    ]


def test_a_form_with_too_many_fields_is_rejected() -> None:
    result = ADAPTER.decode(post(b"a=&" * (MAX_FIELDS + 1)), OFFICE)
    assert [rejected.part for rejected in result.rejections] == [0]
    assert result.changes == ()


def key(body: bytes, request_id: str = "", received_at: Instant = NOW) -> str:
    headers = {"x-amocrm-requestid": request_id} if request_id else {}
    return ADAPTER.decode(post(body, headers, received_at=received_at), OFFICE).key


def test_an_equal_body_with_the_vendors_time_is_a_repeat() -> None:
    body = sample("lead_update")
    assert key(body, "a", NOW) == key(body, "b", later(NOW, SECOND))
    assert key(body) != key(body + b"&x=1")


@pytest.mark.parametrize(
    "name", ["lead_status_short", "lead_delete_typed", "lead_restore_empty_price", "task_delete"]
)
def test_an_equal_body_without_a_time_is_a_repeat_only_on_the_same_occasion(name: str) -> None:
    body = sample(name)
    assert key(body, "a", NOW) == key(body, "a", later(NOW, SECOND))
    assert key(body, "a") != key(body, "b")
    assert key(body, received_at=NOW) == key(body, received_at=NOW)
    assert key(body, received_at=NOW) != key(body, received_at=later(NOW, 1))


def test_one_change_without_a_time_is_enough_to_make_the_occasion_count() -> None:
    body = sample("lead_update") + b"&task[delete][0][id]=7"
    assert key(body, "a") != key(body, "b")


def authenticate(body: bytes, token: str | None, office: str | None = None, *secrets: str) -> None:
    query = {} if token is None else {"token": token}
    options = AmoCRMOptions(account=office)
    ADAPTER.authenticate(post(body, query=query), account("amocrm", *secrets, options=options))


def test_the_token_must_be_one_of_the_secrets() -> None:
    authenticate(b"", TOKEN)
    authenticate(b"", "new", None, "old", "new")
    for wrong in (None, "", TOKEN + "x", TOKEN[:-1], TOKEN.upper(), "é", "\ud800"):
        with pytest.raises(NotAuthentic, match="token"):
            authenticate(b"", wrong)


def test_an_empty_secret_lets_nobody_in() -> None:
    with pytest.raises(NotAuthentic):
        authenticate(b"", "", None, "")


@pytest.mark.parametrize("office", ["20518844", "zerno"])
@pytest.mark.parametrize("name", ["lead_add_account_first", "lead_status_short"])
def test_the_account_may_be_given_by_id_or_by_subdomain(name: str, office: str) -> None:
    authenticate(sample(name), TOKEN, office)


def test_without_an_account_block_the_items_say_whose_they_are() -> None:
    authenticate(sample("task_add"), TOKEN, "20518844")


@pytest.mark.parametrize("name", ["lead_add", "lead_add_account_first", "task_add", "task_delete"])
def test_another_account_is_refused_though_the_token_is_right(name: str) -> None:
    with pytest.raises(NotAuthentic, match="account"):
        authenticate(sample(name), TOKEN, "99")


def test_the_account_block_outweighs_the_items_word() -> None:
    body = b"account[id]=1&leads[add][0][id]=5&leads[add][0][account_id]=2"
    authenticate(body, TOKEN, "1")
    with pytest.raises(NotAuthentic, match="account"):
        authenticate(body, TOKEN, "2")


def test_a_form_with_too_many_fields_is_authentic_if_it_says_whose_it_is() -> None:
    authenticate(b"account[id]=1&" + b"a=&" * MAX_FIELDS, TOKEN, "1")
    with pytest.raises(NotAuthentic, match="account"):
        authenticate(b"account[id]=1&" * (MAX_FIELDS + 1), TOKEN, "1")
