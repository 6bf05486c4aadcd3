"""Measures a page as it is drawn: whether texts touch, figures are whole, and capitals can be read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import hypot
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, ViewportSize

from service.ledger.read.board import BoardRows, Late, ManagerRow, TaskRow
from service.live.board.query import BoardQuery
from service.model import Trouble
from tests.browser import launched
from tests.live.boards import EXAMPLE, MONTH, NOW, QUERY, board_rows, client, losses, saved_today, task, with_clients, worked_example
from tests.live.screens import Screen, opened

SYSTEM_FONTS: Final = {
    "DejaVu": ("dejavu/DejaVuSans.ttf", "dejavu/DejaVuSans-Bold.ttf"),
    "Noto": ("noto/NotoSans-Regular.ttf", "noto/NotoSans-Bold.ttf"),
    "Roboto": ("roboto/unhinted/RobotoTTF/Roboto-Regular.ttf", "roboto/unhinted/RobotoTTF/Roboto-Bold.ttf"),
}
"""The files of each family, below the system's folder of fonts."""

TRUETYPE: Final = Path("/usr/share/fonts/truetype")

Size = tuple[int, int]
WALLS: Final[tuple[Size, ...]] = ((1280, 720), (1366, 768), (1920, 1080), (3840, 2160), (1080, 1920))
DESKS: Final[tuple[Size, ...]] = ((1440, 900), (1920, 1080), (390, 844))

LONG: Final = (
    "Ольга Константинопольская",
    "Общество с ограниченной ответственностью «Северо-Западная торг»",
    "Александра Преображенская-Богоявленская",
)
MANAGERS: Final = {"3": "Анна", "4": "Константин Константинович Рождественский", "5": "Борис Громов"}
BIG: Final = 12_345_678_900
"""123 456 789 roubles."""


def _long_names(number: int, big: int = 7_654_300) -> BoardRows:
    rows = [
        client(
            f"c{n}",
            LONG[n % 3] if n < 6 else f"Клиент {n}",
            big + (number - n) * 100_000,
            task(f"t{n}", 0.01 if n == 1 else n * 7.6 + 0.3, deal_id=str(n), manager_id=str(3 + n % 3), text="согласовать договор и напомнить об оплате"),
        )
        for n in range(number)
    ]
    habits = tuple(ManagerRow(key, 3, big, Late(5, 7200), Late(19, 54000)) for key in MANAGERS)
    read = with_clients(worked_example(), *rows, managers=habits, manager_names=MANAGERS)
    return read


def _big(read: BoardRows, *more: tuple[str, int, int]) -> BoardRows:
    """The same with hundreds of millions everywhere."""
    own = [(name, count * 7, BIG + amount) for name, count, amount in EXAMPLE]
    lost = {**read.losses, MONTH.current: losses(*own, *more), MONTH.previous: losses((EXAMPLE[0][0], 3, BIG * 3))}
    totals = {**read.totals, "no_next_step": {"deals": 1400, "amount": BIG}, "saved_today": {"clients": 21, "amount": BIG}}
    return replace(read, losses=lost, totals=totals)


def _unclassified(read: BoardRows, *more: tuple[str | None, int, int]) -> BoardRows:
    lost = losses(*more)
    return replace(read, losses={**read.losses, MONTH.current: lost, MONTH.series[5].current: lost})


def _states() -> dict[str, BoardRows]:
    quiet = with_clients(worked_example())
    told = (
        Trouble("api_unpaid", "leads", 3, NOW, NOW),
        Trouble("requests_refused", "token", 3, NOW, NOW),
        Trouble("webhook_off", "", 1, NOW, NOW),
    )
    open_reasons = (("Дорого", 12, 9_930_000), (None, 3, 100))
    return {
        "example": worked_example(),
        "names": _long_names(9),
        "crowd": _long_names(60),
        "millions": _big(_long_names(9, BIG)),
        "due": with_clients(worked_example(), client("7", LONG[0], BIG, task("t1", 0.001, manager_id="4")), manager_names=MANAGERS),
        "three": with_clients(
            worked_example(),
            *(client(f"c{n}", LONG[n % 3], BIG - n, *(task(f"t{n}{m}", 0.01 + 5 * m, manager_id="4") for m in range(3))) for n in range(4)),
            manager_names=MANAGERS,
        ),
        "quiet": quiet,
        "unclassified": _unclassified(quiet, *open_reasons),
        "split": _unclassified(_long_names(9), *EXAMPLE, *open_reasons),
        "split millions": _big(_long_names(9, BIG), ("Дорого", 12, BIG), ("Далеко", 1, 100)),
        "warned": replace(_unclassified(_long_names(9), *EXAMPLE, *open_reasons), troubles=told, quarantined=2),
        "unheard": replace(board_rows(), heard=False, last_delivery_at=None),
    }


STATES: Final = _states()


def closing(read: BoardRows) -> BoardRows:
    """A board on which the second client's task, and one of three, were just done."""
    rows = list(read.clients.values())
    left = [row for index, row in enumerate(rows) if index != 1]
    done = {row.task_id for row in rows[1].tasks}
    fewer = with_clients(read, *left, seq=read.seq + 1, closed=frozenset(done), saved={rows[1].client_id: rows[1].amount})
    return replace(fewer, totals=saved_today(fewer, 3, rows[1].amount))


@contextmanager
def browser_with(*files: str) -> Iterator[Browser]:
    """A browser on a system that has these files and no other font."""
    with tempfile.TemporaryDirectory() as folder:
        for name in files:
            (Path(folder) / Path(name).name).symlink_to(TRUETYPE / name)
        config = Path(folder) / "fonts.conf"
        config.write_text(f"<fontconfig><dir>{folder}</dir><cachedir>{folder}/cache</cachedir></fontconfig>", encoding="utf-8")
        with launched(FONTCONFIG_FILE=str(config)) as browser:
            yield browser
