"""The events of the streams are those that AsyncAPI names, as docs/reference/live-protocol.md does."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest

from service.interface.asyncapi import asyncapi
from service.interface.openapi import OPERATIONS
from service.live.stream import hub
from tests.interface.calls import call
from tests.interface.closed import closed
from tests.interface.office import Office, moment

PROTOCOL: Final = (
    Path(__file__).resolve().parents[2].joinpath("docs/reference/live-protocol.md").read_text("utf-8")
)
DOCUMENT: Final = asyncapi()
LOST: Final = {"id": "43", "status": "lost", "reason": "Дорого"}
LATE: Final = {"id": "t9", "deal_id": "44", "due_at": moment(3)}
NEWS: Final = [
    {"type": "task.changed", "timestamp": moment(0), "data": {"id": "t1", "completed": True}},
    {"type": "deal.changed", "timestamp": moment(0), "data": LOST},
    {"type": "task.changed", "timestamp": moment(0), "data": LATE},
]
"""A task that is done, a deal that is lost, a client that comes to be at risk."""


def validator(message: str) -> jsonschema_rs.Validator:
    """Of what an event of a name carries. A field that its schema does not name is an error."""
    components = closed(DOCUMENT["components"])
    schema = {**components["messages"][message]["payload"], "components": components}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def events(text: str) -> Iterator[tuple[str, str | None, str]]:
    """The name, the id and the data of each event."""
    for part in text.split("\n\n"):
        fields = [line.partition(": ")[::2] for line in part.splitlines()]
        if (named := dict(fields)).get("event"):
            data = "\n".join(value for name, value in fields if name == "data")
            yield named["event"], named.get("id"), data


async def followed(opened: Office, address: str, most: int) -> list[tuple[str, str | None, str]]:
    """The events of a stream, on which something happens."""
    following = asyncio.create_task(call(opened.app, "GET", address, opened.proof(), events=most))
    await asyncio.sleep(0.2)
    await opened.post(json.dumps(NEWS))
    return list(events((await following).text))


async def test_each_event_is_as_asyncapi_says_and_patches_have_every_part(
    opened: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "HEARTBEAT_SECONDS", 0.5)
    seen = await followed(opened, "/boards/office/events", 4)
    for name, event_id, data in seen:
        validator(name).validate(json.loads(data))
        assert (event_id is None) == (name == "heartbeat")
    assert {name for name, _, _ in seen} == set(DOCUMENT["channels"]["followBoard"]["messages"])
    patch = next(json.loads(data) for name, _, data in seen if name == "patch")
    assert patch.keys() >= {"set", "remove", "order", "closed"}
    assert {"clients/deal:44", "managers/", "at_risk", "losses"} <= patch["set"].keys()


async def test_a_shared_stream_numbers_its_views_and_tells_of_one_that_ended(
    opened: Office,
) -> None:
    seen = await followed(opened, "/events?view=office&view=nobody&view=office%3Fperiod%3Dweek", 5)
    for name, _, data in seen:
        number, _, own = data.partition("\n")
        assert int(number) in range(3)
        validator(name).validate(json.loads(own))
    assert {"ended", "snapshot", "patch"} <= {name for name, _, _ in seen}
    assert set(DOCUMENT["channels"]["followBoards"]["messages"]) == set(DOCUMENT["components"]["messages"])


@pytest.mark.parametrize(
    "wrong", [{"extra": 1}, {"as_of": "yesterday"}, {"set": {"clients/7": {}}}, {"seq": "1"}]
)
def test_what_is_not_as_asyncapi_says_is_found(wrong: Mapping[str, Any]) -> None:
    patch = {"seq": 1, "as_of": moment(0), "last_delivery_at": None, "set": {}, "remove": []}
    validator("patch").validate(patch)
    assert not validator("patch").is_valid({**patch, **wrong})


def test_every_reference_of_the_document_leads_somewhere() -> None:
    for target in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(DOCUMENT)):
        found: Any = DOCUMENT
        for name in target.split("/"):
            found = found[name]
        assert found


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables of the document, below a heading."""
    section = PROTOCOL.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| `.*", section, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def named(cell: str) -> set[str]:
    return set(re.findall(r"`([\w-]+)`", cell))


def test_the_live_protocol_names_the_same_parameters_and_events() -> None:
    (stream,) = (operation for operation in OPERATIONS if operation.id == "followBoard")
    parameters = {parameter.name: parameter.schema for parameter in stream.parameters}
    told = {
        name: values for row in rows("Parameters and access") for name in named(row[0]) for values in [row[1]]
    }
    assert told.keys() == parameters.keys() - {"last_event_id", "Last-Event-ID", "account", "form"}
    for name, values in told.items():
        choices = parameters[name].get("enum", parameters[name].get("anyOf", [{}])[0].get("enum", ()))
        assert set(choices) <= named(values), name
    events = {row[0].strip("`") for row in rows("The stream")} & DOCUMENT["components"]["messages"].keys()
    assert events == set(DOCUMENT["channels"]["followBoard"]["messages"])


def test_the_live_protocol_names_the_same_lists_and_their_parameters() -> None:
    lists = {
        operation.path.removesuffix(".csv").rpartition("/")[2]: {one.name for one in operation.parameters}
        for operation in OPERATIONS
        if operation.path.endswith(".csv")
    }
    told = {name for row in rows("The lists behind the figures") for name in named(row[0])}
    assert lists.keys() <= told
    parameters = set[str]().union(*lists.values()) - {"account", "sort", "from", "to"}
    assert told - lists.keys() == parameters | {"theme"}
