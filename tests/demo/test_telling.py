"""What the demo says about its office: each event in words, in both languages."""

from __future__ import annotations

import re
from typing import Literal, get_args

import pytest

from service.demo.story import ZONE
from service.demo.telling import _WEIGHT, _WORDS, TOLD, Language, Teller, Telling
from service.model import SECOND, later
from tests.demo.test_life import Lived


def lived(steps: int = 0) -> tuple[Lived, Teller]:
    office = Lived(20)
    teller = Teller(office.office, "amocrm", ZONE)
    teller.listen()
    for _ in range(steps):
        office.step()
    return office, teller


def texts(told: Telling) -> list[str]:
    return [line["text"] for line in told["events"]]


@pytest.mark.parametrize("language", get_args(Language))
def test_a_long_life_is_told_newest_first_and_in_words_for_everything_that_happens(
    language: Literal["ru", "en"],
) -> None:
    office, teller = lived()
    seen: set[str] = set()
    for _ in range(250):
        office.step()
        told = teller.tell(language, 0)
        assert len(told["events"]) <= TOLD
        assert not {"{", "}", "None"} & set(" ".join(texts(told)))
        seen.update(texts(told))
    assert told["events"] == sorted(told["events"], key=lambda line: line["at"], reverse=True)
    words = _WORDS[language]
    for sample in (*words.events.values(), words.due, words.remembered, words.called):
        literal = max(re.split(r"\{\w+\}", sample), key=len)
        assert any(literal in text for text in seen), sample


def test_every_kind_that_is_told_has_its_words() -> None:
    for words in _WORDS.values():
        assert set(words.events) | {("deal", "lost")} == set(_WEIGHT)


def test_a_task_that_falls_due_is_told_although_no_webhook_says_so() -> None:
    office, teller = lived(3)
    deal = office.life.open_deals()[0]
    now = int(office.office.now())
    office.office.add_task("отправить прайс", deal.manager_id, now + 30, deal_id=deal.id)
    assert not any("Срок вышел" in text and "отправить прайс" in text for text in texts(teller.tell("ru", 0)))
    office.clock.moment = later(office.clock.moment, 31 * SECOND)
    assert texts(teller.tell("ru", 0))[0].startswith("Срок вышел, а задача не закрыта: «отправить прайс»")
    [task] = [task for task in office.office.tasks.values() if task.text == "отправить прайс"]
    office.office.complete(task.id)
    assert "закрывает просроченную задачу «отправить прайс»" in texts(teller.tell("ru", 0))[0]


def test_what_the_office_does_now_follows_the_play() -> None:
    _, teller = lived()
    assert "Примерно через 3 мин. офис оживёт" in teller.tell("ru", 170)["now"][1]
    assert "Клиентов в риске сейчас: 1" in teller.tell("ru", -5)["now"][1]
    assert "Офис замер на примере" in teller.tell("ru", None)["now"][1]
    assert "simulated CRM (amoCRM)" in teller.tell("en", None)["now"][0]
    assert teller.tell("en", 170)["events"] == []


def test_a_deed_that_changes_several_records_is_told_once() -> None:
    office, teller = lived()
    deal = next(deal for deal in office.life.open_deals() if office.life.open_tasks(deal))
    for task in office.life.open_tasks(deal):
        office.office.complete(task.id)
    office.office.lose(deal.id, "Выбрал других")
    [text] = texts(teller.tell("ru", 0))
    assert text.startswith("Отказ: ")
    assert text.endswith("Причина: «Выбрал других», вина отдела.")
