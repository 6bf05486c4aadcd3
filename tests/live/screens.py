"""The page in a real browser, under its real policy, on a stream that the test plays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from service.http.around.security import SECURITY
from service.ledger.read.board import BoardRows
from service.live.board.build import build_snapshot
from service.live.board.patch import Json
from service.live.board.query import BoardQuery
from service.live.board.snapshot import Snapshot, Sort
from service.live.page import render
from service.live.page.help import help_page
from service.model import SECOND, Instant
from tests.e2e.running import until
from tests.live.boards import MONTH, NOW, QUERY, account, board, client, task, with_clients, worked_example

ADDRESS: Final = "http://127.0.0.1:9/boards/office"
STREAM: Final = """
window.streams = [];
window.SharedWorker = undefined; // else the page's stream would be in a worker, out of reach
window.EventSource = class extends EventTarget {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSED = 2;
  constructor(address) {
    super();
    this.address = address;
    this.readyState = 0;
    window.streams.push(this);
  }
  close() { this.readyState = 2; }
};
window.play = (name, data) => {
  const stream = window.streams.at(-1);
  stream.readyState = 1;
  stream.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data) }));
};
window.fail = () => {
  const stream = window.streams.at(-1);
  stream.readyState = 2;
  stream.dispatchEvent(new Event("error"));
};
"""
"""Stands in for the network: the test plays the events of the newest stream."""
FLEX_GAPS: Final = """[...document.querySelectorAll("*")].filter((element) => {
  const { display, rowGap, columnGap } = getComputedStyle(element);
  return display.endsWith("flex") && (parseFloat(rowGap) || parseFloat(columnGap));
}).map((element) => element.id || element.className || element.tagName)"""
"""The flex containers with a gap. Two rules can make one together, so only a browser finds all."""


@dataclass(slots=True)
class Screen:
    """A page, and the board that it shows."""

    page: Page
    shown: BoardRows
    query: BoardQuery = QUERY

    def board(self, read: BoardRows) -> Snapshot:
        """The board of the page's query."""
        return build_snapshot(read, account(), self.query, MONTH)

    def open(self, shown: BoardRows) -> None:
        """Play the snapshot that every stream begins with."""
        self.shown = shown
        self.play("snapshot", render.html_snapshot(self.board(shown), self.query))

    def change(self, new: BoardRows, look: str = "null") -> Any:
        """Play the patch to another board.

        Args:
            look: An expression that is evaluated at once, because animations run on the browser's own clock.
        """
        patch = render.html_patch(
            self.board(self.shown), self.board(new), self.query, new.closed, new.arrived
        )
        if new.silent:
            patch["silent"] = True
        self.shown = new
        return self.page.evaluate(
            f"([name, data]) => {{ window.play(name, data); return {look}; }}", ["patch", patch]
        )

    def beat(self, seconds: int = 0) -> None:
        """Play a heartbeat, so many seconds after the first paint."""
        later = board(replace(self.shown, as_of=Instant(NOW + seconds * SECOND)))
        self.play("heartbeat", {name: getattr(later, name) for name in ("seq", "as_of", "last_delivery_at")})

    def play(self, name: str, data: Mapping[str, Json]) -> None:
        self.page.evaluate("([name, data]) => window.play(name, data)", [name, dict(data)])

    def streams(self) -> list[str]:
        addresses: list[str] = self.page.evaluate("window.streams.map((stream) => stream.address)")
        return addresses

    def state(self, expected: str) -> None:
        expect(self.page.locator("html")).to_have_attribute("data-state", expected)


def serve(
    context: BrowserContext, shown: BoardRows, query: BoardQuery = QUERY, *, fonts: bool = True
) -> None:
    """Answer for the service: the page of a board, and its files; with `fonts` or without."""

    def answer(route: Route) -> None:
        address = urlsplit(route.request.url)
        if address.path.endswith(".woff2") and not fonts:
            route.fulfill(body="", content_type="font/woff2")  # as a font that cannot be read
        elif address.path.startswith("/static/"):
            route.fulfill(path=render.STATIC / address.path.removeprefix("/static/"))
        else:
            sort: Sort = "count" if parse_qs(address.query).get("sort") == ["count"] else "amount"
            sorted_query = query._replace(sort=sort)
            make = help_page if address.path.endswith("/help") else render.page
            content = make(build_snapshot(shown, account(), sorted_query, MONTH), account(), sorted_query)
            route.fulfill(body=content, content_type="text/html; charset=utf-8", headers=dict(SECURITY))

    context.route("http://127.0.0.1:9/**", answer)


@contextmanager
def opened(
    browser: Browser, query: BoardQuery = QUERY, *, fonts: bool = True, **how: object
) -> Iterator[Screen]:
    """A page before the first event of its stream, on a clock that stands. It must log no error."""
    with browser.new_context(locale="ru", **how) as context:  # type: ignore[arg-type]  # Playwright's options
        serve(context, worked_example(), query, fonts=fonts)
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
        page.add_init_script(STREAM)
        began = datetime.fromtimestamp(NOW / SECOND, UTC)
        page.clock.install(time=began - timedelta(minutes=1))
        page.clock.pause_at(began)
        page.goto(f"{ADDRESS}?{query.urlencoded()}" if query != QUERY else ADDRESS)
        until(lambda: page.evaluate("window.streams.length === 1"))
        yield Screen(page, worked_example(), query)
        assert problems == []
        assert page.evaluate(FLEX_GAPS) == []  # Chromium 79 knows none


def later(read: BoardRows, seq: int, **changes: object) -> BoardRows:
    return replace(read, seq=seq, **changes)  # type: ignore[arg-type]  # the fields of a board


def without_clients(read: BoardRows, seq: int) -> BoardRows:
    return with_clients(read, seq=seq)


def with_another(read: BoardRows, seq: int, amount: int = 10**6) -> BoardRows:
    other = client("8", "Ольга", amount, task("t9", 2, deal_id="43"))
    return with_clients(read, *read.clients.values(), other, seq=seq)


def names(page: Page) -> list[str]:
    return page.locator("#list .client:not(.leaving) h4").all_inner_texts()
