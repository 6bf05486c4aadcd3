"""A board as HTML: the whole page for the first paint, and its fragments for the stream. Both use the same
macros.

The server renders everything; the page's script only puts each fragment where the element with its id is. No
fragment depends on the time of day: it has the due time of a task, and the script computes for how long the
task is overdue. So a fragment changes only if its figures do.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Hashable, Iterable
from collections.abc import Set as AbstractSet
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
from markupsafe import Markup

from service.config import Account, Language
from service.ledger.read.board import Arrived
from service.live.board.at_risk import name_of
from service.live.board.patch import Json, moment
from service.live.board.query import BoardQuery
from service.live.board.snapshot import FIGURES, BoardWarning, Choice, Snapshot
from service.live.page.environment import template
from service.live.page.rotation import stops_of
from service.live.page.template_globals import element_id, milliseconds
from service.live.text import formats
from service.live.text.arrivals import arrival_text
from service.live.text.i18n import translations_of

STATIC: Final = Path(__file__).parents[1] / "static"
"""The page's own files. Serve them unchanged and with `no-cache`, so that browsers revalidate them."""

CLIENTS_SHOWN: Final = 200
"""The number of clients that the page lists; the JSON has all of them."""

TASKS_SHOWN: Final = 20
"""The number of tasks that the page lists for one client."""

_DUE: Final = re.compile(r'(<time [^<>]*data-due="(\d+)"[^<>]*>)[^<>]*(?=</time>)')

_LOSSES: Final = ("losses-figures", "losses-days", "losses-reasons")
_FIGURES: Final = (*_LOSSES, "risk-figures", "rest", "managers", "gaps")
"""The fragments with figures. An account that knows nothing yet has none, and no zeros in their place."""

_MacroCall: TypeAlias = tuple[str, tuple[Hashable, ...]]
"""The name of a macro in `fragments.html`, and its arguments. Equal calls give equal HTML."""


def page(snapshot: Snapshot, account: Account, query: BoardQuery, *, static: str = "../static") -> str:
    """The whole page, complete without JavaScript.

    Args:
        static: Where `STATIC` is served, relative to the page's address.
    """
    now = milliseconds(snapshot.as_of)

    def overdue(time: re.Match[str]) -> str:
        return time[1] + formats.duration((now - int(time[2])) / 1000, query.language)

    html = {
        fragment_id: Markup(_DUE.sub(overdue, fragment))  # noqa: S704 - made by our own autoescaping templates
        for fragment_id, fragment in fragments(snapshot, query).items()
    }
    return template(query.language, "board.html").render(
        snapshot=snapshot,
        account=account,
        query=query,
        stops=msgspec.json.encode(stops).decode() if (stops := stops_of(query)) else "",
        alarms=[(name, value) for name in ("sound", "flash", "quiet") if (value := getattr(query, name))],
        fragments=html,
        rows=[html[row_id] for row_id in _order(snapshot)],
        version=version(),
        static=static,
        messages=msgspec.json.encode(translations_of(query.language).script()).decode(),
    )


def fragments(snapshot: Snapshot, query: BoardQuery) -> dict[str, str]:
    """The HTML of each element that the stream can replace, by the element's id."""
    return {
        fragment_id: _rendered(query.language, call) for fragment_id, call in _calls(snapshot, query).items()
    }


def html_snapshot(snapshot: Snapshot, query: BoardQuery) -> dict[str, Json]:
    """The frame that brings any page up to date, whatever it shows. `version` is the version of its files."""
    return {
        **moment(snapshot),
        "version": version(),
        "set": dict(fragments(snapshot, query)),
        "order": {"list": list[Json](_order(snapshot))},
    }


