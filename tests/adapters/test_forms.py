"""PHP's bracket forms."""

from __future__ import annotations

from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.forms import MAX_DEPTH, MAX_FIELD, MAX_FIELDS, Form, FormError, key_path, parse_form


def test_brackets_nest_whether_encoded_or_not() -> None:
    expected: Form = {"leads": {"add": {"0": {"id": "42", "name": "два слова"}}}}
    encoded = b"leads%5Badd%5D%5B0%5D%5Bid%5D=42&leads%5badd%5d%5b0%5d%5bname%5d="
    assert parse_form(encoded + quote_plus("два слова").encode()) == expected
    assert parse_form("leads[add][0][id]=42&leads[add][0][name]=два слова".encode()) == expected


def test_an_escaped_percent_is_not_decoded_twice() -> None:
    assert parse_form(b"a=%255B%5B%2526") == {"a": "%5B[%26"}


def test_values_may_be_empty_or_missing() -> None:
    assert parse_form(b"a=&b&&c=1=2") == {"a": "", "b": "", "c": "1=2"}


def test_an_empty_bracket_is_the_next_index() -> None:
    assert parse_form(b"a[]=x&a[]=y&b[][c]=z") == {"a": {"0": "x", "1": "y"}, "b": {"0": {"c": "z"}}}


@pytest.mark.parametrize("key", ["", "[", "[a]", "a[", "a[b][0][", "a]b[", "a[b]c"])
def test_a_key_with_unbalanced_brackets_costs_only_its_own_field(key: str) -> None:
    form = parse_form(urlencode([(key, "lost"), ("kept", "1")]).encode())
    assert form == {"kept": "1"}


def test_a_key_nested_too_deep_costs_only_its_own_field() -> None:
    deep = "a" + "[b]" * (MAX_DEPTH - 1)
    assert len(key_path(deep)) == MAX_DEPTH
    assert parse_form(f"{deep}[c]=lost&x=1".encode()) == {"x": "1"}


@pytest.mark.parametrize("body", [b"a=1&a[b]=2", b"a[b]=2&a=1"])
def test_a_branch_wins_over_a_value_in_either_order(body: bytes) -> None:
    assert parse_form(body) == {"a": {"b": "2"}}


def test_of_two_values_for_one_key_the_last_counts() -> None:
    assert parse_form(b"a[b]=1&a[b]=2") == {"a": {"b": "2"}}


def test_a_huge_index_is_a_key_like_any_other() -> None:
    assert parse_form(b"a[4294967296]=1") == {"a": {"4294967296": "1"}}


def test_bytes_that_are_not_utf_8_do_not_spoil_the_form() -> None:
    assert parse_form(b"a=\xff&b=%ff&c=1") == {"a": "\ufffd", "b": "\ufffd", "c": "1"}


def test_a_form_with_too_many_fields_is_refused() -> None:
    assert len(parse_form(b"&".join(b"k%d=" % n for n in range(MAX_FIELDS)))) == MAX_FIELDS
    with pytest.raises(FormError, match="10000"):
        parse_form(b"a=&" * (MAX_FIELDS + 1))


def test_of_a_field_that_is_longer_than_any_text_the_beginning_is_read() -> None:
    form = parse_form(b"a=" + b"%41" * 300_000 + b"&b=2")
    assert form == {"a": "A" * ((MAX_FIELD - len("a=")) // 3) + "%4"[: (MAX_FIELD - 2) % 3], "b": "2"}


KEYS = st.text(st.characters(blacklist_characters="[]", blacklist_categories=["Cs"]), min_size=1)


@given(
    st.dictionaries(
        KEYS, st.dictionaries(KEYS, st.text(st.characters(blacklist_categories=["Cs"])), min_size=1)
    )
)
def test_what_is_encoded_is_read_back(tree: dict[str, dict[str, str]]) -> None:
    pairs = [(f"{key}[{inner}]", value) for key, branch in tree.items() for inner, value in branch.items()]
    assert parse_form(urlencode(pairs).encode()) == tree


@given(st.binary())
def test_no_bytes_raise(body: bytes) -> None:
    parse_form(body)
