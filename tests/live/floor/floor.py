"""The oldest browser that the page is made for, Chromium 79 (LG webOS 6), and what its scripts and styles
must therefore not use. Each rule names the version that brought the feature.

`tests/soak/televisions.py` asks real browsers of that age the same: what they drop, these rules must know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import tree_sitter_css
import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

FLOOR: Final = 79

_JAVASCRIPT: Final = Parser(Language(tree_sitter_javascript.language()))
_CSS: Final = Parser(Language(tree_sitter_css.language()))

SYNTAX: Final = frozenset(
    """
    program comment identifier property_identifier private_property_identifier
    shorthand_property_identifier shorthand_property_identifier_pattern string string_fragment
    escape_sequence template_string template_substitution number regex regex_pattern regex_flags true
    false null undefined this super array array_pattern object object_pattern object_assignment_pattern
    pair pair_pattern assignment_pattern rest_pattern computed_property_name spread_element arguments
    arrow_function function_expression function_declaration generator_function_declaration
    formal_parameters class_declaration class class_body class_heritage field_definition
    method_definition call_expression new_expression member_expression subscript_expression
    assignment_expression augmented_assignment_expression binary_expression unary_expression
    update_expression ternary_expression parenthesized_expression sequence_expression await_expression
    yield_expression expression_statement lexical_declaration variable_declarator statement_block
    if_statement else_clause for_statement for_in_statement while_statement do_statement
    switch_statement switch_body switch_case switch_default break_statement continue_statement
    return_statement throw_statement try_statement catch_clause finally_clause empty_statement
    meta_property import_statement import_clause import_specifier named_imports namespace_import import
    export_statement export_clause export_specifier
    """.split()
)
"""The parts of the language that Chromium 79 reads; the tests of `YOUNGER_SYNTAX` name what came later."""

YOUNGER_SYNTAX: Final = {
    "optional_chain": 80,
    "??": 80,
    "&&=": 85,
    "||=": 85,
    "??=": 85,
    "class_static_block": 94,
    "import_attribute": 123,
}
YOUNGER_NAMES: Final = {
    "AggregateError": 85,
    "CompressionStream": 80,
    "DecompressionStream": 80,
    "DisplayNames": 81,
    "FinalizationRegistry": 84,
    "Segmenter": 87,
    "URLPattern": 95,
    "WeakRef": 84,
    "any": 85,
    "at": 92,
    "canParse": 120,
    "checkVisibility": 105,
    "findLast": 97,
    "findLastIndex": 97,
    "finished": 84,
    "fromAsync": 121,
    "getAnimations": 84,
    "groupBy": 117,
    "hasOwn": 93,
    "inert": 102,
    "moveBefore": 133,
    "randomUUID": 92,
    "replaceAll": 85,
    "replaceChildren": 86,
    "scheduler": 94,
    "showPicker": 99,
    "showPopover": 114,
    "startViewTransition": 111,
    "structuredClone": 98,
    "throwIfAborted": 100,
    "toReversed": 110,
    "toSorted": 110,
    "toSpliced": 110,
    "togglePopover": 114,
    "trustedTypes": 83,
    "userAgentData": 90,
    "wakeLock": 84,
    "withResolvers": 119,
}
METHODS: Final = frozenset({"any", "at"})
"""Names that other things have too, so that only a call tells."""
REFLECTED: Final = re.compile("aria[A-Z]")  # attributes as properties: Chromium 81
LOOKED_FOR: Final = frozenset({"createPolicy", "trustedTypes", "wakeLock"})
"""Names that a script uses only where it has found them."""

AT_RULES: Final = frozenset("media_statement keyframes_statement supports_statement".split())
PSEUDO_CLASSES: Final = frozenset(
    """
    active any-link checked disabled empty enabled first-child first-of-type focus focus-within hover
    invalid last-child last-of-type link not nth-child nth-last-child nth-of-type only-child read-only
    required root target visited
    """.split()
)
PSEUDO_ELEMENTS: Final = frozenset(
    "after backdrop before first-letter first-line placeholder selection".split()
)
UNITS: Final = frozenset("% px em rem ch ex vh vw vmin vmax fr deg turn s ms pt cm mm in".split())
FUNCTIONS: Final = frozenset(
    """
    attr blur brightness calc clamp counter cubic-bezier env fit-content format grayscale hsl hsla inset
    linear-gradient local max min minmax radial-gradient repeat rgb rgba rotate rotateY scale scaleX
    scaleY steps translate translateX translateY url var
    """.split()
)
YOUNGER_PROPERTIES: Final = {
    "accent-color": 93,
    "appearance": 84,
    "ascent-override": 87,
    "aspect-ratio": 88,
    "border-block": 87,
    "border-inline": 87,
    "color-scheme": 81,
    "contain-intrinsic-size": 83,
    "container": 105,
    "container-name": 105,
    "container-type": 105,
    "content-visibility": 85,
    "field-sizing": 123,
    "forced-color-adjust": 89,
    "inset": 87,
    "inset-block": 87,
    "inset-block-end": 87,
    "inset-block-start": 87,
    "inset-inline": 87,
    "inset-inline-end": 87,
    "inset-inline-start": 87,
    "margin-block": 87,
    "margin-inline": 87,
    "mask": 120,
    "padding-block": 87,
    "padding-inline": 87,
    "print-color-adjust": 136,
    "rotate": 104,
    "scale": 104,
    "scrollbar-color": 121,
    "scrollbar-gutter": 94,
    "scrollbar-width": 121,
    "size-adjust": 92,
    "text-decoration-thickness": 89,
    "text-underline-offset": 87,
    "text-wrap": 114,
    "translate": 104,
}
YOUNGER_VALUES: Final = {
    ("overflow-wrap", "anywhere"): 80,
    ("overflow", "clip"): 90,
    ("text-align", "match-parent"): 88,
}
EXTRAS: Final = frozenset(
    """
    color-scheme print-color-adjust scrollbar-color scrollbar-width size-adjust
    text-decoration-thickness text-underline-offset
    """.split()
)
"""Properties that no layout depends on."""


def script_problems(source: bytes) -> list[str]:
    """What of a script Chromium 79 does not read or does not have."""
    tree = _JAVASCRIPT.parse(source).root_node
    return [_at(node, problem) for node in _all(tree) for problem in _of_script(node)]


def style_problems(source: bytes) -> list[str]:
    """What of a stylesheet Chromium 79 drops, unless the page does without it."""
    tree = _CSS.parse(source).root_node
    return [_at(node, problem) for node in _all(tree) for problem in _of_style(node)]


def borrowed(*sources: bytes) -> set[str]:
    """The names that scripts take from objects and do not define themselves."""
    names = [
        node
        for source in sources
        for node in _all(_JAVASCRIPT.parse(source).root_node)
        if node.type.endswith("property_identifier")
    ]
    own = {_text(node) for node in names if not _is_name(node) or _text(node.parent).startswith("this.")}
    return {_text(node) for node in names} - own - LOOKED_FOR


def declarations(source: bytes) -> Iterator[tuple[str, str]]:
    """Every declaration of a stylesheet that something depends on: its property and value."""
    for node in _all(_CSS.parse(source).root_node):
        if node.type == "declaration":
            name, value = _parts(node)
            if name not in EXTRAS and not _has_fallback(node, name) and not _describes_a_font(node):
                yield name, value


def _describes_a_font(node: Node) -> bool:
    """Whether it stands in @font-face, about which browsers cannot be asked."""
    block = node.parent
    return block is not None and block.parent is not None and block.parent.type == "at_rule"


def _parts(node: Node) -> tuple[str, str]:
    name, _, value = _text(node).partition(":")
    return name.strip(), value.partition("!")[0].strip(" ;")


def _at(node: Node, problem: str) -> str:
    return f"line {node.start_point[0] + 1}: {problem}"


def _all(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _all(child)


def _text(node: Node | None) -> str:
    return "" if node is None or node.text is None else node.text.decode()


def _since(version: int) -> str:
    return f"since Chromium {version}"


def _of_script(node: Node) -> Iterator[str]:
    text = _text(node)
    if node.is_missing or node.is_error:
        yield f"not understood: {text[:60]}"
    elif node.type in YOUNGER_SYNTAX:
        yield f"{text[:20]} {_since(YOUNGER_SYNTAX[node.type])}"
    elif node.is_named and node.type not in SYNTAX:
        yield f"{node.type}: not known to be in Chromium {FLOOR}"
    elif node.type == "method_definition" and _text(node.child_by_field_name("name")).startswith("#"):
        yield f"a private method {_since(84)}"
    elif node.type == "binary_expression" and _text(node.child_by_field_name("left")).startswith("#"):
        yield f"#name in object {_since(91)}"
    elif node.type == "await_expression" and not _in_function(node):
        yield f"await outside a function {_since(89)}"
    elif node.type == "regex_flags" and set(text) & {"d", "v"}:
        yield f"the flags d {_since(90)} and v {_since(112)}"
    elif node.type == "pair" and re.fullmatch("type: ?[\"']module[\"']", text):
        yield f"a worker that is a module {_since(80)}"
    elif _is_name(node) and text not in LOOKED_FOR:
        if text in YOUNGER_NAMES:
            yield f"{text} {_since(YOUNGER_NAMES[text])}"
        elif REFLECTED.match(text):
            yield f"{text} {_since(81)}"


def _is_name(node: Node) -> bool:
    """Whether it is what an object has, or a global: not the script's own word."""
    if node.type == "identifier":
        return _text(node) not in METHODS
    member = node.parent
    if node.type != "property_identifier" or member is None or member.type != "member_expression":
        return False
    return _text(node) not in METHODS or (
        member.parent is not None and member.parent.type == "call_expression"
    )


