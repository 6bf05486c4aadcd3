"""The board on paper."""

from __future__ import annotations

from tests.live.boards import client, task, with_clients, worked_example
from tests.live.screens import Screen

LOOK = """() => {
  const seen = (selector) => [...document.querySelectorAll(selector)].some((element) => element.offsetHeight);
  const rows = document.querySelector(".rows");
  return [
    getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color,
    seen("button, select, nav, summary, .ask"), rows.scrollHeight > rows.clientHeight,
    seen("#list .client:last-child"),
  ];
}"""


def test_it_is_black_on_white_with_every_row_and_without_what_is_for_a_hand(screen: Screen) -> None:
    rows = [client(f"c{n}", f"Клиент {n}", 100 + n, task(f"p{n}", 1, deal_id=f"d{n}")) for n in range(30)]
    screen.open(with_clients(worked_example(), *rows))
    screen.page.emulate_media(media="print")
    assert screen.page.evaluate(LOOK) == ["rgb(255, 255, 255)", "rgb(0, 0, 0)", False, False, True]