def html_patch(
    old: Snapshot,
    new: Snapshot,
    query: BoardQuery,
    closed: AbstractSet[str] = frozenset(),
    arrived: Arrived | None = None,
) -> dict[str, Json]:
    """The frame that turns a page of `old` into a page of `new`.

    `set` has the fragments that are new or changed, `remove` the ids of the clients that are no longer at
    risk, `hide` the ids of those that still are but no longer fit into the page's list, `order` the ids of
    the list's rows if their order changed, and `closed` what to say of the clients whose tasks were done.

    Args:
        closed: The ids of the tasks that were completed between the two.
        arrived: What came first of all, if anything did; `came` says it.
    """
    before, after = _calls(old, query), _calls(new, query)
    changed = [fragment_id for fragment_id, call in after.items() if before.get(fragment_id) != call]
    gone = [fragment_id for fragment_id in before if fragment_id not in after]
    hidden: set[str] = set()
    if gone and len(new.at_risk.list) > CLIENTS_SHOWN:
        hidden = {element_id(client.client_id) for client in new.at_risk.list[CLIENTS_SHOWN:]}
    order = _order(new)
    return {
        **moment(new),
        "set": {fragment_id: _rendered(query.language, after[fragment_id]) for fragment_id in changed},
        "remove": [fragment_id for fragment_id in gone if fragment_id not in hidden],
        "hide": [fragment_id for fragment_id in gone if fragment_id in hidden],
        "order": {} if order == _order(old) else {"list": list[Json](order)},
        "closed": _closed_work(old, new, closed, query.language) if closed else {},
        **({} if arrived is None else {"came": arrival_text(arrived, query.language)}),
    }


def _closed_work(
    old: Snapshot, new: Snapshot, closed: AbstractSet[str], language: Language
) -> dict[str, Json]:
    """Who closed a client's tasks, and the amount that was saved by it; by the id of the client's element."""
    today = new.at_risk.saved_today
    saved = {client.client_id: client.amount for client in today.list} if today else {}
    at_risk = {client.client_id for client in new.at_risk.list}
    work: dict[str, Json] = {}
    for client in old.at_risk.list:
        done = [task for task in client.tasks if task.task_id in closed]
        if not done:
            continue
        amount = None if client.client_id in at_risk else saved.get(client.client_id)
        work[element_id(client.client_id)] = {
            "tasks": [task.task_id for task in done],
            "client": client.client,
            "by": ", ".join(dict.fromkeys(task.manager for task in done if task.manager)),
            "saved": None if amount is None else formats.money(amount, new.currency, language),
        }
    return work


@cache
def version() -> str:
    """A digest of the page's own files. A page that was loaded with other files reloads itself."""
    digest = hashlib.blake2b(digest_size=8)
    for folder in (STATIC, STATIC.with_name("templates")):
        for file in sorted(path for path in folder.iterdir() if path.is_file()):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _order(snapshot: Snapshot) -> list[str]:
    return [element_id(client.client_id) for client in snapshot.at_risk.list[:CLIENTS_SHOWN]]


def _calls(snapshot: Snapshot, query: BoardQuery) -> dict[str, _MacroCall]:
    """The macro call that renders each fragment, by the fragment's id."""
    losses, risk, currency = snapshot.losses, snapshot.at_risk, snapshot.currency
    listed = risk.list[:CLIENTS_SHOWN]
    linked = query if query.mode == "desk" else None  # nobody clicks on a wall
    return {
        "title": ("title", (risk.clients, filtered_by(snapshot, query), snapshot.title)),
        "shown": ("shown", (filtered_by(snapshot, query),)),
        "office": ("office", (snapshot.title,)),
        "to-wall": ("to_wall", (query,)),
        "periods": ("periods", (snapshot.period, query)),
        "filters": ("filters", (snapshot.managers, snapshot.pipelines, query)),
        "period": ("period", (snapshot.period, query)),
        "losses-figures": ("losses_figures", (losses, currency, snapshot.period, snapshot.known_from, query)),
        "losses-days": ("losses_days", (losses.series, losses.previous, currency, query)),
        "losses-reasons": ("losses_reasons", (losses, currency, query)),
        "risk-figures": (
            "risk_figures",
            (risk.clients, risk.amount, risk.tasks, currency, risk.limits, query),
        ),
        "sorting": ("sorting", (query,)),
        **{
            element_id(client.client_id): ("client", (client, currency, TASKS_SHOWN, linked))
            for client in listed
        },
        "rest": (
            "quiet",
            (risk.saved_today, risk.next_due_at, snapshot.as_of[:10], currency, _doubts(snapshot)),
        )
        if not risk.list
        else ("rest", (len(risk.list) - len(listed),)),
        "managers": ("managers", (risk.managers, currency, query)),
        "gaps": ("gaps", (tuple((name, getattr(risk, name)) for name in FIGURES), currency, query)),
        "warnings": ("warnings", (_told(snapshot.warnings), snapshot.as_of[:10], query)),
        "setup": ("unknown", ("setup",)),
        "full": ("unknown", ("full",))
        if snapshot.storing
        else ("full", (snapshot.last_delivery_at, snapshot.as_of[:10])),
        **_unknowns(snapshot, query),
    }


