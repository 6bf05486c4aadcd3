"""The boards on which the page's layout is measured, the sizes of screens, and their fonts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

from playwright.sync_api import Browser

from scripts.programs import FONTS
from service.ledger.read.board import BoardRows, Late, ManagerRow
from service.model import Trouble
from tests.browser import launched
from tests.live.boards import (
    EXAMPLE,
    MONTH,
    NOW,
    board_rows,
    client,
    losses,
    saved_today,
    task,
    with_clients,
    worked_example,
)

Size: TypeAlias = tuple[int, int]

WALLS: Final[tuple[Size, ...]] = ((1280, 720), (1366, 768), (1920, 1080), (3840, 2160), (1080, 1920))
DESKS: Final[tuple[Size, ...]] = ((1440, 900), (1920, 1080), (390, 844))
NAMES: Final = (
    "Ольга Константинопольская",
    "Общество с ограниченной ответственностью «Северо-Запад-Торг»",
    "Александра Преображенская-Богоявленская",
)
MANAGERS: Final = {"3": "Анна", "4": "Константин Константинович Рождественский", "5": "Борис Громов"}
TEXT: Final = "согласовать договор и напомнить об оплате"
MILLIONS: Final = 12_345_678_900
"""123 456 789 roubles in kopecks."""
OPEN: Final = (("Дорого", 12, 9_930_000), (None, 3, 100))
"""Refusals that are not classified."""
TOLD: Final = (
    Trouble("api_unpaid", "leads", 3, NOW, NOW),
    Trouble("requests_refused", "token", 3, NOW, NOW),
    Trouble("webhook_off", "", 1, NOW, NOW),
)


def _crowd(number: int, amount: int = 7_600_000) -> BoardRows:
    """Clients and managers with long names among short ones; the second client's task has just fallen due."""
    clients = [
        client(
            f"c{n}",
            NAMES[n % 3] if n < 6 else f"Клиент {n}",
            amount + (number - n) * 100_000,
            task(
                f"t{n}",
                0.001 if n == 1 else n * 7.6 + 0.3,
                deal_id=str(n),
                manager_id=str(3 + n % 3),
                text=TEXT,
            ),
        )
        for n in range(number)
    ]
    habits = tuple(ManagerRow(name, 3, amount, Late(5, 7200), Late(19, 54000)) for name in MANAGERS)
    return with_clients(worked_example(), *clients, managers=habits, manager_names=MANAGERS)


def _lost(read: BoardRows, *rows: tuple[str | None, int, int]) -> BoardRows:
    lost = losses(*rows)
    return replace(read, losses={**read.losses, MONTH.current: lost, MONTH.series[5].current: lost})


def _millions(*more: tuple[str, int, int]) -> BoardRows:
    """Hundreds of millions everywhere, and sums of them."""
    own = [(name, count * 7, MILLIONS + amount) for name, count, amount in EXAMPLE]
    read = _lost(_crowd(9, MILLIONS), *own, *more)
    figures = {
        "no_next_step": {"deals": 1400, "amount": MILLIONS},
        "saved_today": {"clients": 21, "amount": MILLIONS},
    }
    before = losses((EXAMPLE[0][0], 3, MILLIONS * 3))
    return replace(read, totals={**read.totals, **figures}, losses={**read.losses, MONTH.previous: before})


def _three() -> BoardRows:
    """Clients with three tasks each, and kopecks."""
    return with_clients(
        _crowd(0),
        *(
            client(
                f"c{n}",
                NAMES[n % 3],
                MILLIONS - n,
                *(task(f"t{n}{m}", 0.01 + 5 * m, manager_id="4", text=TEXT) for m in range(3)),
            )
            for n in range(4)
        ),
    )


STATES: Final[Mapping[str, BoardRows]] = {
    "example": worked_example(),
    "names": _crowd(9),
    "crowd": _crowd(60),
    "millions": _millions(),
    "due": with_clients(_crowd(0), client("7", NAMES[0], MILLIONS, task("t1", 0.001, manager_id="4"))),
    "three": _three(),
    "quiet": _crowd(0),
    "unclassified": _lost(_crowd(0), *OPEN),
    "split": _lost(_crowd(9), *EXAMPLE, *OPEN),
    "split millions": _millions(("Дорого", 12, MILLIONS), ("Далеко", 1, 100)),
    "warned": replace(_lost(_crowd(9), *EXAMPLE, *OPEN), troubles=TOLD, quarantined=2),
    "unheard": replace(board_rows(), heard=False, last_delivery_at=None),
}


def closing(read: BoardRows) -> BoardRows:
    """The board after the second client's tasks were done."""
    first, done, *others = read.clients.values()
    fewer = with_clients(
        read,
        first,
        *others,
        seq=read.seq + 1,
        closed=frozenset(row.task_id for row in done.tasks),
        saved={done.client_id: done.amount},
    )
    return replace(fewer, totals=saved_today(fewer, 3, done.amount))


@contextmanager
def browser_with(family: str) -> Iterator[Browser]:
    """A browser on a system that has one family of fonts and no other."""
    with tempfile.TemporaryDirectory() as folder:
        for path in map(Path, FONTS[family]):
            (Path(folder) / path.name).symlink_to(path)
        config = Path(folder) / "fonts.conf"
        config.write_text(
            f"<fontconfig><dir>{folder}</dir><cachedir>{folder}/cache</cachedir></fontconfig>",
            encoding="utf-8",
        )
        with launched(FONTCONFIG_FILE=str(config)) as browser:
            yield browser
