"""The page against the real service and real webhooks: its size, its policy, and how it recovers."""

from __future__ import annotations

import contextlib
import gzip
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.e2e.relay import relayed
from tests.e2e.running import CONFIG, DEADLINE_SECONDS, Service, admit, iso, running, soon, until
from tests.e2e.test_http import GUARDED, VIEWER

ASSETS: Final = 90_000
"""The most bytes that the page's own files may have, compressed."""

CHANGES: Final = 1_000
DAYS: Final = 30
HOUR_MS: Final = 3_600_000
FIGURES: Final = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const rows = all("#list .client:not(.leaving)");
  return Object.fromEntries([
    ...all("[data-figure] .value").map((value) => [
      value.closest("[data-figure]").dataset.figure, value.dataset.value,
    ]),
    ...rows.map((row) => ["client " + row.dataset.client, row.dataset.amount]),
    ...all("[data-reason] .amount").map((amount) => [
      "reason " + amount.closest("[data-reason]").dataset.reason, amount.dataset.value,
    ]),
    ["order", rows.map((row) => row.dataset.client).join()],
  ]);
}"""

AT_REST: Final = """() => document.documentElement.dataset.state === "live"
  && !document.getAnimations().length && !document.querySelector(".leaving, .highlight, .flying")"""
"""Whether nothing moves or is highlighted: both keep fragments in memory that have been replaced."""

NODES: Final = """() => {
  const nodes = document.createNodeIterator(document);
  let count = 0;
  while (nodes.nextNode()) count += 1;
  return count;
}"""

DETACHED: Final = 400
"""The most nodes that a page at rest may keep without showing them. One snapshot has some thousand nodes."""


class Size(NamedTuple):
    """The resources of a page: nodes in the document, nodes outside it, listeners, and bytes of the heap."""

    shown: float = math.inf
    detached: float = math.inf
    listeners: float = math.inf
    heap: float = math.inf

    @property
    def and_a_little(self) -> Size:
        """The most that a page that does not grow may have later."""
        return Size(self.shown + 50, self.detached + 50, self.listeners + 10, self.heap + 150_000)

    def within(self, most: Size) -> bool:
        """Whether no number is greater than in the other size."""
        return all(number <= limit for number, limit in zip(self, most, strict=True))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("wall"), config=CONFIG + GUARDED) as started:
        yield started


def figures(page: Page) -> dict[str, str]:
    """The amounts of the figures, clients and reasons that a page shows, and the order of the clients."""
    shown: dict[str, str] = page.evaluate(FIGURES)
    return shown


def expected(snapshot: dict[str, Any]) -> dict[str, str]:
    """The same of the service's snapshot."""
    losses, risk = snapshot["losses"], snapshot["at_risk"]
    return {
        **{
            kind: losses[kind]["amount"]
            for kind in ("controllable", "objective", "total", "unclassified")
            if kind != "unclassified" or losses[kind]["count"]
        },
        "stake": risk["amount"],
        "clients": str(risk["clients"]),
        "tasks": str(risk["tasks"]),
        "no-next-step": risk["no_next_step"]["amount"],
        "saved": risk["saved_today"]["amount"],
        **{f"client {row['client_id']}": row["amount"] for row in risk["list"]},
        **{f"reason {row['reason']}": row["amount"] for row in losses["reasons"]},
        "order": ",".join(row["client_id"] for row in risk["list"]),
    }


