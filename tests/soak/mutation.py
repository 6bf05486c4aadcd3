"""Bodies that are almost sound: samples whose parts are replaced, repeated, dropped, nested and cut.

What stands in a place of a sample is drawn from what other samples of its kind have in places of that name,
so that most bodies say something; and from values at the edge of what a field can hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from copy import deepcopy
from random import Random
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, quote_from_bytes

Pairs: TypeAlias = list[tuple[str, str]]


class Token:
    """A piece of JSON that no Python value is written as."""

    def __init__(self, text: str) -> None:
        self.text = text


NUMBERS: Final = (
    *("0", "-0", "1", "-1", "143", "1e999", "-1e999", "1e-999", "0.005", "1.5e3", "99999999999999.99"),
    *("100000000000.00", "100000000000.01", "1000000000000.01", "9223372036854775807", "9223372036854775808"),
    *("-9223372036854775809", "1" * 400, "0." + "3" * 400, "1E+12", "253402300800", "-62135596800"),
    *("1795420000", "1795420000000", "1795420000000000", "4133980799", "4133980800", "946684799"),
)
TIMES: Final = (
    *(
        "2026-11-23T09:00:00Z",
        "2026-11-23T09:00:00.123456+03:00",
        "2026-11-23 09:00:00",
        "2026-11-23",
        "9:00",
    ),
    *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00"),
    *("2000-01-01T00:00:00Z", "2100-12-31T23:59:59.999999Z", "2101-01-01T00:00:00Z", "2026-02-29T00:00:00Z"),
    *(
        "2026-11-23T24:00:00Z",
        "2026-11-23T10:00:00+99:99",
        "2026-W48-1",
        "20261123T100000Z",
        "24:00:00",
        "-1",
    ),
)
TEXTS: Final = (
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "\ud800",
        "x\udc00",
        "\u202e",
        "\ufeff1",
        "\r\n",
        "\u2028",
        "=1+1",
        "＝1",
        "%00",
        "%5B",
    ),
    *(
        "x" * 199,
        "x" * 201,
        "ж" * 501,
        "\U0010ffff" * 200,
        "ﷺ" * 60,
        "<script>",
        "javascript:alert(1)",
        "https://x",
    ),
    *(
        "١٢٣",
        "１２",
        "1_000",
        "0x10",
        "+5",
        "1 000,00",
        "null",
        "undefined",
        "lost",
        "open",
        "won",
        "RUB",
        "USD",
        "JPY",
    ),
    *("EUR", "XXX", "rub", "ЁЖ", "&quot;Спам&quot;", "Выбрал других", "lead:1", "deal:1", "D_1", "1" * 5000),
)
IDS: Final = ("1", "2", "3", "42", "100001")
EDGES: Final = (*NUMBERS, *TIMES, *TEXTS, *IDS)


class Mutator:
    """Makes bodies from samples of one kind.

    Args:
        samples: Sound bodies, forms or JSON.
    """

    def __init__(self, samples: Iterable[bytes], dice: Random) -> None:
        self._dice = dice
        self._samples = [parsed(sample) for sample in samples]
        self._seen: dict[str, list[Any]] = {}
        for sample in self._samples:
            for holder, key in places(sample):
                self._seen.setdefault(name_of(holder, key), []).append(deepcopy(value_at(holder, key)))

    def body(self) -> bytes:
        """One more body."""
        dice = self._dice
        document = deepcopy(dice.choice(self._samples))
        for _ in range(dice.choice((0, 1, 1, 2, 4, 9))):
            document = self.altered(document)
        body = written(document, dice)
        return self.spoiled(body) if dice.random() < 0.15 else body

    def altered(self, document: Any) -> Any:
        """A document with one place of it altered."""
        dice = self._dice
        found = list(places(document))
        if not found:
            return Token("[]")
        holder, key = dice.choice(found)
        change: Callable[[Any, Any], None] = dice.choice(
            (self._refill, self._refill, self._refill, self._drop, self._repeat, self._nest)
        )
        change(holder, key)
        return document

    def spoiled(self, body: bytes) -> bytes:
        """A body with some of its bytes cut out, changed or put in."""
        dice = self._dice
        start = dice.randrange(len(body) + 1)
        end = min(len(body), start + dice.choice((0, 0, 1, 1, 8, 200, 10**6)))
        junk = dice.choice(
            (b"", b"\0", b"\xff", b"\xed\xa0\x80", b"&", b"%", b'"', b"[" * 2_000, dice.randbytes(3))
        )
        return body[:start] + junk + body[end:]

    def _refill(self, holder: Any, key: Any) -> None:
        dice, name = self._dice, name_of(holder, key)
        known = self._seen.get(name)
        if name.lower().endswith("id") and dice.random() < 0.5:
            new: Any = dice.choice(IDS)
            new = int(new) if isinstance(value_at(holder, key), int) else new
        elif known and dice.random() < 0.5:
            new = deepcopy(dice.choice(known))
        else:
            new = dice.choice(EDGES)
            if new in NUMBERS and dice.random() < 0.5:
                new = Token(new)
            elif dice.random() < 0.1:
                new = dice.choice((None, True, False, [], {}, [[]], Token("NaN"), Token("Infinity")))
        put(holder, key, new)

    def _drop(self, holder: Any, key: Any) -> None:
        del holder[key]

    def _repeat(self, holder: Any, key: Any) -> None:
        if isinstance(holder, list):
            copies = self._dice.choice((1, 2, 30))
            holder[key:key] = [deepcopy(holder[key]) for _ in range(copies)]
        elif isinstance(holder, dict):
            holder[self._dice.choice((f"{key} ", key.upper(), *TEXTS))] = holder[key]

    def _nest(self, holder: Any, key: Any) -> None:
        if is_form(holder):
            name, text = holder[key]
            deep = self._dice.choice((1, 7, 500))
            holder[key] = f"{name}{'[x]' * deep}", text
        else:
            holder[key] = Token(f"{'[' * 3_000}1") if self._dice.random() < 0.1 else [holder[key]]


def parsed(body: bytes) -> Any:
    """A JSON document; or the pairs of a form."""
    try:
        return json.loads(body)
    except ValueError:
        return parse_qsl(body.decode(), keep_blank_values=True)


def is_form(node: Any) -> bool:
    """Whether it is the pairs of a form."""
    return isinstance(node, list) and bool(node) and isinstance(node[0], tuple)


def places(node: Any) -> Iterable[tuple[Any, Any]]:
    """Every place of a document: what holds it, and its key or index there."""
    if not isinstance(node, dict | list):
        return
    for key, inner in enumerate(node) if isinstance(node, list) else node.items():
        yield node, key
        yield from places(inner)


def name_of(holder: Any, key: Any) -> str:
    """The name of a place; empty in a list."""
    if is_form(holder):
        return str(holder[key][0].rpartition("[")[2].rstrip("]"))
    return key if isinstance(key, str) else ""


def value_at(holder: Any, key: Any) -> Any:
    """What stands in a place."""
    return holder[key][1] if is_form(holder) else holder[key]


def put(holder: Any, key: Any, value: Any) -> None:
    """Put a value into a place; into a form as text."""
    if is_form(holder):
        text = value.text if isinstance(value, Token) else "" if value is None else str(value)
        holder[key] = holder[key][0], text
    else:
        holder[key] = value


def written(document: Any, dice: Random) -> bytes:
    """A document's bytes."""
    if is_form(document):
        return b"&".join(f"{_quoted(name)}={_quoted(text)}".encode() for name, text in document)
    text = "".join(_json(document, escape=dice.random() < 0.5))
    return (dice.choice(("", "", "", "\ufeff", " \n")) + text).encode("utf-8", "surrogatepass")


def _quoted(text: str) -> str:
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"), safe="")


def _json(node: Any, *, escape: bool) -> Iterable[str]:
    if isinstance(node, Token):
        yield node.text
    elif isinstance(node, dict | list):
        pairs = node.items() if isinstance(node, dict) else ((None, inner) for inner in node)
        yield "{" if isinstance(node, dict) else "["
        for number, (key, inner) in enumerate(pairs):
            yield "," if number else ""
            yield "" if key is None else json.dumps(key, ensure_ascii=escape) + ":"
            yield from _json(inner, escape=escape)
        yield "}" if isinstance(node, dict) else "]"
    else:
        yield json.dumps(node, ensure_ascii=escape)
