"""Which addresses that a CRM sent may become links: one rule for the page, the files and the JSON. Pure."""

from __future__ import annotations


def web_address(url: str | None) -> str | None:
    """The address if it is one of the web, else None: any other scheme could run a script."""
    return url if url is not None and url.lower().startswith(("https://", "http://")) else None
