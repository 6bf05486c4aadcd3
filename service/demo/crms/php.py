"""Parameters nested by brackets, as PHP reads and writes them: `filter[id][]=1&filter[closed_at][from]=2`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import parse_qsl, urlencode

Node: TypeAlias = "str | int | float | bool | None | Mapping[str, Node] | Sequence[Node]"
"""Parameters as JSON gives them; read from a query or a form, all leaves are strings and lists are dicts."""

Tree: TypeAlias = dict[str, "str | Tree"]


def nested(query: str) -> Tree:
    """The tree of a query or a form body."""
    tree: Tree = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        head, _, rest = key.partition("[")
        path = [head, *(rest[:-1].split("][") if rest.endswith("]") else [])]
        node = tree
        for part in path[:-1]:
            child = node.setdefault(part or str(len(node)), {})
            node = child if isinstance(child, dict) else {}
        node[path[-1] or str(len(node))] = value
    return tree


def form(fields: Iterable[tuple[str, str]]) -> bytes:
    """A form body of these fields, in their order."""
    return urlencode(list(fields)).encode()


def flat(node: Node, path: str = "") -> Iterator[tuple[str, str]]:
    """The fields of a tree, as `http_build_query` writes them."""
    if isinstance(node, Mapping):
        children: Iterable[tuple[str, Node]] = node.items()
    elif isinstance(node, Sequence) and not isinstance(node, str):
        children = ((str(n), member) for n, member in enumerate(node))
    else:
        yield path, "" if node is None else str(node)
        return
    for name, child in children:
        yield from flat(child, f"{path}[{name}]" if path else name)


def values(node: Node) -> list[Node]:
    """A parameter's values: the members of a list, or a single value."""
    if node is None:
        return []
    if isinstance(node, Mapping):
        return list(node.values())
    if isinstance(node, Sequence) and not isinstance(node, str):
        return list(node)
    return [node]
