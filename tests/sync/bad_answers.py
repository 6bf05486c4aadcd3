"""Bad answers of a CRM's API, put in the place of the good answer to a kind of call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

import httpx

from service.adapters.api import Answer, Api, Call
from service.sync.runner import AccountSync

Bad: TypeAlias = Callable[[Call, Answer, Answer | None], Answer | None]
"""Makes a bad answer of a call, its good answer, and the answer to the page before; None where this call has
no such bad answer."""

LATER: Final = ", a later page"
"""How the name of a kind of call ends that asks for a later page."""

OF_LATER: Final = frozenset({"repeated", "leading to itself"})
"""Bad answers to such calls only."""

_JSON: Final = {"content-type": "application/json"}
_BESIDES: Final = frozenset({"result_error", "result_total", "result_next", "result_time", "errors"})
"""Names of lists that are not the answer's."""


def _says(status: int, body: bytes = b"{}") -> Bad:
    return lambda _call, _good, _before: Answer(status, _JSON, body)


def _raises(error: Exception) -> Bad:
    def bad(_call: Call, _good: Answer, _before: Answer | None) -> Answer:
        raise error

    return bad


def _truncated(_call: Call, good: Answer, _before: Answer | None) -> Answer | None:
    return replace(good, body=good.body[: len(good.body) // 2]) if good.body else None


def _without_list(_call: Call, good: Answer, _before: Answer | None) -> Answer | None:
    body = json.loads(good.body or b"null")
    return replace(good, body=json.dumps(body).encode()) if _lose_list(body) else None


def _lose_list(node: Any) -> bool:
    """Take the list out of an answer; returns whether there was one."""
    if not isinstance(node, dict):
        return False
    for name, inner in node.items():
        if isinstance(inner, list) and name not in _BESIDES:
            del node[name]
            return True
    return any(_lose_list(inner) for name, inner in node.items() if name not in _BESIDES)


def _repeated(_call: Call, _good: Answer, before: Answer | None) -> Answer | None:
    return before


def _leading_to_itself(call: Call, good: Answer, before: Answer | None) -> Answer | None:
    """The page with the link or cursor by which it was asked for."""
    body, query = json.loads(good.body or b"null"), dict(call.query)
    if before is None or not isinstance(body, dict):
        return None
    if "_embedded" in body:
        address = str(httpx.URL(f"https://zerno.amocrm.ru{call.path}", params=call.query))
        body.setdefault("_links", {})["next"] = {"href": address}
    elif "cursor" in query:
        body["additional_data"] = {"next_cursor": query["cursor"]}
    elif "after" in query:
        body["paging"] = {"next": {"after": query["after"], "link": ""}}
    else:
        return None  # it is asked for by the last id; see `_repeated`
    return replace(good, body=json.dumps(body).encode())


BAD: Final[Mapping[str, Bad]] = {
    "200 null": _says(200, b"null"),
    "200 empty": _says(200, b""),
    "200 []": _says(200, b"[]"),
    "200 {}": _says(200),
    "200 HTML": _says(200, b"<!DOCTYPE html><html><body>Closed for maintenance</body></html>"),
    "200 error": _says(200, b'{"title":"Internal error","status":500,"detail":"Try again later"}'),
    "truncated": _truncated,
    "204": _says(204, b""),
    **{str(status): _says(status) for status in (301, 400, 401, 402, 403, 404, 429, 500, 502, 503)},
    "without its list": _without_list,
    "repeated": _repeated,
    "leading to itself": _leading_to_itself,
    "timeout": _raises(httpx.ReadTimeout("silence")),
    "slow drip": _raises(TimeoutError()),
}

TOLD: Final[Mapping[str, str]] = {
    "301": "api_moved",
    "400": "api_rejected",
    "401": "api_token",
    "402": "api_unpaid",
    "404": "api_not_found",
    **dict.fromkeys(("429", "500", "502", "503", "timeout", "slow drip"), "api_unreachable"),
}
"""What is told of those whose meaning is the same everywhere; of the others, any trouble with the API."""


@dataclass
class Meddler:
    """Stands between an account's sync and its CRM, and gives bad answers.

    Attributes:
        kinds: The kinds of calls that were made.
        hits: How many bad answers were chosen; `hits_in_run`: by a run.
        documented: Whether one was none: this call has no such bad answer, or the vendor documents it as a
            good one.
    """

    api: Api
    chosen: Callable[[str], Bad | None] | None = None
    """Which bad answer is given to a kind of call; None: the good one."""
    kinds: dict[str, None] = field(default_factory=dict)
    hits: int = 0
    hits_in_run: int = 0
    documented: bool = False
    _in_run: bool = False
    _later: dict[Call, Answer] = field(default_factory=dict)
    """The later pages of lists, each with the answer to the page before."""

    def meet(self, sync: AccountSync) -> None:
        """Take the place of what sends the calls of a sync."""
        client, executor = sync._crm.client, sync._executor
        send, step = client._send, executor.step

        async def sending(call: Call) -> Answer:
            return self._answer(call, await send(call))

        async def stepping(run: Any) -> Any:
            self._in_run = True
            try:
                return await step(run)
            finally:
                self._in_run = False

        client._send = sending  # type: ignore[method-assign]
        executor.step = stepping  # type: ignore[method-assign]

    def arm(self, kind: str, bad: Bad) -> None:
        """Give a bad answer to each call of a kind from now on."""
        self.hits, self.hits_in_run, self.documented = 0, 0, False
        self.chosen = lambda asked: bad if asked == kind else None

    def _answer(self, call: Call, good: Answer) -> Answer:
        before = self._later.get(call)
        kind = f"{call.resource}{' by id' if call.asked else ''}{LATER if before else ''}"
        self.kinds.setdefault(kind)
        following = self.api.following(call, good) if good.status < 300 else None
        if following is not None and following.resource == call.resource:
            self._later[following] = good
        bad = self.chosen(kind) if self.chosen is not None else None
        if bad is None:
            return good
        self.hits += 1
        self.hits_in_run += self._in_run
        answer = bad(call, good, before)
        if answer is None or (self.api.verdict(call, answer).is_answer and answer != before):
            self.documented = True
            return good
        return answer
