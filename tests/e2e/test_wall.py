"""The page against the real service and real webhooks: what it weighs, what it misses, and what it keeps."""

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
from tests.e2e.running import CONFIG, DEADLINE, Service, iso, running, soon, until
from tests.e2e.test_http import GUARDED, VIEWER

ASSETS: Final = 60_000
"""Bytes that the page's own files may weigh, compressed."""

CHANGES: Final = 1_000
DAYS: Final = 30
HOUR_MS: Final = 3_600_000
FIGURES: Final = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const rows = all("#list .client:not(.leaving)");
  return Object.fromEntries([
    ...all("[data-figure] .value").map((each) => [
      each.closest("[data-figure]").dataset.figure, each.dataset.value,
    ]),
    ...rows.map((each) => ["client " + each.dataset.client, each.dataset.amount]),
    ...all("[data-reason] .amount").map((each) => [
      "reason " + each.closest("[data-reason]").dataset.reason, each.dataset.value,
    ]),
    ["order", rows.map((each) => each.dataset.client).join()],
  ]);
}"""


AT_REST: Final = """() => document.documentElement.dataset.state === "live"
  && !document.getAnimations().length && !document.querySelector(".leaving, .highlight, .flying")"""
"""What moves, or is pointed out, holds on to parts of the page that have been replaced."""

NODES: Final = """() => {
  const nodes = document.createNodeIterator(document);
  let number = 0;
  while (nodes.nextNode()) number += 1;
  return number;
}"""

DETACHED: Final = 400
"""Nodes that a page at rest may hold without showing them; the parts of one snapshot are some thousand."""


class Size(NamedTuple):
    """What a page takes: the nodes that it shows and that it only holds, its listeners, bytes of its heap."""

    shown: float = math.inf
    detached: float = math.inf
    listeners: float = math.inf
    heap: float = math.inf

    @property
    def and_a_little(self) -> Size:
        """The most that may be found later of a page that does not grow."""
        return Size(self.shown + 50, self.detached + 50, self.listeners + 10, self.heap + 150_000)

    def within(self, most: Size) -> bool:
        """Whether nothing is more than in the other one."""
        return all(each <= limit for each, limit in zip(self, most, strict=True))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("wall"), config=CONFIG + GUARDED) as started:
        yield started


def figures(page: Page) -> dict[str, str]:
    """The rows and figures that a page shows, by what they are of."""
    found: dict[str, str] = page.evaluate(FIGURES)
    return found


def expected(snapshot: dict[str, Any]) -> dict[str, str]:
    """The same, of the service's snapshot."""
    losses, risk = snapshot["losses"], snapshot["at_risk"]
    return {
        **{kind: losses[kind]["amount"] for kind in ("controllable", "objective", "total")},
        "stake": risk["amount"],
        "clients": str(risk["clients"]),
        "tasks": str(risk["tasks"]),
        "no-next-step": risk["no_next_step"]["amount"],
        "saved": risk["saved_today"]["amount"],
        **{f"client {row['client_id']}": row["amount"] for row in risk["list"]},
        **{f"reason {row['reason']}": row["amount"] for row in losses["reasons"]},
        "order": ",".join(row["client_id"] for row in risk["list"]),
    }


def test_the_page_weighs_little_asks_nobody_else_and_obeys_a_strict_policy(
    service: Service, browser: Browser
) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    policies: list[str] = []
    page.on("response", lambda answer: policies.append(answer.headers.get("content-security-policy", "none")))
    page.goto(f"{service.url}/boards/office?mode=wall")
    expect(page.locator("html")).to_have_attribute("data-state", "live")
    assert [url for url in asked if not url.startswith(service.url)] == []
    assets = {url for url in asked if "/static/" in url}
    weight = sum(len(gzip.compress(service.client.get(url).content)) for url in assets)
    assert 5_000 < weight < ASSETS
    assert len(assets) >= 8
    for policy in policies:
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    page.close()


def test_the_first_paint_has_the_figures_and_the_list_without_javascript(
    service: Service, browser: Browser
) -> None:
    service.deal("p1", name="Договор", amount="777.00", client={"id": "p", "name": "Мария Седова"})
    service.task("pt1", deal_id="p1", text="отправить счёт", due_at=iso(soon(-3600)), completed=False)
    with browser.new_context(java_script_enabled=False) as context:
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
    service: Service, browser: Browser
) -> None:
    with relayed(service.url) as network, browser.new_context() as context:
        page = context.new_page()
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
        while not network.passed:  # until its own next attempt, which comes within a minute
            page.clock.run_for(1_000)
        expect(state).to_have_attribute("data-state", "live")
        until(lambda: figures(page) == truth)
        expect(page.locator("#stale")).to_be_hidden()
        assert page.evaluate("window.kept") is True


