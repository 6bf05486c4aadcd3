"""JSON Schemas of structs, as msgspec makes them, with what the docstrings say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import inspect

from service.interface.docstrings import told

Schema: TypeAlias = Mapping[str, Any]
"""A JSON Schema (2020-12, which OpenAPI 3.1 takes as it is)."""

AT: Final = "#/components/schemas/"
"""How a reference to a schema of a document begins."""


def reference(name: str) -> Schema:
    """A reference to the schema of this name."""
    return {"$ref": f"{AT}{name}"}


def schemas(structs: Iterable[type], *, prefix: str = "", sent: bool = False) -> dict[str, Schema]:
    """The schemas of structs, and of all that they are made of, by name.

    Args:
        prefix: Begins each name. The underscore of a private one is left out.
        sent: Whether the service reads them: then a field with a default may be left out. Else it writes
            them, and leaves out only what msgspec leaves out.
    """
    types = tuple(structs)
    _, made = msgspec.json.schema_components(types, ref_template="{name}")
    names = {struct.__name__: prefix + struct.__name__.lstrip("_") for struct in _structs(types)}
    for struct in _structs(types):
        _describe(made[struct.__name__], struct, sent=sent)
    return {names[name]: _referring({**schema, "title": names[name]}, names) for name, schema in made.items()}


def _structs(types: Iterable[type]) -> list[type[msgspec.Struct]]:
    """The structs that types are made of, themselves included."""
    found: dict[type[msgspec.Struct], None] = {}
    waiting: list[inspect.Type] = list(inspect.multi_type_info(types))
    while waiting:
        info = waiting.pop()
        waiting += _parts(info)
        if isinstance(info, inspect.StructType) and info.cls not in found:
            found[info.cls] = None
            waiting += [field.type for field in info.fields]
    return list(found)


def _parts(info: inspect.Type) -> Iterator[inspect.Type]:
    match info:
        case inspect.UnionType(types=types):
            yield from types
        case inspect.Metadata(type=type_):
            yield type_
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            yield item
        case inspect.DictType(value_type=value):
            yield value


def _describe(schema: dict[str, Any], struct: type[msgspec.Struct], *, sent: bool) -> None:
    """Put what the docstring says into a schema, and which fields are always there."""
    text, texts = told(struct)
    schema["description"] = text
    fields = msgspec.structs.fields(struct)
    for field in fields:
        own = schema["properties"][field.encode_name]
        own.pop("default", None)
        if field.name in texts:
            own["description"] = texts[field.name]
    if not sent:
        omits = struct.__struct_config__.omit_defaults
        schema["required"] = [
            field.encode_name
            for field in fields
            if not (omits and not field.required) and not _may_be_unset(field)
        ]


def _may_be_unset(field: msgspec.structs.FieldInfo) -> bool:
    return field.default is msgspec.UNSET


def _referring(schema: Any, names: Mapping[str, str]) -> Any:
    """A schema whose references lead to the names in the document."""
    if isinstance(schema, dict):
        return {
            key: f"{AT}{names[value]}" if key == "$ref" else _referring(value, names)
            for key, value in schema.items()
        }
    return [_referring(part, names) for part in schema] if isinstance(schema, list) else schema
