"""The text of a new `lossboard.toml`, and how it comes onto the disk. The text is pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from service.commands.connecting.answers import Answers
from service.ledger.database.private_files import PRIVATE
from service.operator_error import OperatorError

ACCOUNT: Final = "office"
"""The id of the first account."""

WEBHOOK_VARIABLE: Final = "LOSSBOARD_WEBHOOK_SECRET"
"""Holds the secret that the CRM makes, if it is not known yet."""


class Exists(OperatorError):
    """There is a file already; it stays as it is."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} exists; move it away, or name another file with --config")


class Tokens(NamedTuple):
    """The tokens that the file is to have; see `Config` and `Account`."""

    viewer: str
    admin: str


def text_of(answers: Answers, webhook_secret: str, tokens: Tokens) -> str:
    """The file with one account. `lossboard.example.toml` explains each key."""
    return "\n".join((*_lines(answers, webhook_secret, tokens), ""))


def _lines(answers: Answers, webhook_secret: str, tokens: Tokens) -> Iterator[str]:
    yield "# Made by lossboard init. It holds secrets: keep it for its owner alone."
    yield "# lossboard.example.toml explains every key; lossboard check-config checks this file."
    yield ""
    yield "# Opens /admin, where what the CRM sends is seen, and what could not be used is tried again."
    yield _key("admin_token", tokens.admin)
    yield ""
    yield "[[accounts]]"
    yield _key("id", ACCOUNT)
    yield _key("title", answers.title)
    yield _key("crm", answers.crm)
    yield "# Proves that a webhook comes from the CRM."
    yield _key("webhook_secret", webhook_secret)
    yield _key("timezone", answers.timezone)
    yield _key("currency", answers.currency)
    yield _key("language", answers.language)
    yield "# Shows the board to everybody who has it."
    yield _key("viewer_token", tokens.viewer)
    if answers.public_url is not None:
        yield _key("public_url", answers.public_url)
    if answers.api_token is not None:
        yield ""
        yield "# Lets the service ask the CRM for what its webhooks leave out."
        yield "[accounts.api]"
        yield _key("token", answers.api_token)
        if answers.api_url is not None:
            yield _key("url", answers.api_url)


def _key(name: str, value: str) -> str:
    """One key. A string of JSON is a string of TOML, except for DEL."""
    return f"{name} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f")


def write(path: Path, text: str) -> None:
    """Write a new file that only its owner can read.

    Raises:
        Exists: There is a file, which stays as it is.
        OperatorError: It cannot be written.
    """
    try:
        path.touch(mode=PRIVATE, exist_ok=False)
        path.write_text(text, encoding="utf-8")
    except FileExistsError:
        raise Exists(path) from None
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror}") from None
