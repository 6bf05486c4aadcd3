"""Every warning says what is wrong and what to do, in both languages."""

from __future__ import annotations

import re
from typing import Final, get_args

import pytest

from service.config import Language
from service.live.text.warnings import CODES, Warned, warning_text

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
DAY: Final = "2026-11-26"
AT: Final = "2026-11-26T10:41:30.000+03:00"


def text(code: str, count: int, language: Language, subject: str = "token") -> str:
    warned = Warned(code, count, AT, AT, subject, "USD")  # type: ignore[arg-type]  # a code
    return warning_text(warned, DAY, language)


@pytest.mark.parametrize("code", CODES)
def test_a_warning_is_two_things_in_each_language_what_is_and_what_to_do(code: str) -> None:
    russian, english = text(code, 3, "ru"), text(code, 3, "en")
    assert russian != english
    assert len({text(other, 3, "ru") for other in CODES}) == len(CODES)
    assert not re.search(r"%\(|[А-Яа-яё]", english)
    assert not re.search(r"%\(", russian)
    assert re.search("[А-Яа-яё]", russian)
    for words in (russian, english):
        assert re.search(r"[.:,] \S", words)
        assert words.endswith(".")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", ["quarantine", "amount_unknown", "unconverted", "unclassified"])
@pytest.mark.parametrize("count", [1, 2, 5, 21])
def test_a_warning_names_its_number(code: str, count: int, language: Language) -> None:
    assert re.search(rf"\b{count}\b", text(code, count, language))


@pytest.mark.parametrize(
    ("code", "count", "words"),
    [
        ("api_unpaid", 1, "CRM не оплачена: данные на 10:41."),
        ("requests_refused", 3, "3 вебхука отклонены: неверный токен (последний: 10:41)."),
        ("requests_refused", 1, "1 вебхук отклонён: неверный токен (последний: 10:41)."),
        ("requests_refused", 21, "21 вебхук отклонён: неверный токен (последний: 10:41)."),
        ("requests_refused", 5, "5 вебхуков отклонено: неверный токен (последний: 10:41)."),
        ("quarantine", 1, "1 сообщение из CRM не прочитано, в цифрах его нет."),
        ("quarantine", 2, "2 сообщения из CRM не прочитаны, в цифрах их нет."),
        ("quarantine", 5, "5 сообщений из CRM не прочитано, в цифрах их нет."),
        ("amount_unknown", 1, "Сумма 1 сделки неизвестна и учтена как 0."),
        ("amount_unknown", 2, "Суммы 2 сделок неизвестны и учтены как 0."),
        ("reasons_pending", 21, "Причина 21 отказа ещё уточняется"),
        ("missed", 2, "Найдено и исправлено 2 изменения, о которых"),
        ("unconverted", 2, "2 сделки в USD учтены как 0"),
    ],
)
def test_russian_numbers_have_their_forms(code: str, count: int, words: str) -> None:
    assert text(code, count, "ru").startswith(words)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_says_why(language: Language) -> None:
    causes = ["token", "signature", "stale", "headers", "account", ""]
    assert len({text("requests_refused", 3, language, cause) for cause in causes}) == len(causes)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_field_that_is_not_in_the_crm_is_named(language: Language) -> None:
    assert "Причина отказа" in text("reason_field", 1, language, "Причина отказа")
