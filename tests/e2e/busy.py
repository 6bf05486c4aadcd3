"""A busy office: many tasks are overdue, and a month has many refusals."""

from __future__ import annotations

import random

from tests.e2e.running import Service, iso, soon

CLIENTS = (
    *("Иван Петров", "Мария Седова", "ООО «Северный ветер»", "Ольга Константинопольская", "Пётр Сидоров"),
    *("Анна Ким", "Дмитрий Орлов", "Елена Смирнова", "Сергей Волков", "Наталья Зайцева", "Ирина Морозова"),
)
NAMES = ("Алексей", "Виктория", "Евгений", "Ксения", "Максим", "Полина", "Юлия")
MANAGERS = ("Анна Белова", "Борис Громов", "Вера Зимина", "Глеб Орлов")
REASONS = (
    "Не отвечает более 3-х раз",
    "Выбрал других",
    "Хочет, но не сейчас",
    "Не подходит график",
    "Дорого",
)
WORK = ("позвонить", "отправить счёт", "согласовать договор", "напомнить об оплате")


def busy_day(service: Service) -> None:
    """Post the webhooks of a busy office to a running service."""
    rng = random.Random(7)
    for number, name in enumerate(CLIENTS):
        deal = f"d{number}"
        service.deal(
            deal,
            name="Абонемент",
            amount=f"{rng.randrange(3, 90)}000.00",
            client={"id": str(number), "name": name},
        )
        for task in range(rng.randrange(1, 4)):
            manager = rng.randrange(4)
            service.task(
                f"{deal}-{task}",
                deal_id=deal,
                text=rng.choice(WORK),
                due_at=iso(soon(-rng.randrange(600, 200_000))),
                completed=False,
                manager={"id": str(manager), "name": MANAGERS[manager]},
            )
    for number in range(150):
        manager = rng.randrange(4)
        service.deal(
            f"{4100 + number}",
            name="Абонемент",
            client={"id": f"l{number}", "name": f"{rng.choice(NAMES)} {rng.choice('АБВГДКЛМНПРСТ')}."},
            manager={"id": str(manager), "name": MANAGERS[manager]},
            amount=f"{rng.randrange(1, 20)}00.00",
            status="lost",
            reason=rng.choice(REASONS),
            closed_at=iso(soon(-rng.randrange(0, 50 * 86_400))),
        )
