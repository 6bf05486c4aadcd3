"""Pages without figures: the one at the service's own address, and those of errors."""

from __future__ import annotations

from collections.abc import Sequence

from service.config import Account, Language
from service.live.page.environment import template
from service.live.text.i18n import translations_of


def index_page(boards: Sequence[Account], language: Language, root_path: str) -> str:
    """The page with links to some boards; with none it says how to get a link."""
    return template(language, "index.html").render(boards=boards, root_path=root_path)


def error_page(status: int, detail: str, seconds: int | None, language: Language, root_path: str) -> str:
    """The page of an error.

    Args:
        detail: For the operator, in English.
        seconds: After which the browser tries again by itself; None: never.
    """
    page = template(language, "error.html")
    return page.render(
        said=_said(status, language), status=status, detail=detail, seconds=seconds, root_path=root_path
    )


def _said(status: int, language: Language) -> str:
    """What an error means for a person who wants to see a board."""
    gettext = translations_of(language).gettext
    match status:
        case 401:
            return gettext("Open the board by a new link: this one has no token, or a wrong one.")
        case 404:
            return gettext("There is nothing at this address.")
        case 429:
            return gettext("Too many wrong links were opened from your network. It will go on in a minute.")
        case 503:
            return gettext("The board cannot be shown now. This page tries again by itself.")
        case _:
            return gettext("This address cannot be shown.")
