"""Reads HTML in tests: its elements and its text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TypeAlias

from service.live.text.formats import NO_BREAK

Attributes: TypeAlias = dict[str, str | None]

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
"""A text that would run a script if a template did not escape it."""


class Elements(HTMLParser):
    """The elements of a page or fragment, each with its attributes; and the number of those at its root."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.all: list[tuple[str, Attributes]] = []
        self.roots = 0
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))
        self.roots += not self._open
        if tag not in {"meta", "link", "input", "img"}:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def of(self, tag: str) -> list[Attributes]:
        """The attributes of the elements with a tag."""
        return [attributes for name, attributes in self.all if name == tag]


def links(html: str) -> list[Attributes]:
    """The attributes of the links into the CRM."""
    return [link for link in Elements(html).of("a") if (link.get("href") or "").startswith("https:")]


def links_of(html: str) -> list[str]:
    """The addresses of all links."""
    return [link.get("href") or "" for link in Elements(html).of("a")]


def text(html: str) -> str:
    """The text of a page, in one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).replace(NO_BREAK, " ").split())


def assert_harmless(html: str) -> None:
    """No element runs a script of its own or has a style of its own."""
    assert "<script>alert" not in html
    assert "<img" not in html
    for _, attributes in Elements(html).all:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        assert not (attributes.get("href") or "").startswith("javascript:")
