"""A portal that answers each question of the sync with a body, and with an empty list of the question's form
where a case has none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from service.config import Account
from service.demo.crms.php import nested
from tests.cases.desk import CASES, configured

OWN: Final = Path(__file__).parent / "bitrix24"
TOKEN: Final = "apptokenapptokenapptoken"

_EMPTY: Final[dict[str, Any]] = {
    "crm.item.list": {"items": []},
    "crm.stagehistory.list": {"items": []},
    "crm.category.list": {"categories": []},
    "tasks.task.list": {"tasks": []},
}


@dataclass(frozen=True)
class Bodies:
    """The bodies of one source, with the ids in them."""

    folder: Path
    deal: int
    lead: int
    open_deal: int
    task_lead: int
    manager: str
    company: str

    def __getitem__(self, name: str) -> Any:
        """The JSON of a file."""
        return json.loads(self.raw(name))

    def raw(self, name: str) -> bytes:
        """A file as it is."""
        return (self.folder / name).read_bytes()


def sources() -> list[Bodies]:
    """Our own bodies, and the real-world ones if they are there."""
    found = [Bodies(OWN, 5301, 4107, 5315, 4104, "43", "CO_907")]
    if (CASES / "bitrix24").is_dir():
        found.append(Bodies(CASES / "bitrix24", 1, 77, 15, 4, "547", "CO_7"))
    return found


@dataclass
class Portal:
    """The fake vendor.

    Args:
        lists: The body by method, or by method and `entityTypeId`; it answers every such question.
        by_id: Like `lists`, for questions by ids alone.
        answers: Answer the next questions of a method before anything else does.
    """

    lists: dict[str, Any] = field(default_factory=dict)
    by_id: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, list[httpx.Response]] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a call."""
        method = request.url.path.rpartition("/")[2].removesuffix(".json")
        params = json.loads(request.content)
        self.asked.append((method, params))
        if self.answers.get(method):
            return self.answers[method].pop(0)
        if method != "batch":
            return httpx.Response(200, json=self._answer(method, params))
        parts = {}
        for name, command in params["cmd"].items():
            inner, _, query = command.partition("?")
            asked = nested(query)
            self.asked.append((inner, asked))
            parts[name] = self._answer(inner, asked)["result"]
        return httpx.Response(200, json={"result": {"result": parts, "result_error": []}})

    def _answer(self, method: str, params: Any) -> Any:
        name = f"{method} {params['entityTypeId']}" if method == "crm.item.list" else method
        is_by_id = "@id" in params.get("filter", {})
        known = {**self.lists, **self.by_id} if is_by_id else self.lists
        return known.get(name, {"result": _EMPTY.get(method, [])})

    def questions(self, method: str) -> Iterator[Any]:
        """The parameters of each call of a method so far."""
        return (params for asked, params in self.asked if asked == method)


def account(**options: Any) -> Account:
    """A Bitrix24 account, which always has an API."""
    api = {"url": "https://zerno.bitrix24.ru", "token": "31/codecodecode"}
    return configured("bitrix24", webhook_secret=TOKEN, api=api, **({"bitrix24": options} if options else {}))


def hook(event: str, id: int | str, ts: int = 0) -> bytes:
    """A webhook about an object."""
    sent = f"event={event}&data[FIELDS][ID]={id}&ts={1795600000 + ts}"
    return f"{sent}&auth[application_token]={TOKEN}".encode()


FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
Ledgers = Callable[[], str]