def test_the_page_is_small_requests_nothing_elsewhere_and_has_a_strict_policy(
    service: Service, page: Page
) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    policies: list[str] = []
    page.on("response", lambda answer: policies.append(answer.headers.get("content-security-policy", "none")))
    page.goto(f"{service.url}/boards/office?mode=wall")
    expect(page.locator("html")).to_have_attribute("data-state", "live")
    assert [url for url in requests if not url.startswith(service.url)] == []
    assets = {url for url in requests if "/static/" in url}
    weight = sum(len(gzip.compress(service.client.get(url).content)) for url in assets)
    assert 5_000 < weight < ASSETS
    assert len(assets) >= 8
    for policy in policies:
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_the_first_paint_has_the_figures_and_the_list_without_javascript(
    service: Service, browser: Browser
) -> None:
    service.deal("p1", name="Договор", amount="777.00", client={"id": "p", "name": "Мария Седова"})
    service.task("pt1", deal_id="p1", text="отправить счёт", due_at=iso(soon(-3600)), completed=False)
    with browser.new_context(java_script_enabled=False) as context:
        admit(context)
        page = context.new_page()
        page.goto(f"{service.url}/boards/office")
        expect(page.get_by_role("heading", name="Мария Седова")).to_be_visible()
        expect(page.locator("[data-figure=stake] .value")).to_contain_text("777")
        page.locator("select[name=manager]").select_option(label="без менеджера")
        page.locator("#filters button").click()
        assert "manager=-" in page.url
        expect(page.get_by_role("heading", name="Мария Седова")).to_be_visible()
    service.task("pt1", completed=True)


