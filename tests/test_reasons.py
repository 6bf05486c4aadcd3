"""Which reasons are whose fault (SPEC section 2.2)."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model import ID_LENGTH
from service.reasons import DEFAULT_REASONS, ReasonTable, reason_key


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Не отвечает более 3-х раз", "controllable"),
        ("Выбрал других", "controllable"),
        ("Хочет, но не сейчас", "objective"),
        ("Нет у нас услуги", "objective"),
        ("Целевой, но нет потребности", "objective"),
        ("Не подходит график", "objective"),
        ("Больше не звонить", "objective"),
        ("Спам", "excluded"),
        ("Дубль", "excluded"),
        ("Нецелевой", "excluded"),
        ("Дорого", "unclassified"),
        ("", "unclassified"),
    ],
)
def test_the_default_table(name: str, kind: str) -> None:
    assert DEFAULT_REASONS.kind_of("17", name) == kind


@pytest.mark.parametrize(
    "written",
    [
        "  не отвечает   БОЛЕЕ 3-х раз ",
        "Не\u00a0отвечает более\t3-х\nраз",
        unicodedata.normalize("NFD", "Не отвечает более 3-х раз"),
        "Не отвечает более ３-х раз",
    ],
)
def test_names_are_compared_as_people_read_them(written: str) -> None:
    assert DEFAULT_REASONS.kind_of(None, written) == "controllable"


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


@given(st.text(max_size=400))
def test_a_key_is_its_own_key_and_fits(name: str) -> None:
    key = reason_key(name)
    assert len(key) <= ID_LENGTH
    assert reason_key(key) == key
    assert reason_key(f"  {name}\n") == key