def _in_function(node: Node) -> bool:
    above = node.parent
    while above is not None:
        if "function" in above.type or above.type == "method_definition":
            return True
        above = above.parent
    return False


def _of_style(node: Node) -> Iterator[str]:
    text = _text(node)
    if node.is_missing or node.is_error:
        yield f"not understood: {text[:60]}"
    elif node.type == "rule_set" and node.parent is not None and node.parent.type == "block":
        if node.parent.parent is not None and node.parent.parent.type == "rule_set":
            yield f"a rule in a rule {_since(112)}"
    elif node.type == "at_rule" and not text.startswith(("@font-face", "@page")):
        yield f"{text.split()[0]}: not known to be in Chromium {FLOOR}"
    elif node.type == "media_statement" and re.search("[<>]", text.partition("{")[0]):
        yield f"a range in a media query {_since(104)}"
    elif node.type == "pseudo_class_selector":
        yield from _of_pseudo_class(node)
    elif node.type == "pseudo_element_selector":
        name = text.rpartition("::")[2]
        if name not in PSEUDO_ELEMENTS and not name.startswith("-webkit-"):
            yield f"::{name}: not known to be in Chromium {FLOOR}"
    elif node.type == "declaration":
        yield from _of_declaration(node)


def _of_pseudo_class(node: Node) -> Iterator[str]:
    names = [_text(child) for child in node.children if child.type == "class_name"]
    arguments = next((_text(child) for child in node.children if child.type == "arguments"), "")
    name = names[-1]
    if name == "focus-visible":
        if node.parent is None or node.parent.type != "selectors" or node.parent.named_child_count > 1:
            yield f":focus-visible {_since(86)}: it needs a rule of its own"
    elif name not in PSEUDO_CLASSES:
        yield f":{name}: not known to be in Chromium {FLOOR}"
    elif name == "not" and "," in arguments:
        yield f"a list in :not() {_since(88)}"
    elif " of " in arguments:
        yield f":{name}(… of …) {_since(111)}"