def test_a_page_that_was_away_for_an_hour_and_a_thousand_changes_shows_exactly_the_snapshot(
    service: Service, page: Page
) -> None:
    with relayed(service.url) as network:
        page.clock.install()
        page.goto(f"{network.url}/boards/office")
        state = page.locator("html")
        expect(state).to_have_attribute("data-state", "live")
        page.evaluate("window.kept = true")
        network.cut()
        page.clock.run_for(20_000)
        expect(state).to_have_attribute("data-state", "lost")
        for number in range(CHANGES // 4):
            _work(service, number)
        page.clock.fast_forward(HOUR_MS)
        expect(page.locator("#stale-text")).to_contain_text("1\u00a0ч")
        network.mend()
        truth = expected(service.snapshot())
        while not network.passed:  # until its next attempt, within a minute
            page.clock.run_for(1_000)
        expect(state).to_have_attribute("data-state", "live")
        until(lambda: figures(page) == truth)
        expect(page.locator("#stale")).to_be_hidden()
        assert page.evaluate("window.kept") is True


def _work(service: Service, number: int) -> None:
    """Make four changes, some of which undo earlier ones."""
    deal, client = f"w{number % 60}", f"c{number % 25}"
    lost = {"status": "lost", "reason": f"Причина {number % 5}"}
    status = lost if number % 3 == 0 else {"status": "open"}
    named = {"id": client, "name": f"Клиент {client}"}
    service.deal(deal, amount=f"{number}.00", client=named, **status)
    service.task(
        f"wt{number % 90}",
        deal_id=deal,
        text="позвонить",
        due_at=iso(soon(-60 * (number % 7 + 1))),
        completed=number % 4 == 0,
    )
    service.deal(f"v{number % 40}", amount=f"{number % 9}.50")
    service.task(f"vt{number % 30}", deal_id=f"v{number % 40}", due_at=iso(soon(-5)), completed=False)


def test_a_screen_left_open_for_a_month_keeps_its_size(service: Service, page: Page) -> None:
    for number in range(CHANGES // 8):
        _work(service, number)  # more clients than fit on the wall
    page.clock.install()
    page.goto(f"{service.url}/boards/office?mode=wall")
    session = page.context.new_cdp_session(page)
    early = None
    for day in range(DAYS):
        for hour in (0, 12):
            _shift(service, day, hour)
            page.clock.fast_forward(12 * HOUR_MS)
        if day == DAYS // 3:
            early = _settled(service, page, session, Size(detached=DETACHED))
            assert early.detached <= DETACHED
    assert early is not None
    late = _settled(service, page, session, early.and_a_little)
    assert late.within(early.and_a_little), f"{early} became {late}"


def _shift(service: Service, day: int, hour: int) -> None:
    """Some hours in an office: a task falls due and is done, and a deal is lost."""
    name = f"m{day}-{hour}"
    service.deal(name, amount="100.00", client={"id": name, "name": name})
    service.task(name, deal_id=name, due_at=iso(soon(-60)), completed=False)
    service.task(name, completed=True)
    service.deal(name, status="lost", reason="Выбрал других")
    service.tell({"type": "deal.deleted", "data": {"id": name}})


def _settled(service: Service, page: Page, session: CDPSession, limit: Size) -> Size:
    """The size of a page at rest as soon as it is within `limit`, or else the last one before the deadline.
    Nodes that were replaced a moment ago may not be collected yet; nodes that leak never are."""
    end = time.monotonic() + DEADLINE_SECONDS
    while True:
        until(lambda: figures(page) == expected(service.snapshot()) and page.evaluate(AT_REST))
        size = _size(page, session)
        if size.within(limit) or time.monotonic() > end:
            return size


def _size(page: Page, session: CDPSession) -> Size:
    """The size of a page after its garbage was collected."""
    session.send("HeapProfiler.collectGarbage")
    counted = session.send("Memory.getDOMCounters")
    shown = page.evaluate(NODES)
    heap = session.send("Runtime.getHeapUsage")["usedSize"]
    return Size(shown, counted["nodes"] - shown, counted["jsEventListeners"], heap)


def test_a_manager_who_closes_a_task_is_credited_on_the_wall(service: Service, page: Page) -> None:
    service.deal("k1", amount="5184.00", client={"id": "k", "name": "Иван Петров"})
    service.task(
        "k1",
        deal_id="k1",
        text="позвонить",
        due_at=iso(soon(-60)),
        completed=False,
        manager={"id": "3", "name": "Анна"},
    )
    page.clock.install()
    page.goto(f"{service.url}/boards/office?mode=wall")
    row = page.locator("#list .client", has_text="Иван Петров")
    expect(row).to_have_count(1)
    saved = page.locator("[data-figure=saved] .value")
    before = float(saved.get_attribute("data-value") or "0")
    # So that the leaving row stays. A longer step would have the page take its stream for a dead one.
    page.clock.pause_at(page.evaluate("Date.now() + 2_000"))
    service.task("k1", completed=True)
    expect(row.locator(".credit")).to_have_text("✓ Анна")
    expect(row).to_have_class(re.compile("leaving done"))
    expect(saved).to_have_attribute("data-value", f"{before + 5184:.2f}")
    page.clock.run_for(3_000)
    expect(row).to_have_count(0)


def test_a_link_in_a_message_opens_the_board_and_its_token_leaves_the_address(
    service: Service, page: Page
) -> None:
    link = f"{service.url}/boards/guarded?mode=wall&token={VIEWER}"
    message = "http://localhost:9/message"  # another site than the board's
    page.route(message, lambda route: route.fulfill(body=f"<a href='{link}'>", content_type="text/html"))
    page.goto(message)
    page.evaluate("document.querySelector('a').click()")
    expect(page.locator("html")).to_have_attribute("data-state", "live")
    assert page.url == f"{service.url}/boards/guarded?mode=wall"
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-state", "live")


def test_a_page_of_an_older_version_loads_the_new_one_at_a_quiet_moment(tmp_path: Path, page: Page) -> None:
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(running(tmp_path))
        network = stack.enter_context(relayed(service.url))
        page.goto(f"{network.url}/boards/office?mode=wall")
        state = page.locator("html")
        expect(state).to_have_attribute("data-state", "live")
        page.evaluate("window.kept = document.documentElement.dataset.version = 'older'")
        network.cut()
        assert service.stop() == 0
        network.mend(stack.enter_context(running(tmp_path)).url)
        expect(state).not_to_have_attribute("data-version", "older")
        expect(state).to_have_attribute("data-state", "live")
        assert page.evaluate("window.kept") is None
