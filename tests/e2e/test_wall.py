"""The page against the real service and real webhooks: what it weighs, what it misses, and what it keeps."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.e2e.relay import relayed
from tests.e2e.running import Service, iso, running, soon, until

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


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("wall")) as started:
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

        def mended() -> bool:
            page.clock.run_for(1_000)
            return state.get_attribute("data-state") == "live" and figures(page) == truth

        until(mended)
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
    with browser.new_context() as context:
        page = context.new_page()
        page.clock.install()
        page.goto(f"{service.url}/boards/office?mode=wall")
        session = context.new_cdp_session(page)
        sizes = []
        for day in range(DAYS):
            for hour in range(0, 24, 4):
                _shift(service, day, hour)
                page.clock.fast_forward(4 * HOUR_MS)
            page.clock.run_for(20_000)
            if day in (DAYS // 3, DAYS - 1):
                until(lambda: figures(page) == expected(service.snapshot()))
                sizes.append(_settled(page, session))
        (nodes_before, heap_before), (nodes_after, heap_after) = sizes
        assert nodes_after <= nodes_before * 1.1 + 50
        assert heap_after <= heap_before * 1.2 + 500_000


def _shift(service: Service, day: int, hour: int) -> None:
    """What happens in an office in some hours: a task falls due, and it is done; a deal is lost."""
    name = f"m{day}-{hour}"
    service.deal(name, amount="100.00", client={"id": name, "name": name})
    service.task(name, deal_id=name, due_at=iso(soon(-60)), completed=False)
    service.task(name, completed=True)
    service.deal(name, status="lost", reason="Выбрал других")
    service.tell({"type": "deal.deleted", "data": {"id": name}})


def _settled(page: Page, session: CDPSession) -> tuple[int, int]:
    """The least of several looks: what was replaced a moment ago is not garbage yet."""
    looks = []
    for _ in range(5):
        page.clock.run_for(5_000)
        looks.append(_size(session))
    return min(nodes for nodes, _ in looks), min(heap for _, heap in looks)


def _size(session: CDPSession) -> tuple[int, int]:
    """Nodes in the page, and bytes of its heap, after the garbage is collected."""
    session.send("HeapProfiler.enable")
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return int(metrics["Nodes"]), int(metrics["JSHeapUsedSize"])


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
    page = browser.new_page(viewport={"width": 1920, "height": 1080})
    page.goto(f"{service.url}/boards/office?mode=wall")
    row = page.locator("#list .client", has_text="Иван Петров")
    expect(row).to_have_count(1)
    before = json.loads(page.locator("[data-figure=saved] .value").get_attribute("data-value") or "0")
    service.task("k1", completed=True)
    expect(row.locator(".credit")).to_have_text("✓ Анна")
    expect(row).to_have_class(re.compile("leaving done"))
    expect(page.locator("[data-figure=saved] .value")).to_have_attribute("data-value", f"{before + 5184:.2f}")
    expect(row).to_have_count(0, timeout=10_000)
    page.close()
