"""Writes docs/reference/configuration.md and its Russian twin from the tables of the configuration.

What a key is called, takes and means stands in the tables alone. The Russian page is the same page
through the catalogue `configuration.ru.po`, which a test compares with what the page says.
"""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from msgspec import inspect

from service.adapters import ADAPTERS
from service.commands.reloading.source import RELOADED
from service.config import Log
from service.config_file.tables import AccountTable, ApiTable, FileTable, LimitsTable, ReasonsTable
from service.config_file.words import Say, expected, fields
from service.references import SECRETS

_REFERENCE: Final = Path(__file__).resolve().parents[1] / "docs" / "reference"
DOCUMENTS: Final = {"en": _REFERENCE / "configuration.md", "ru": _REFERENCE / "configuration.ru.md"}
CATALOGUE: Final = Path(__file__).with_name("configuration.ru.po")

HEAD: Final = """\
Every key of `lossboard.toml`. `make reference` writes this page from the code that reads the file.
[lossboard.example.toml](../../lossboard.example.toml) shows the keys in use. `lossboard check-config` checks
a file. [На русском](configuration.ru.md).

A key may be left out unless it is required; a dash says that it then has no value. A value `"env:NAME"` is
read from the environment, or from the file that the variable NAME_FILE names; `"file:PATH"` is read from a
file. A column says where that is possible, and which values are secrets. Secrets belong there.

`lossboard reload` takes new values of the keys with a yes in the last column. The rest needs a restart
([Change accounts, secrets and reasons](../how-to/accounts.md)).
"""
COLUMNS: Final = ("key", "takes", "default", "meaning", "`env:`, `file:`", "reload")
_ARGUMENT: Final = re.compile(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", re.MULTILINE)
_TEXTS: Final = inspect.StrType | inspect.LiteralType | inspect.CustomType


def tables() -> dict[str, type[msgspec.Struct]]:
    """The tables of the file by their headings, in its order; the first has none."""
    options = {f"[accounts.{kind}]": adapter.options for kind, adapter in ADAPTERS.items()}
    return {
        "": FileTable,
        "[log]": Log,
        "[[accounts]]": AccountTable,
        "[accounts.reasons]": ReasonsTable,
        "[accounts.limits]": LimitsTable,
        "[accounts.api]": ApiTable,
        **{heading: table for heading, table in options.items() if fields(table)},
    }


def document(say: Say) -> str:
    """The page, in the language that `say` speaks."""
    lines = [
        f"# {say('The configuration')}",
        *(part for text in HEAD.split("\n\n") for part in ("", say(_line(text)))),
    ]
    for heading, table in tables().items():
        kind = heading.removeprefix("[accounts.").removesuffix("]")
        about = say("Only with crm = {}.").format(f'"{kind}"') if kind in ADAPTERS else say(_summary(table))
        title = f"`{heading}`" if heading else say("At the top of the file")
        lines += ["", f"## {title}", "", _escaped(about), ""]
        lines += [_row(say(column) for column in COLUMNS), _row(["---"] * len(COLUMNS))]
        lines += [_row(_cells(field, heading, table, say)) for field in fields(table).values()]
    return "\n".join([*lines, ""])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(field: inspect.Field, heading: str, table: type[msgspec.Struct], say: Say) -> Iterator[str]:
    name = field.encode_name
    yield f"`{name}`"
    yield _escaped(_takes(field.type, say))
    yield say("required") if field.required else _default(field)
    yield _escaped(say(meanings(table)[name]))
    yield say("yes, a secret" if name in SECRETS else "yes" if _takes_text(field.type) else "no")
    # Everything below an account is reloaded with the accounts.
    top = heading.strip("[]").partition(".")[0] or name
    yield say("yes" if top in RELOADED else "no")


def _takes(kind: inspect.Type, say: Say) -> str:
    """As `expected`. A text of a certain form is told to be a text, because TOML wants it quoted."""
    parts = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    is_text = any(isinstance(getattr(part, "type", part), _TEXTS) for part in parts)
    text, words = say("text"), expected(kind, say)
    return f"{text}: {words}" if is_text and words != text else words


def _default(field: inspect.Field) -> str:
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if value is None:
        return "–"
    return f"`{msgspec.json.encode(value, enc_hook=str).decode()}`"


def _takes_text(kind: inspect.Type) -> bool:
    """Whether a text can stand somewhere in a value, because a reference is one. What stands in a table
    of its own is told there."""
    inner = [getattr(kind, name, None) for name in ("type", "item_type", "value_type")]
    parts = [*getattr(kind, "types", ()), *(one for one in inner if isinstance(one, inspect.Type))]
    return isinstance(kind, _TEXTS) or any(map(_takes_text, parts))


def _summary(table: type[msgspec.Struct]) -> str:
    return _line((table.__doc__ or "").partition("\n\n")[0])


def _line(text: str) -> str:
    return " ".join(text.split())


def meanings(table: type[msgspec.Struct]) -> dict[str, str]:
    """What each key of a table means, from the docstring of the class that has it."""
    docs = [kind.__doc__ or "" for kind in reversed(table.__mro__) if kind.__module__.startswith("service.")]
    return {name: _line(said) for doc in docs for name, said in _ARGUMENT.findall(doc)}


def _escaped(text: str) -> str:
    return re.sub(r"(?<!`)(\[+[\w.]+\]+)(?!`)", r"`\1`", text).replace("|", "\\|")


def russian() -> Catalog:
    """The messages of the page in Russian."""
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="ru")


def translation() -> Say:
    """Speaks Russian."""
    compiled = io.BytesIO()
    write_mo(compiled, russian())
    compiled.seek(0)
    return gettext.GNUTranslations(compiled).gettext


if __name__ == "__main__":
    DOCUMENTS["en"].write_text(document(str), encoding="utf-8")
    DOCUMENTS["ru"].write_text(document(translation()), encoding="utf-8")
