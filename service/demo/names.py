"""The people, the goods and the words of the simulated office. All of them are made up."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from typing import Final

MANAGERS: Final[Mapping[int, str]] = {
    31: "Анна Белова",
    32: "Борис Громов",
    33: "Вера Зимина",
    34: "Глеб Орлов",
}
"""The managers' names by their ids in the CRM."""

PIPELINES: Final[Mapping[int, str]] = {11: "Продажи", 12: "Повторные"}

REASONS: Final[Mapping[int, str]] = {
    201: "Не отвечает более 3-х раз",
    202: "Выбрал других",
    203: "Хочет, но не сейчас",
    204: "Целевой, но нет потребности",
    205: "Не подходит график",
    206: "Нет у нас услуги",
    207: "Больше не звонить",
    208: "Спам",
    209: "Дубль",
    210: "Дорого",
}
"""The CRM's loss reasons, of every kind. The last one is in no list of the default configuration."""

GOODS: Final[Mapping[str, tuple[int, int]]] = {
    "Абонемент на 3 месяца": (4_200, 6_900),
    "Абонемент на полгода": (7_500, 11_800),
    "Годовой абонемент": (12_900, 21_000),
    "Пробное занятие": (500, 900),
    "Персональные тренировки": (3_000, 9_600),
    "Групповые занятия": (2_400, 4_800),
    "Детская секция": (2_800, 5_600),
    "Курс плавания": (3_600, 8_400),
    "Корпоративный абонемент": (15_000, 38_000),
}
"""What the office sells, each with its range of prices in roubles."""

TASK_TEXTS: Final = (
    "позвонить",
    "отправить счёт",
    "согласовать договор",
    "перезвонить после обеда",
    "напомнить о пробном занятии",
    "отправить расписание",
    "уточнить удобное время",
    "ответить в мессенджере",
    "выслать прайс",
)
"""What managers promise their clients."""

_WOMEN: Final = ("Мария", "Ольга", "Елена", "Наталья", "Ирина", "Светлана", "Дарья", "Юлия", "Полина")
_MEN: Final = ("Алексей", "Дмитрий", "Сергей", "Павел", "Никита", "Михаил", "Роман", "Артём", "Тимур")
_SURNAMES: Final = (
    "Соколов",
    "Кузнецов",
    "Морозов",
    "Волков",
    "Лебедев",
    "Егоров",
    "Никитин",
    "Макаров",
    "Фролов",
    "Сорокин",
    "Виноградов",
    "Беляев",
    "Киселёв",
    "Тарасов",
    "Жуков",
    "Фомин",
    "Давыдов",
    "Журавлёв",
    "Крылов",
    "Ершов",
)


_CLIENTS: Final = tuple(
    f"{first} {surname}{ending}"
    for firsts, ending in ((_WOMEN, "а"), (_MEN, ""))
    for first in firsts
    for surname in _SURNAMES
)


def client(rng: random.Random, taken: Collection[str]) -> str | None:
    """A client's first name and surname, which is not among those taken; None once all are."""
    free = [name for name in _CLIENTS if name not in taken]
    return rng.choice(free) if free else None


def purchase(rng: random.Random) -> tuple[str, int]:
    """What a client wants to buy, and for how many roubles (whole tens)."""
    name = rng.choice(tuple(GOODS))
    return name, price(name, rng)


def price(goods: str, rng: random.Random) -> int:
    """A price of these goods in roubles (whole tens)."""
    low, high = GOODS[goods]
    return rng.randrange(low, high + 1, 10)
