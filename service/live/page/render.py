"""A board as HTML: the whole page for the first paint, and its parts, by the same macros, for the stream.

The server renders; a screen only puts a part where the element with its id stands. No part depends on the
time of day (a due time is written as such, and the page's script counts from it), so that a part changes only
when its figures do.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Hashable
from collections.abc import Set as AbstractSet
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
from markupsafe import Markup

from service.config import Account, Language
from service.live.board.patch import Json
from service.live.board.query import BoardQuery
from service.live.board.snapshot import FIGURES, Snapshot
from service.live.page.environment import template
from service.live.page.template_globals import element_id, milliseconds
from service.live.text import formats
from service.live.text.i18n import translations_of

STATIC: Final = Path(__file__).parents[1] / "static"
"""What the page loads, to be served as it is and never cached without asking (`no-cache`)."""

CLIENTS_SHOWN: Final = 200
"""Clients that the page lists; the JSON has them all."""

TASKS_SHOWN: Final = 20
"""Tasks that the page lists of one client."""

_DUE: Final = re.compile(r'(<time [^<>]*data-due="(\d+)"[^<>]*>)[^<>]*(?=</time>)')

_Part: TypeAlias = tuple[str, tuple[Hashable, ...]]
"""A macro of `parts.html` and what it is called with: equal parts have equal HTML."""


def page(snapshot: Snapshot, account: Account, query: BoardQuery, *, static: str = "../static") -> str:
    """The whole page, complete without JavaScript.

    Args:
        static: Where `STATIC` is served, as seen from the page's address.
    """
    now = milliseconds(snapshot.as_of)

    def overdue(found: re.Match[str]) -> str:
        return found[1] + formats.duration((now - int(found[2])) / 1000, query.language)

    parts = {
        name: Markup(_DUE.sub(overdue, html))  # noqa: S704 - made by our own autoescaping templates
        for name, html in html_parts(snapshot, query).items()
    }
    return template(query.language, "board.html").render(
        snapshot=snapshot,
        account=account,
        query=query,
        parts=parts,
        rows=[parts[name] for name in _order(snapshot)],
        version=version(),
        static=static,
        script_words=msgspec.json.encode(translations_of(query.language).script()).decode(),
    )


def html_parts(snapshot: Snapshot, query: BoardQuery) -> dict[str, str]:
    """The HTML of every element that the stream can replace, by its id."""
    return {name: _rendered(query.language, part) for name, part in _parts(snapshot, query).items()}


def html_snapshot(snapshot: Snapshot, query: BoardQuery) -> dict[str, Json]:
    """What brings any screen up to date, whatever it shows; `version` is that of the page's own files."""
    return {
        **_moment(snapshot),
        "version": version(),
        "set": dict(html_parts(snapshot, query)),
        "order": {"list": list[Json](_order(snapshot))},
    }


def html_patch(
    old: Snapshot, new: Snapshot, query: BoardQuery, closed: AbstractSet[str] = frozenset()
) -> dict[str, Json]:
    """What turns a screen that shows `old` into one that shows `new`.

    `set` has the elements that are new or changed, `remove` the clients that are no longer at risk, `hide`
    those that are, but no longer among the first that the page lists; `order` the children of `list`, if that
    changed; `closed` what is to be said of the clients and tasks that left because somebody did the work.

    Args:
        closed: The tasks that were completed in between.
    """
    before, after = _parts(old, query), _parts(new, query)
    changed = [name for name, part in after.items() if before.get(name) != part]
    gone = [name for name in before if name not in after]
    hidden: set[str] = set()
    if gone and len(new.at_risk.list) > CLIENTS_SHOWN:
        hidden = {element_id(client.client_id) for client in new.at_risk.list[CLIENTS_SHOWN:]}
    order = _order(new)
    return {
        **_moment(new),
        "set": {name: _rendered(query.language, after[name]) for name in changed},
        "remove": [name for name in gone if name not in hidden],
        "hide": [name for name in gone if name in hidden],
        "order": {} if order == _order(old) else {"list": list[Json](order)},
        "closed": _credits(old, new, closed, query.language) if closed else {},
    }


def _credits(old: Snapshot, new: Snapshot, closed: AbstractSet[str], language: Language) -> dict[str, Json]:
    """Who closed each of the tasks that left, and what that saved, by the id of the client's element."""
    saved = (
        {each.client_id: each.amount for each in new.at_risk.saved_today.list}
        if new.at_risk.saved_today
        else {}
    )
    at_risk = {client.client_id for client in new.at_risk.list}
    found: dict[str, Json] = {}
    for client in old.at_risk.list:
        done = [task for task in client.tasks if task.task_id in closed]
        if not done:
            continue
        people = ", ".join(dict.fromkeys(task.manager for task in done if task.manager))
        amount = None if client.client_id in at_risk else saved.get(client.client_id)
        found[element_id(client.client_id)] = {
            "tasks": [task.task_id for task in done],
            "client": client.client,
            "by": people,
            "saved": None if amount is None else formats.money(amount, new.currency, language),
        }
    return found


@cache
def version() -> str:
    """A digest of the page's own files: a screen that was loaded with other ones loads itself again."""
    digest = hashlib.blake2b(digest_size=8)
    for folder in (STATIC, STATIC.with_name("templates")):
        for file in sorted(folder.iterdir()):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _moment(snapshot: Snapshot) -> dict[str, Json]:
    return {
        "seq": snapshot.seq,
        "as_of": snapshot.as_of,
        "last_delivery_at": snapshot.last_delivery_at,
    }


def _order(snapshot: Snapshot) -> list[str]:
    return [element_id(client.client_id) for client in snapshot.at_risk.list[:CLIENTS_SHOWN]]


def _parts(snapshot: Snapshot, query: BoardQuery) -> dict[str, _Part]:
    losses, risk, currency = snapshot.losses, snapshot.at_risk, snapshot.currency
    shown = risk.list[:CLIENTS_SHOWN]
    linked = query.mode == "desk"  # nobody clicks on a wall
    return {
        "periods": ("periods", (snapshot.period, query)),
        "filters": ("filters", (snapshot.managers, snapshot.pipelines, query)),
        "period": ("period", (snapshot.period,)),
        "losses-figures": ("losses_figures", (losses, currency)),
        "losses-days": ("losses_days", (losses.series, losses.previous, currency)),
        "losses-reasons": ("losses_reasons", (losses, currency, query)),
        "risk-figures": ("risk_figures", (risk.clients, risk.amount, risk.tasks, currency)),
        "sorting": ("sorting", (query,)),
        **{
            element_id(client.client_id): ("client", (client, currency, TASKS_SHOWN, linked))
            for client in shown
        },
        "rest": ("rest", (len(risk.list) - len(shown), len(risk.list) == 0)),
        "managers": ("managers", (risk.managers, currency, query)),
        "gaps": ("gaps", (tuple((name, getattr(risk, name)) for name in FIGURES), currency)),
        "warnings": ("warnings", (snapshot.warnings,)),
    }


@lru_cache(maxsize=4096)
def _rendered(language: Language, part: _Part) -> str:
    name, arguments = part
    macro: Callable[..., str] = getattr(template(language, "parts.html").module, name)
    return str(macro(*arguments)).strip()
