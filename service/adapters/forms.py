"""Form bodies whose keys nest with brackets, such as `leads[add][0][id]=42` from PHP's `http_build_query`.

Pure. The tree is made of dicts only: an index is a key like any other, so a huge index allocates nothing.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from typing import Final, TypeAlias

Node: TypeAlias = "str | Form"
Form: TypeAlias = dict[str, Node]
"""Keys in the order in which the body first gave them."""

MAX_FIELDS: Final = 10_000
"""Fields in the largest form that is taken. A lead has some 25; one with every custom field has hundreds."""

MAX_DEPTH: Final = 8
"""Levels of nesting; the deepest documented field, `leads[add][0][custom_fields][0][values][0][value]`, has
all 8."""


MAX_FIELD: Final = 16 * 1024
"""Characters of a field that are read, as sent. A board's longest text, escaped, has 6 000; to decode a field
of 1 MiB at one go would stop all threads for some 40 ms."""

LONGEST_FIELD: Final = 1024
"""Bytes of the longest field that `value_in` reads, as sent; one with a secret is shorter."""

_MAX_SEEN: Final = 8
"""In how many fields a name may stand before `value_in` gives up."""

_ESCAPES: Final = re.compile("(?:%[0-9A-Fa-f]{2})+")
"""Escapes side by side, as in a text in Cyrillic letters. Python's `unquote` decodes them byte by byte."""


class FormError(ValueError):
    """The form is not taken; the text says why."""


def parse_form(body: bytes) -> Form:
    """The tree that a body describes. Total, except for its size.

    One bad field must not cost the others. So a key with unbalanced brackets or nested too deep is left out,
    bytes that are not UTF-8 become U+FFFD, and a byte order mark is skipped. Of two values for one key the
    last counts; of a value and a branch for one key the branch counts, whichever comes first.

    Raises:
        FormError: It has more than `MAX_FIELDS` fields.
    """
    # Brackets are usually percent-encoded, and keys have no other escapes. Once the brackets are decoded, the
    # decoder skips the keys. That changes no meaning, because no other escape contains "%5B" or "%5D".
    text = body.removeprefix(BOM_UTF8).decode("utf-8", "replace").replace("%5B", "[").replace("%5D", "]")
    if text.count("&") >= MAX_FIELDS:
        raise FormError(f"the form has more than {MAX_FIELDS} fields")
    if len(text) > MAX_FIELD:
        text = "&".join(field[:MAX_FIELD] for field in text.split("&"))
    form: Form = {}
    for field in text.replace("+", " ").split("&"):
        key, _, value = field.partition("=")
        path = key_path(_unescaped(key))
        if path:
            _put(form, path, _unescaped(value))
    return form


def value_in(body: bytes, block: str, name: str) -> str:
    """The value of `block[name]` in a body; empty if it is not found. Of two values the last counts.

    For a body of which nothing is known yet: whatever it is, it is searched for the name, and no more than a
    few short fields of it are parsed.
    """
    end = len(body)
    for _ in range(_MAX_SEEN):
        at = body.rfind(name.encode(), 0, end)
        if at < 0:
            break
        begin, next_field = body.rfind(b"&", 0, at) + 1, body.find(b"&", at, end)
        field = body[begin : end if next_field < 0 else next_field]
        if len(field) <= LONGEST_FIELD:
            branch = parse_form(field).get(block)
            value = branch.get(name) if isinstance(branch, dict) else None
            if isinstance(value, str):
                return value
        end = begin
    return ""


def key_path(key: str) -> list[str]:
    """The parts of a key: `a[b][0]` is a, b, 0. Empty for a key that is malformed or too deep."""
    head, bracket, rest = key.partition("[")
    if not bracket:
        return [head] if head else []
    if not head or not rest.endswith("]"):
        return []
    path = [head, *rest[:-1].split("][")]
    return path if len(path) <= MAX_DEPTH else []


def _unescaped(text: str) -> str:
    """What percent-encoded text means; bytes that are not UTF-8 become U+FFFD."""
    return _ESCAPES.sub(_written_out, text) if "%" in text else text


def _written_out(escapes: re.Match[str]) -> str:
    return bytes.fromhex(escapes[0].replace("%", "")).decode("utf-8", "replace")


def _put(form: Form, path: list[str], value: str) -> None:
    """Put a value at a path. An empty part, PHP's `a[]`, is the next index."""
    node = form
    for part in path[:-1]:
        key = part or str(len(node))
        child = node.get(key)
        if not isinstance(child, dict):
            child = node[key] = {}
        node = child
    last = path[-1] or str(len(node))
    if not isinstance(node.get(last), dict):
        node[last] = value
