"""CSV files of deals and tasks: the shapes of exports, what is wrong with a line, and hostile files."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.csv import file
from service.adapters.csv.file import MOST_BAD, TIMEZONE, ParsedFile
from service.adapters.csv.lines import LONGEST_LINE
from service.calendar import parse_instant
from service.model import FIELDS, UNDATED, Change, Request, Value
from tests.ledger.offices import OFFICE

SAMPLES: Final = Path(__file__).parent / "samples"
AMOCRM, BITRIX24, PIPEDRIVE, TASKS = (
    (SAMPLES / f"{name}.csv").read_text(encoding="utf-8")
    for name in ("amocrm", "bitrix24", "pipedrive", "tasks")
)

NOW = parse_instant("2026-11-25T10:00:00+03:00")


def read(text: str | bytes, encoding: str = "utf-8") -> ParsedFile:
    """What a file says that is imported now."""
    body = text if isinstance(text, bytes) else text.encode(encoding)
    return file.read(request(body), OFFICE)


def request(body: bytes) -> Request:
    """A file as it is stored."""
    return Request("POST", "", {}, {TIMEZONE: "Europe/Moscow"}, body, NOW)


def problems(parsed: ParsedFile) -> list[str]:
    return [str(bad) for bad in parsed.bad]


def fields(parsed: ParsedFile, entity: str, entity_id: str) -> dict[str, Value]:
    """What a file says of one deal or task; it must be sound."""
    assert problems(parsed) == []
    (change,) = [one for one in parsed.changes if (one.entity, one.id) == (entity, entity_id)]
    return dict(change.fields)


def names(parsed: ParsedFile, entity: str) -> dict[str, Value]:
    return {change.id: change.fields["name"] for change in parsed.changes if change.entity == entity}


def deal(**cells: str) -> dict[str, Value]:
    """What a file of one open deal says of it."""
    row = {"id": "1", "status": "open", "amount": "", **cells}
    quoted = ";".join(f'"{cell}"' for cell in row.values())
    return fields(read(f"{';'.join(row)}\n{quoted}\n"), "deal", "1")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_an_export_of_amocrm(encoding: str, newline: str) -> None:
    parsed = read(AMOCRM.replace("\n", newline), encoding)
    closed = parse_instant("2026-11-23T15:00:30+03:00")
    assert fields(parsed, "deal", "101") == {
        "known": True,
        "name": "Абонемент",
        "status": "lost",
        "amount": 518450,
        "closed_at": closed,
        "reason_id": "выбрал других",
        "client_id": "name:иван петров",
        "manager_id": "name:анна",
        "pipeline_id": "name:продажи",
    }
    second = fields(parsed, "deal", "102")
    assert (second["status"], second["amount"], second["client_id"]) == ("open", 90000, "name:ооо зерно")
    assert second["name"] == 'Пробное "Лето"'
    assert "closed_at" not in second
    assert "reason_id" not in second
    third = fields(parsed, "deal", "103")
    assert (third["status"], third["amount"], third["client_id"], third["name"]) == ("won", None, None, None)
    assert names(parsed, "manager") == {"name:анна": "Анна", "name:олег": "Олег"}
    assert names(parsed, "reason") == {"выбрал других": "Выбрал других"}
    assert names(parsed, "pipeline") == {"name:продажи": "Продажи"}
    assert (parsed.kind, parsed.entities) == ("deal", 3)
    assert parsed.ignored == ("Дата создания сделки",)
    assert list(parsed.taken_as_open) == ["Переговоры"]


def test_a_file_in_windows_1251() -> None:
    parsed = read(AMOCRM.replace("Бюджет ₽", "Бюджет"), "cp1251")
    assert fields(parsed, "deal", "101")["client_id"] == "name:иван петров"


def test_an_export_of_bitrix24() -> None:
    parsed = read(BITRIX24, "utf-8-sig")
    lost = fields(parsed, "deal", "7")
    assert (lost["status"], lost["amount"], lost["currency"]) == ("lost", 120000, "RUB")
    assert lost["closed_at"] == parse_instant("2026-11-22T00:00:00+03:00")
    other = fields(parsed, "deal", "8")
    assert (other["status"], other["amount"], other["currency"]) == ("open", 130000, "USD")
    assert "closed_at" not in other  # the day on which it is hoped to be closed


def test_an_export_of_pipedrive() -> None:
    parsed = read(PIPEDRIVE)
    lost = fields(parsed, "deal", "7")
    assert (lost["name"], lost["amount"], lost["currency"]) == ("Windows", 123450, "EUR")
    assert (lost["status"], lost["reason_id"]) == ("lost", "too dear")
    assert fields(parsed, "deal", "8")["status"] == "open"
    assert parsed.taken_as_open == {}


def test_a_list_of_tasks() -> None:
    parsed = read(TASKS)
    assert (parsed.kind, parsed.entities) == ("task", 2)
    assert fields(parsed, "task", "t1") == {
        "text": "позвонить",
        "due_at": parse_instant("2026-11-22T15:00:00+03:00"),
        "deal_id": "102",
        "completed": False,
        "completed_at": None,
        "manager_id": "name:анна",
    }
    second = fields(parsed, "task", "t2")
    assert second["due_at"] == parse_instant("2026-11-22T23:59:59+03:00")  # a day is over when it is over
    assert (second["completed"], second["completed_at"]) == (True, parse_instant("2026-11-23T09:00:00+03:00"))
    assert list(parsed.taken_as_open) == ["Ждёт выполнения"]


def test_a_task_is_completed_when_the_file_says_on_which_day() -> None:
    parsed = read("id,due at,client,completed at\n1,2026-11-20,Ann,2026-11-21\n2,2026-11-20,Ann,\n")
    assert fields(parsed, "task", "1")["completed"] is True
    assert fields(parsed, "task", "2")["completed"] is False
    assert fields(parsed, "task", "2")["client_id"] == "name:ann"


def test_ids_win_over_names_and_a_name_gives_the_same_id_every_time() -> None:
    given = deal(manager="Анна", manager_id="3", client="Пётр  Ильич", pipeline="Б2Б")
    assert (given["manager_id"], given["client_id"]) == ("3", "name:петр ильич")
    assert deal(client="ПЕТР Ильич")["client_id"] == "name:петр ильич"


def test_a_column_that_is_not_there_says_nothing_and_an_empty_cell_says_none() -> None:
    assert deal().keys() == {"known", "status", "amount"}
    assert deal(client="", name="", url="javascript:alert(1)") == {
        "known": True,
        "status": "open",
        "amount": None,
        "client_id": None,
        "name": None,
        "url": None,
    }


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("5184", 518400),
        ("5184,5", 518450),
        ("5184.50", 518450),
        ("5 184,50 ₽", 518450),
        ("5\u202f184 руб.", 518400),
        ("5'184.50", 518450),
        ("1,234,567", 123456700),
        ("1.234.567,89", 123456789),
        ("1,234,567.89", 123456789),
        ("-100", -10000),
        ("0", 0),
        ("12345678901,99", 1234567890199),
    ],
)
def test_amounts(text: str, minor: int) -> None:
    assert deal(amount=text)["amount"] == minor


def test_an_amount_may_be_written_with_its_currency() -> None:
    assert deal(amount="$100")["currency"] == "USD"
    assert deal(amount="100 тенге")["currency"] == "KZT"
    assert deal(amount="100", currency="jpy")["amount"] == 100
    assert problems(read("id;status;amount;currency\n1;open;$5;EUR\n")) == [
        "line 2, amount: its currency is not that of the line"
    ]


@pytest.mark.parametrize(
    "text", ["5,184", "5.184", "много", "1E+05", "1,2,3", "1 000 кг", "12345,678.90", "٣", "1e3"]
)
def test_what_is_no_amount_or_can_be_read_in_two_ways_is_refused(text: str) -> None:
    parsed = read(f"id;status;amount\n1;open;100\n2;open;{text}\n")
    assert [(bad.number, bad.column) for bad in parsed.bad] == [(3, "amount")]


@given(st.decimals(min_value=0, max_value=10**11, places=2))
def test_an_amount_as_russian_excel_writes_it_is_exact(value: Decimal) -> None:
    written = f"{value:,.2f}".replace(",", "\u00a0").replace(".", ",")
    assert deal(amount=written)["amount"] == int(value * 100)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("23.11.2026 15:00", "2026-11-23T15:00:00+03:00"),
        ("23.11.2026, 15:00:05", "2026-11-23T15:00:05+03:00"),
        ("3.1.2026 9:05", "2026-01-03T09:05:00+03:00"),
        ("23.11.2026", "2026-11-23T00:00:00+03:00"),
        ("2026-11-23", "2026-11-23T00:00:00+03:00"),
        ("2026-11-23 15:00:00", "2026-11-23T15:00:00+03:00"),
        ("2026-11-23T15:00:00Z", "2026-11-23T18:00:00+03:00"),
    ],
)
def test_times(text: str, iso: str) -> None:
    assert deal(status="lost", closed_at=text)["closed_at"] == parse_instant(iso)


@pytest.mark.parametrize(
    "text", ["11/23/2026", "31.02.2026", "23.11.2026 25:00", "0001-01-01", "23.11.1926", "today"]
)
def test_what_is_no_time_or_can_be_read_in_two_ways_is_refused(text: str) -> None:
    parsed = read(f"id;status;amount;дата закрытия\n1;lost;100;{text}\n")
    assert [(bad.number, bad.column) for bad in parsed.bad] == [(2, "дата закрытия")]


def version(changed: str) -> int:
    parsed = read(f"id;status;amount;updated_at\n1;open;100;{changed}\n")
    assert problems(parsed) == []
    return parsed.changes[0].version


def test_facts_are_older_than_the_webhook_of_the_same_change_and_than_the_import() -> None:
    assert version("23.11.2026 15:00:30") < parse_instant("2026-11-23T15:00:30+03:00")
    assert version("23.11.2026 15:00:30") > parse_instant("2026-11-23T15:00:29+03:00")
    assert version("25.11.2026 20:00") < NOW  # its export was in another zone
    assert version("") == UNDATED
    assert read("id;status;amount\n1;open;100\n").changes[0].version == UNDATED
    assert problems(read("id;status;amount;updated_at\n1;open;1;27.11.2026\n"))[0].startswith(
        "line 2, updated_at: "
    )


def test_a_lost_deal_must_say_when() -> None:
    assert problems(read("id;status;amount;closed at\n1;lost;1;\n")) == [
        "line 2, closed at: a lost deal needs the day on which it was closed"
    ]
    assert problems(read("id;status;amount;closed at;updated at\n1;lost;1;;23.11.2026\n")) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id;status;amount\n1;open;1\n1;won;1\n", ["line 3, id: line 2 has the same id"]),
        ("id;status;amount\n;open;1\n", ["line 2, id: an id is empty"]),
        ("id;status;amount\n1;;1\n", ["line 2, status: it is empty"]),
        ("id;status;amount\n1;open\n", ["line 2: it has 2 cells, and the first line has 3"]),
        ("id;status;amount\n1;open;1;2\n", ["line 2: it has 4 cells, and the first line has 3"]),
        ("id;status;amount\n1;open;1;;\n", []),
        ("id;status;amount\n\n1;open;1\n;;\n", []),
        ("sep=;\nid;status;amount\n1;open;1\n", []),
        ('id;status;amount\n1;"a\nb";1\n2;open;x\n', ["line 4, amount: it is no amount"]),
        ('id;status;amount\n1;"open;1\n2;open;1\n', ["line 2: a quote is opened here and never closed"]),
        ('id;status;amount\n1;"op"en;1\n2;open;1\n', ["line 2: a quote inside a cell must be doubled"]),
        ('"id;status\n', ["line 1: a quote is opened here and never closed"]),
        ("", ["the file is empty"]),
        ("\n\n", ["the file is empty"]),
        (
            "id;status;amount\n1,67E+07;open;1\n",
            ["line 2, id: Excel has rounded this id: format the column as text, and export again"],
        ),
        (
            "id;сумма;срок\n1;2;3\n",
            ['there is no column for status (called "status" or "этап сделки"), of deals'],
        ),
        (
            "id;дедлайн;текст задачи\n",
            [
                (
                    'there is no column for deal_id (called "deal id" or "id сделки") or client_id (called '
                    '"client id" or "id клиента") or client (called "client" or "клиент"), of tasks'
                )
            ],
        ),
    ],
)
def test_what_is_wrong_is_said_of_the_line_and_the_column(text: str, said: list[str]) -> None:
    assert problems(read(text)) == said


def test_a_damaged_file_is_not_taken_for_one_in_windows_1251() -> None:
    body = AMOCRM.encode().replace("Олег".encode(), b"\xcd\xcb")
    assert problems(read(body)) == ["line 3 cannot be read as utf-8: save the file as UTF-8"]
    assert problems(read(b"\xef\xbb\xbfid;\xcd\n")) == [
        "line 1 cannot be read as utf-8-sig: save the file as UTF-8"
    ]


def test_bad_lines_are_told_up_to_a_number_and_counted_beyond() -> None:
    parsed = read("id;status;amount\n" + "1;open;x\n" * 250)
    assert [bad.number for bad in parsed.bad] == list(range(2, 2 + MOST_BAD))
    assert parsed.bad_lines == 250


def test_what_a_file_says_cannot_drive_a_terminal() -> None:
    parsed = read("id;status;amount;\x1b[31m\n1;\x1b]0;open;1\n")
    assert parsed.ignored == ("\\x1b[31m",)
    assert "\x1b" not in "".join(problems(parsed))


def test_a_line_and_a_cell_are_bounded() -> None:
    wide = read(b"id;status;amount\n1;open" + b";" * (4 * LONGEST_LINE) + b"\n2;open;1\n")
    assert [bad.number for bad in wide.bad] == [2]
    assert wide.entities == 1
    over_lines = read(b"id;status;amount\n" + b'"a\n";' * (LONGEST_LINE // 4))
    assert over_lines.bad[0].number == 2
    assert "longer than" in problems(over_lines)[0]
    long = read("id;status;amount\n1;" + "a" * 200_000 + ";1\n")
    assert "a cell is longer than" in problems(long)[0]


def test_a_stored_file_is_decoded_again_to_the_same() -> None:
    decoded = file.decode(request(AMOCRM.encode()), OFFICE)
    assert list(decoded.changes) == read(AMOCRM).changes
    assert decoded.rejections == ()
    bad = file.decode(request(b"id;status;amount\n1;open;x\n2;open;1\n"), OFFICE)
    assert [(rejection.part, rejection.error) for rejection in bad.rejections] == [
        (2, "line 2, amount: it is no amount")
    ]
    assert [change.id for change in bad.changes] == ["2"]


PIECES = st.sampled_from(
    [
        *("id", "status", "amount", "срок", "deal id", "client", "updated at", "lost", "won", "1", "5,184"),
        *(";", ",", "\t", "\n", "\r", '"', "\0", "\x1b", "9" * 30, "1E+07", "₽", "İ", "ﷺ"),
        *("23.11.2026", "9999-12-31", "0001-01-01"),
    ]
)


def assert_sound(parsed: ParsedFile) -> None:
    """What came of a file fits the ledger, whatever was in it."""
    for change in parsed.changes:
        assert isinstance(change, Change)
        for name, value in change.fields.items():
            assert value is None or type(value) is FIELDS[change.entity][name]
            assert not isinstance(value, str) or "\0" not in value
    assert len(parsed.bad) <= min(MOST_BAD, parsed.bad_lines)
    assert all("\n" not in line and line.isprintable() for line in problems(parsed))


@given(st.binary(max_size=2_000))
def test_no_bytes_raise(body: bytes) -> None:
    assert_sound(read(body))


@given(st.lists(PIECES, max_size=80).map("".join), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_no_file_raises(text: str, encoding: str) -> None:
    assert_sound(read(text, encoding))
    assert_sound(read("id;status;amount;closed at;client;updated at\n" + text, encoding))
    assert_sound(read("id;due at;deal id;completed;completed at\n" + text, encoding))
