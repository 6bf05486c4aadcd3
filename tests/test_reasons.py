"""Which reasons are whose fault (SPEC section 2.2)."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.config_file import parse
from service.model import ID_LENGTH
from service.reasons import DEFAULT_REASONS, ReasonTable, reason_key


@pytest.mark.parametrize(
    ("language", "name", "kind"),
    [
        ("ru", "Не отвечает более 3-х раз", "controllable"),
        ("ru", "Выбрал других", "controllable"),
        ("ru", "Хочет, но не сейчас", "objective"),
        ("ru", "Нет у нас услуги", "objective"),
        ("ru", "Целевой, но нет потребности", "objective"),
        ("ru", "Не подходит график", "objective"),
        ("ru", "Больше не звонить", "objective"),
        ("ru", "Спам", "excluded"),
        ("ru", "Дубль", "excluded"),
        ("ru", "Нецелевой", "excluded"),
        ("ru", "Дорого", "unclassified"),
        ("ru", "", "unclassified"),
        ("en", "No response", "controllable"),
        ("en", "Chose a competitor", "controllable"),
        ("en", "Not now", "objective"),
        ("en", "Service not offered", "objective"),
        ("en", "No need", "objective"),
        ("en", "Schedule does not suit", "objective"),
        ("en", "Do not call", "objective"),
        ("en", "Spam", "excluded"),
        ("en", "Duplicate", "excluded"),
        ("en", "Not a target lead", "excluded"),
        ("en", "Too expensive", "unclassified"),
        ("en", "Выбрал других", "unclassified"),
    ],
)
def test_the_default_tables(language: str, name: str, kind: str) -> None:
    assert DEFAULT_REASONS[language].kind_of("17", name) == kind


@pytest.mark.parametrize("language", ["ru", "en"])
def test_an_account_without_reasons_has_the_table_of_its_language(language: str) -> None:
    keys = {"crm": "standard", "webhook_secret": "whsec_" + "A" * 32, "timezone": "Europe/Moscow"}
    office = {"id": "office", "title": "Office", "currency": "RUB", "language": language, **keys}
    assert parse({"accounts": [office]}, {}).accounts[0].reasons is DEFAULT_REASONS[language]


@pytest.mark.parametrize(
    "written",
    [
        "  не отвечает   БОЛЕЕ 3-х раз ",
        "Не\u00a0отвечает более\t3-х\nраз",
        unicodedata.normalize("NFD", "Не отвечает более 3-х раз"),
        "Не отвечает более ３-х раз",
        *(f"Не отвечает более 3{chr(dash)}х раз" for dash in (*range(0x2010, 0x2016), 0x2212, 0xFF0D)),
        *(
            f"Не отвечает{chr(invisible)} более 3-х раз"
            for invisible in (0x200B, 0x200D, 0x2060, 0xFEFF, 0xAD)
        ),
        "Не&nbsp;отвечает более 3&#x2011;х раз",
        "Не&amp;NBSP;отвечает более 3&#45;х раз",
    ],
)
def test_names_are_compared_as_people_read_them(written: str) -> None:
    assert DEFAULT_REASONS["ru"].kind_of(None, written) == "controllable"


@pytest.mark.parametrize(
    "written", ["«Ромашка» лучше", "“Ромашка” лучше", "&quot;Ромашка&quot; лучше", "＆quot；Ромашка„ лучше"]
)
def test_quotes_that_look_alike_are_equal(written: str) -> None:
    assert reason_key(written) == '"ромашка" лучше'


def test_apostrophes_that_look_alike_are_equal() -> None:
    assert len({reason_key(f"doesn{mark}t suit") for mark in ("'", "’", "‘", "´", "&#039;", "&rsquo;")}) == 1


def test_yo_is_ye() -> None:
    table = ReasonTable({reason_key("Ушёл к другим"): "controllable"})
    for name in ("УШЕЛ К ДРУГИМ", "ушёл к другим", unicodedata.normalize("NFD", "Ушёл к другим")):
        assert table.kind_of(None, name) == "controllable"


def test_a_reason_can_be_listed_by_its_id_and_the_name_wins() -> None:
    table = ReasonTable({reason_key("4203748"): "objective", reason_key("Спам"): "excluded"})
    assert table.kind_of("4203748", None) == "objective"
    assert table.kind_of("4203748", "Renamed") == "objective"
    assert table.kind_of("4203748", "спам") == "excluded"
    assert table.kind_of("1", None) == "unclassified"
    assert table.kind_of(None, None) == "unclassified"


def test_what_is_classified_by_hand_counts_where_the_configuration_lists_nothing() -> None:
    listed = ReasonTable({"дорого": "objective", "17": "excluded"})
    table = listed.with_hand({"дорого": "controllable", "далеко": "controllable", "5": "excluded"})
    assert table.kind_of(None, "Далеко") == "controllable"
    assert table.kind_of("5", None) == "excluded"
    assert table.kind_of(None, "Дорого") == "objective"
    assert table.kind_of("17", "Далеко") == "excluded"  # the configuration wins, also by the id
    assert table.kind_of("1", "Долго") == "unclassified"
    by_hand = {("1", "Далеко"), ("5", None), ("5", "Долго"), ("17", "Далеко"), (None, "Дорого"), (None, None)}
    assert {reason for reason in by_hand if table.is_by_hand(*reason)} == {("1", "Далеко"), ("5", None)}
    assert listed.with_hand({}) is listed


@given(st.text(max_size=400))
def test_a_key_is_its_own_key_and_fits(name: str) -> None:
    key = reason_key(name)
    assert len(key) <= ID_LENGTH
    assert reason_key(key) == key
    assert reason_key(f"  {name}\n") == key