def _of_declaration(node: Node) -> Iterator[str]:
    name, value = _parts(node)
    problems = [*_of_property(node, name, value), *_of_value(node)]
    if problems and name not in EXTRAS and not _has_fallback(node, name):
        yield from problems


def _of_property(node: Node, name: str, value: str) -> Iterator[str]:
    if name in YOUNGER_PROPERTIES:
        yield f"{name} {_since(YOUNGER_PROPERTIES[name])}"
    elif (name, value) in YOUNGER_VALUES:
        yield f"{name}: {value} {_since(YOUNGER_VALUES[name, value])}"
    siblings = "" if node.parent is None else _text(node.parent)
    if re.search(r"display: ?(inline-)?flex", siblings):
        if name in {"gap", "row-gap", "column-gap"} and value != "0":
            yield f"{name} between flex items {_since(84)}"
        elif name in {"align-items", "justify-content", "align-content"} and value in {"start", "end"}:
            yield f"{name}: {value} of flex items {_since(93)}: flex-{value}"


def _of_value(node: Node) -> Iterator[str]:
    for part in _all(node):
        text = _text(part)
        if part.type == "unit" and text not in UNITS:
            yield f"the unit {text}: not known to be in Chromium {FLOOR}"
        elif part.type == "function_name" and text not in FUNCTIONS:
            yield f"{text}(): not known to be in Chromium {FLOOR}"


def _has_fallback(node: Node, name: str) -> bool:
    """Whether an older value of the same property stands before."""
    before = node.prev_named_sibling
    return before is not None and before.type == "declaration" and _text(before.children[0]) == name
