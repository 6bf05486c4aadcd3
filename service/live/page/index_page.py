"""The page at the service's own address."""

from __future__ import annotations

from collections.abc import Sequence

from service.config import Account, Language
from service.live.page.environment import template


def index_page(boards: Sequence[Account], language: Language, root_path: str) -> str:
    """The page with links to some boards; with none it says how to get a link."""
    return template(language, "index.html").render(boards=boards, root_path=root_path)
