"""The page of a list, complete without JavaScript: it has none."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import islice
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from service.config import Account, Language
from service.live import phrases
from service.live.lists import RefusalList, TaskList
from service.live.spreadsheet import kind_name
from service.live.view import View
from service.live.wording import wording

SHOWN: Final = 500
"""Rows that a page shows; the file has them all."""

STATIC: Final = "../../static"
"""Where `render.STATIC` is served, as seen from the page's address."""


def refusal_page(shown: RefusalList, account: Account, view: View) -> str:
    """The page of a list of refusals."""
    words = wording(view.language)
    rows = list(islice(shown.rows, SHOWN))
    return _template(view.language, "deals.html").render(
        shown=shown,
        rows=rows,
        more=shown.total.count - len(rows),
        kind=kind_name(words, shown.kind) if shown.kind else None,
        file="deals.csv",
        query=view.query(reason=shown.reason, kind=shown.kind),
        account=account,
        view=view,
        static=STATIC,
    )


def task_page(shown: TaskList, account: Account, view: View) -> str:
    """The page of a list of overdue tasks."""
    return _template(view.language, "tasks.html").render(
        shown=shown,
        rows=shown.rows[:SHOWN],
        more=max(0, len(shown.rows) - SHOWN),
        file="tasks.csv",
        query=view.query(),
        account=account,
        view=view,
        static=STATIC,
    )


@cache
def _template(language: Language, name: str) -> Template:
    words = wording(language)
    environment = Environment(
        loader=PackageLoader("service.live", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    # The extension has this method, and the type of an environment does not know it.
    install: Callable[..., None] = vars(environment)["install_gettext_callables"]
    install(words.catalogue.gettext, words.catalogue.ngettext, newstyle=True)
    environment.globals.update(phrases.globals_of(language), language=language)
    return environment.get_template(name)