def _work(service: Service, number: int) -> None:
    """Four changes, some of which undo others."""
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


def test_a_screen_left_open_for_a_month_keeps_its_size(service: Service, browser: Browser) -> None:
    for number in range(CHANGES // 8):
        _work(service, number)  # more clients than fit
    with browser.new_context() as context:
        page = context.new_page()
        page.clock.install()
        page.goto(f"{service.url}/boards/office?mode=wall")
        session = context.new_cdp_session(page)
        early = None
        for day in range(DAYS):
            for hour in range(0, 24, 4):
                _shift(service, day, hour)
                page.clock.fast_forward(4 * HOUR_MS)
            if day == DAYS // 3:
                early = _settled(service, page, session, Size(detached=DETACHED))
                assert early.detached <= DETACHED
        assert early is not None
        late = _settled(service, page, session, early.and_a_little)
        assert late.within(early.and_a_little), f"{early} became {late}"


def _shift(service: Service, day: int, hour: int) -> None:
    """What happens in an office in some hours: a task falls due, and it is done; a deal is lost."""
    name = f"m{day}-{hour}"
    service.deal(name, amount="100.00", client={"id": name, "name": name})
    service.task(name, deal_id=name, due_at=iso(soon(-60)), completed=False)
    service.task(name, completed=True)
    service.deal(name, status="lost", reason="Выбрал других")
    service.tell({"type": "deal.deleted", "data": {"id": name}})


def _settled(service: Service, page: Page, session: CDPSession, wanted: Size) -> Size:
    """The first look at a page at rest that is within what is wanted, else the last one in time: what was
    replaced a moment ago may not be garbage yet, and what leaks never is."""
    end = time.monotonic() + DEADLINE
    while True:
        until(lambda: figures(page) == expected(service.snapshot()) and page.evaluate(AT_REST))
        size = _size(page, session)
        if size.within(wanted) or time.monotonic() > end:
            return size


def _size(page: Page, session: CDPSession) -> Size:
    """What a page takes after its garbage was collected."""
    session.send("HeapProfiler.collectGarbage")
    counted = session.send("Memory.getDOMCounters")
    shown = page.evaluate(NODES)
    heap = session.send("Runtime.getHeapUsage")["usedSize"]
    return Size(shown, counted["nodes"] - shown, counted["jsEventListeners"], heap)


def test_a_manager_who_closes_a_task_is_credited_on_the_wall(service: Service, browser: Browser) -> None:
    service.deal("k1", amount="5184.00", client={"id": "k", "name": "Иван Петров"})
    service.task(
        "k1",
        deal_id="k1",
        text="позвонить",
        due_at=iso(soon(-60)),
        completed=False,
        manager={"id": "3", "name": "Анна"},
    )
    with browser.new_context(viewport={"width": 1920, "height": 1080}) as context:
        page = context.new_page()
        page.clock.install()
        page.goto(f"{service.url}/boards/office?mode=wall")
        row = page.locator("#list .client", has_text="Иван Петров")
        expect(row).to_have_count(1)
        saved = page.locator("[data-figure=saved] .value")
        before = float(saved.get_attribute("data-value") or "0")
        page.clock.pause_at(soon(DEADLINE))  # what leaves stays until it was looked at
        service.task("k1", completed=True)
        expect(row.locator(".credit")).to_have_text("✓ Анна")
        expect(row).to_have_class(re.compile("leaving done"))
        expect(saved).to_have_attribute("data-value", f"{before + 5184:.2f}")
        page.clock.run_for(3_000)
        expect(row).to_have_count(0)


def test_a_link_that_is_followed_from_a_message_opens_the_board_and_leaves_the_address(
    service: Service, browser: Browser
) -> None:
    link = f"{service.url}/boards/guarded?mode=wall&token={VIEWER}"
    with browser.new_context() as context:
        page = context.new_page()
        message = "http://localhost:9/message"  # another site than the board's
        page.route(message, lambda route: route.fulfill(body=f"<a href='{link}'>", content_type="text/html"))
        page.goto(message)
        page.evaluate("document.querySelector('a').click()")
        expect(page.locator("html")).to_have_attribute("data-state", "live")
        assert page.url == f"{service.url}/boards/guarded?mode=wall"
        page.reload()
        expect(page.locator("html")).to_have_attribute("data-state", "live")


def test_a_screen_of_an_older_version_loads_the_new_one_when_nothing_happens(
    tmp_path: Path, browser: Browser
) -> None:
    with contextlib.ExitStack() as stack, browser.new_context() as context:
        service = stack.enter_context(running(tmp_path))
        network = stack.enter_context(relayed(service.url))
        page = context.new_page()
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
