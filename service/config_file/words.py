"""What a key of the configuration takes, in words, and what is wrong with what it has."""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, Final

import msgspec
from msgspec import inspect

from service.references import SECRETS

Say = Callable[[str], str]
"""A message, in the reader's language."""

ZONE: Final = "a time zone's IANA name, such as Europe/Moscow"
_PLAIN: Final = {inspect.BoolType: "true or false", inspect.CustomType: ZONE, inspect.AnyType: "anything"}
_GOT: Final = re.compile(r"Expected .*, got `(\w+)`")
_GIVEN: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}
_MISSING: Final = re.compile(r"Object missing required field `(\w+)`")


def fields(table: type[msgspec.Struct]) -> dict[str, inspect.Field]:
    """The keys of a table."""
    struct = inspect.type_info(table)
    assert isinstance(struct, inspect.StructType)
    return {field.encode_name: field for field in struct.fields}


def expected(kind: inspect.Type, say: Say = str) -> str:
    """What a type takes. A `description` says it in place of the type that has it."""
    if isinstance(kind, inspect.Metadata):
        extra = kind.extra or {}
        if "one of" in extra:
            return _one_of(extra["one of"], say)
        described = (kind.extra_json_schema or {}).get("description")
        words = say(described) if described else expected(kind.type, say)
        return f"{words} ({say(extra['unit'])})" if "unit" in extra else words
    if isinstance(kind, inspect.UnionType):
        return say(" or ").join(
            expected(one, say) for one in kind.types if not isinstance(one, inspect.NoneType)
        )
    if isinstance(kind, inspect.LiteralType):
        return _one_of(kind.values, say)
    if isinstance(kind, inspect.ListType):
        return say("a list; each: {}").format(expected(kind.item_type, say))
    if isinstance(kind, inspect.DictType):
        is_plain = isinstance(kind.value_type, inspect.AnyType)
        return say("a table") if is_plain else say("a table; each: {}").format(expected(kind.value_type, say))
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return _bounded(kind, say)
    return say(_PLAIN.get(type(kind), "text"))


def _one_of(choices: Iterable[object], say: Say) -> str:
    return say("one of {}").format(", ".join(map(str, choices)))


def _bounded(kind: inspect.IntType | inspect.FloatType, say: Say) -> str:
    word = say("a whole number" if isinstance(kind, inspect.IntType) else "a number")
    bounds = [
        say(message).format(f"{bound:g}")
        for message, bound in (("above {}", kind.gt), ("from {}", kind.ge), ("up to {}", kind.le))
        if bound is not None
    ]
    return " ".join([word, *bounds])


def meant(name: object, known: Iterable[str]) -> str:
    """A question for somebody who mistyped a name; empty if none of the known ones is near."""
    return "".join(f"did you mean {one}? " for one in get_close_matches(str(name), list(known), 1))


def mistake(error: msgspec.ValidationError, raw: Any, table: type[msgspec.Struct], key: str) -> str:
    """Names the key that an error is about, and says what is expected there. What is given is told only where
    it cannot be a secret: a secret's value stands in no log."""
    message, _, path = str(error).partition(" - at `$")
    where = path.rstrip("`").replace("[...]", "")
    if missing := _MISSING.fullmatch(message):
        name = missing[1]
        return f"{f'{key}.{name}'.lstrip('.')}: is missing; expected {expected(fields(table)[name].type)}"
    place = f"{key}{where}".lstrip(".") or "the file"
    name = where[1:].partition("[")[0]
    if not name:
        return f"{place}: expected a table"
    kind, given = fields(table)[name].type, raw[name]
    if isinstance(kind, inspect.CustomType) and isinstance(given, str):
        return f"{place}: {message}; {meant(given, _zones())}".rstrip("; ")
    allowed = list(map(str, kind.values)) if isinstance(kind, inspect.LiteralType) else []
    if allowed or (isinstance(given, bool | int | float) and name not in SECRETS):
        told = f"; it is {json.dumps(given, ensure_ascii=False, default=str)}"
    else:
        got = _GOT.fullmatch(message)
        told = f"; it is {_GIVEN.get(got[1], got[1])}" if got else ""
    return f"{place}: {meant(given, allowed)}expected {expected(kind)}{told}"


def _zones() -> list[str]:
    return importlib.resources.files("tzdata").joinpath("zones").read_text("utf-8").split()
