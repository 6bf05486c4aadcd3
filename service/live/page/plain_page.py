"""Pages without figures: the one at the service's own address, and those of errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from service.config import Account, Language
from service.live.page.environment import template
from service.live.text.i18n import translations_of


class ErrorShown(NamedTuple):
    """An error for a person.

    Args:
        detail: For the operator, in English.
        seconds: After which the page tries again by itself; None: it does not.
        board: The account that the address names, be there one or not.
        wall: Whether the address is that of a wall, before which nobody types.
    """

    status: int
    detail: str
    seconds: int | None
    board: str | None
    wall: bool


def index_page(boards: Sequence[Account], language: Language, root_path: str) -> str:
    """The page with links to some boards, and a place to paste a link to another."""
    return template(language, "index.html").render(boards=boards, root_path=root_path, wall=False)


def error_page(error: ErrorShown, language: Language, root_path: str) -> str:
    """The page of an error: what it means, and what to do."""
    said = _said(error, language)
    page = template(language, "error.html")
    return page.render(error=error, title=said[0], to_do=said[1:], root_path=root_path, wall=error.wall)


def _said(error: ErrorShown, language: Language) -> tuple[str, ...]:
    """What an error means for a person who wants to see a board, in a few words; then what to do."""
    gettext = translations_of(language).gettext
    match error.status:
        case 401 | 403:
            return _said_of_access(error, language)
        case 404:
            return (
                gettext("There is nothing at this address"),
                gettext("Check that the whole address was copied."),
            )
        case 429:
            return gettext("Too many requests at once"), gettext(
                "Nothing is broken: it will go on in a moment."
            )
        case 500:
            return (
                gettext("Something has gone wrong in the service"),
                gettext(
                    "Try again in a minute. If it stays so, tell the person who runs the service: "
                    "the log says why."
                ),
            )
        case 503:
            return (
                gettext("The board cannot be shown right now"),
                gettext("What the CRM has reported so far is kept."),
            )
        case _:
            return gettext("This address cannot be shown"), gettext("Something in the address is wrong.")


def _said_of_access(error: ErrorShown, language: Language) -> tuple[str, ...]:
    gettext = translations_of(language).gettext
    if error.status == 401 and error.wall:
        return (
            gettext("This screen needs a new link"),
            gettext("Its link is wrong or was revoked. The person who runs the service can make a new one."),
        )
    if error.status == 401:
        return (
            gettext("This board opens by a link"),
            gettext("Paste the link that you were given. This browser keeps it, so once is enough."),
            gettext(
                "No link, or one that opens no more? The person who runs the service can make a new one."
            ),
        )
    return (
        gettext("This link only shows the board"),
        gettext("The person who runs the service can make a link by which you may classify reasons."),
    )
