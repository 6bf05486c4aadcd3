"""The people, the goods and the words of the simulated office. All of them are made up."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

MANAGERS: Final[Mapping[int, str]] = {
    8800101: "Анна Белова",
    8800102: "Борис Громов",
    8800103: "Вера Зимина",
    8800104: "Глеб Орлов",
}
"""amoCRM's user ids and the names behind them; webhooks carry the ids alone."""

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

REASONS: Final[Mapping[str, int]] = {
    "Не отвечает более 3-х раз": 35,
    "Выбрал других": 10,
    "Хочет, но не сейчас": 18,
    "Целевой, но нет потребности": 10,
    "Не подходит график": 9,
    "Нет у нас услуги": 6,
    "Больше не звонить": 4,
    "Спам": 5,
    "Дубль": 3,
}
"""Why leads are lost, and how often of a hundred times."""

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


def client(rng: random.Random) -> str:
    """A client's first name and surname."""
    surname = rng.choice(_SURNAMES)
    if rng.random() < 0.5:
        return f"{rng.choice(_WOMEN)} {surname}а"
    return f"{rng.choice(_MEN)} {surname}"


def purchase(rng: random.Random) -> tuple[str, int]:
    """What a client came for, and for how many roubles (whole tens)."""
    name = rng.choice(tuple(GOODS))
    return name, price(name, rng)


def price(goods: str, rng: random.Random) -> int:
    """Roubles (whole tens) that these goods can cost."""
    low, high = GOODS[goods]
    return rng.randrange(low, high + 1, 10)
