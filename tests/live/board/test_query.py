"""The query of a board's address."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from service.calendar import PeriodError
from service.live.board.query import BoardQuery, QueryError, parse_flag, parse_query, parse_view
from service.model import Day
from tests.live.boards import OFFICE

TODAY = Day(739_943)


def parsed(**query: str) -> BoardQuery:
    return parse_query(query, OFFICE, TODAY)


def test_parameters_that_are_left_out_have_defaults_of_the_account() -> None:
    assert parsed() == BoardQuery(OFFICE.id, "month", "amount", "json", OFFICE.language, "desk", "auto")


def test_every_parameter_is_parsed_and_an_unknown_one_ignored() -> None:
    query = parsed(
        period="week", sort="count", form="html", lang="en", mode="wall", manager="3", pipeline="-", other="x"
    )
    assert query == BoardQuery(OFFICE.id, "week", "count", "html", "en", "wall", "auto", "3", "")


def test_the_parameters_of_a_query_parse_to_the_same_query() -> None:
    query = parsed(
        period="2026-11-01..2026-11-09", sort="count", mode="wall", manager="Иван & Ко", pipeline="-"
    )
    assert parsed(**dict(parse_qsl(query.urlencoded(), keep_blank_values=True))) == query
    assert parsed(**dict(parse_qsl(query.urlencoded(manager=None), keep_blank_values=True))).manager is None


def test_a_screens_own_settings_are_parsed_and_kept() -> None:
    view = "mode=wall&distance=7&inches=65&sound=100000&flash=0.5&quiet=20:00-08:00&rotate=all@60,pipeline:1"
    kept = parse_view(f"{view}&every=20", OFFICE, TODAY)
    assert kept == f"{view}&every=20"  # readable in a list
    query = parse_query({}, OFFICE, TODAY, kept)
    assert (query.sound, query.flash, query.quiet, query.rotate, query.every) == (
        "100000",
        "0.5",
        "20:00-08:00",
        "all@60,pipeline:1",
        20,
    )
    assert parsed(**query.parameters())._replace(view=kept) == query


@pytest.mark.parametrize(
    "query",
    [
        {"sound": "loud"},
        {"sound": "-1"},
        {"flash": "1e3"},
        {"quiet": "20-08"},
        {"quiet": "08:00-08:00"},
        {"quiet": "24:00-08:00"},
        {"every": "4"},
        {"every": "3601"},
        {"rotate": "all,"},
        {"rotate": "manager"},
        {"rotate": "manager:"},
        {"rotate": "all@4"},
        {"rotate": "Office/all"},
        {"rotate": ",".join(["all"] * 21)},
        {"sort": "name"},
        {"theme": "pink"},
        {"form": "xml"},
        {"lang": "fr"},
        {"mode": "tv"},
        {"manager": "x" * 201},
    ],
)
def test_an_unknown_value_is_refused_by_its_parameters_name(query: dict[str, str]) -> None:
    with pytest.raises(QueryError, match=next(iter(query))):
        parsed(**query)


def test_an_empty_parameter_counts_as_left_out() -> None:
    assert parsed(manager="", pipeline="", period="", sort="", lang="", mode="", theme="") == parsed()


def test_a_view_stands_in_for_parameters_that_are_not_given() -> None:
    view = "mode=wall&manager=3&theme=light"
    kept = parse_query({}, OFFICE, TODAY, view)
    assert (kept.mode, kept.manager, kept.theme, kept.period) == ("wall", "3", "light", "month")
    given = parse_query({"mode": "", "manager": "-", "period": "week"}, OFFICE, TODAY, view)
    assert (given.mode, given.manager, given.theme, given.period) == ("desk", "", "light", "week")


def test_the_address_of_a_view_that_differs_from_the_screens_says_so() -> None:
    view = "mode=wall&manager=3&theme=light"
    shown = parse_query({"mode": "desk", "manager": "", "theme": "auto"}, OFFICE, TODAY, view)
    address = dict(parse_qsl(shown.urlencoded(), keep_blank_values=True))
    assert parse_query(address, OFFICE, TODAY, view) == shown


def test_a_view_is_kept_in_one_spelling() -> None:
    assert parse_view(" ?mode=wall&manager=%d0%98%20%26 ", OFFICE, TODAY) == "mode=wall&manager=%D0%98+%26"
    assert parse_view("", OFFICE, TODAY) == ""


@pytest.mark.parametrize(
    "view",
    ["mode=tv", "token=x", "form=html", "mode=wall&mode=desk", "manager=%00", f"manager={'x' * 501}", "wall"],
)
def test_a_view_that_the_board_would_refuse_is_not_kept(view: str) -> None:
    with pytest.raises(QueryError):
        parse_view(view, OFFICE, TODAY)


def test_two_dates_of_a_form_are_a_period_whichever_is_the_first_day() -> None:
    dates = {"from": "2026-11-09", "to": "2026-11-01", "period": "week"}
    assert parsed(**dates).period == "2026-11-01..2026-11-09"
    assert parsed(**{"from": "", "to": ""}) == parsed()
    for unusable in ({"from": "2026-11-09"}, {"to": "2026-11-09"}):
        with pytest.raises(QueryError, match="from and to"):
            parsed(**unusable)
    with pytest.raises(PeriodError, match="2026-02-30"):
        parsed(**{"from": "2026-11-09", "to": "2026-02-30"})


def test_an_unknown_period_is_refused() -> None:
    with pytest.raises(PeriodError):
        parsed(period="decade")


@pytest.mark.parametrize(
    ("mode", "theme", "where"),
    [
        ("desk", "auto", "(prefers-color-scheme: light)"),
        ("wall", "auto", "not all"),
        ("wall", "light", "all"),
        ("desk", "dark", "not all"),
    ],
)
def test_a_wall_is_dark_unless_it_is_asked_to_be_light(mode: str, theme: str, where: str) -> None:
    assert parsed(mode=mode, theme=theme).light_where == where


def test_a_wall_is_told_its_distance_and_size() -> None:
    query = parsed(mode="wall", distance="7,5", inches="65")
    assert (query.distance, query.inches) == (7.5, 65)
    assert "distance=7.5&inches=65" in query.urlencoded()
    assert "distance" not in parsed().urlencoded()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("distance", "0"),
        ("distance", "21"),
        ("distance", "1e1"),
        ("inches", "9"),
        ("inches", "151"),
        ("inches", "nan"),
    ],
)
def test_a_distance_or_size_that_no_room_has_is_refused(name: str, value: str) -> None:
    with pytest.raises(QueryError, match=f"{name} must be a number from"):
        parsed(**{name: value})


def test_a_flag_is_1_or_left_out() -> None:
    assert [parse_flag(query, "desc") for query in ({}, {"desc": ""}, {"desc": "1"})] == [False, False, True]
    for value in ("0", "true", "11", " 1"):
        with pytest.raises(QueryError, match="desc is 1, or left out"):
            parse_flag({"desc": value}, "desc")