def _doubts(snapshot: Snapshot) -> bool:
    """Whether something is wrong that can hide an overdue task: then nobody knows that all is well."""
    return any(
        warning.code.startswith("api_") or warning.code in ("webhook_off", "quarantine")
        for warning in snapshot.warnings
    )


def _unknowns(snapshot: Snapshot, query: BoardQuery) -> dict[str, _MacroCall]:
    """What stands in the place of figures that are not known."""
    calls: dict[str, _MacroCall] = {}
    if snapshot.known_from is not None and snapshot.period.to < snapshot.known_from:
        calls |= {fragment_id: ("unknown", (fragment_id,)) for fragment_id in _LOSSES}
        calls["losses-figures"] = ("unseen", (snapshot.known_from, snapshot.period))
    if snapshot.setup is not None:
        calls |= {fragment_id: ("unknown", (fragment_id,)) for fragment_id in _FIGURES}
        calls |= _setup_calls(snapshot, query)
    return calls


def _setup_calls(snapshot: Snapshot, query: BoardQuery) -> dict[str, _MacroCall]:
    """The fragments that differ while nothing has ever come. What was refused stands beside what to do, not
    among the warnings."""
    day = snapshot.as_of[:10]
    refused = [warning for warning in snapshot.warnings if warning.code == "requests_refused"]
    others = _told(warning for warning in snapshot.warnings if warning not in refused)
    last = max(refused, key=lambda warning: warning.last_at or "", default=None)
    return {
        "title": ("title", (0, "", snapshot.title)),
        "setup": ("setup", (snapshot.setup, last, day, query.mode == "wall")),
        "warnings": ("warnings", (others, day, query)),
    }


def filtered_by(snapshot: Snapshot, query: BoardQuery) -> str:
    """The names of the manager and the pipeline that a board is filtered by; empty without a filter."""
    gettext = translations_of(query.language).gettext
    names = [
        name
        for chosen, choices, nobody in (
            (query.manager, snapshot.managers, gettext("no manager")),
            (query.pipeline, snapshot.pipelines, gettext("no pipeline")),
        )
        if (name := _chosen(chosen, choices, nobody))
    ]
    return " · ".join(names)


def _chosen(chosen: str | None, choices: Iterable[Choice], nobody: str) -> str | None:
    return nobody if chosen == "" else name_of(chosen, {choice.id: choice.name for choice in choices})


def _told(warnings: Iterable[BoardWarning]) -> tuple[BoardWarning, ...]:
    """The warnings that a page shows: one of those that differ only in what of the CRM's API they are about.
    Their list has each."""
    told: dict[tuple[str, str | None, str | None], BoardWarning] = {}
    for warning in warnings:
        subject = None if warning.code.startswith("api_") else warning.subject
        first = told.setdefault((warning.code, subject, warning.currency), warning)
        if (warning.since or "") < (first.since or ""):
            told[warning.code, subject, warning.currency] = warning
    return tuple(told.values())


@lru_cache(maxsize=4096)
def _rendered(language: Language, call: _MacroCall) -> str:
    name, arguments = call
    macro: Callable[..., str] = getattr(template(language, "fragments.html").module, name)
    return str(macro(*arguments)).strip()
