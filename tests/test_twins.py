"""A Russian document says what its English twin says, as far as that can be compared: section by section the
commands, names, rows and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
DOCS: Final = ROOT / "docs"
RUSSIAN: Final = [ROOT / "README.ru.md", *sorted(DOCS.glob("**/*.ru.md"))]
ENGLISH_ONLY: Final = {
    "adding-a-crm.md",
    "adding-a-figure.md",
    "glossary.md",
    "live-protocol.md",
}
PAGES: Final = sorted(
    path
    for kind in ("tutorial", "how-to", "reference")
    for path in DOCS.glob(f"{kind}/**/*.md")
    if not path.name.endswith(".ru.md") and path.name not in ENGLISH_ONLY and path.name != "configuration.md"
)
BLOCK: Final = re.compile(r"^ *```\w*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
NAME: Final = re.compile(r"`+([^`]+)`+")
LINK: Final = re.compile(r"\]\(([^)\s#]*)(#?)[^)]*\)")


def twin(page: Path) -> Path:
    return page.with_suffix(".ru.md")


@dataclass(frozen=True, slots=True)
class Section:
    """What both languages have in common.

    Args:
        level: Of its heading.
        code: The lines of its blocks, without comments.
        rows: The number of cells of each row of its tables.
        items: The number of its points and steps.
    """

    level: int
    code: tuple[str, ...]
    names: frozenset[str]
    rows: tuple[int, ...]
    items: int
    links: frozenset[str]


def sections(page: Path) -> Iterator[Section]:
    blocks = []

    def taken(block: re.Match[str]) -> str:
        blocks.append(block[1])
        return f"\0{len(blocks) - 1}\0"

    document = BLOCK.sub(taken, page.read_text(encoding="utf-8"))
    for part in re.split(r"^(?=#+ )", document, flags=re.MULTILINE)[1:]:
        code = "".join(blocks[int(number)] for number in re.findall("\0(\\d+)\0", part))
        links = {(path.replace(".ru.md", ".md"), bool(anchor)) for path, anchor in LINK.findall(part)}
        yield Section(
            level=part.index(" "),
            code=tuple(re.sub(r" +# .*", "", line).rstrip() for line in code.splitlines()),
            names=frozenset(" ".join(name.split()) for name in NAME.findall(part)),
            rows=tuple(
                line.replace("\\|", "").count("|") for line in re.findall(r"^ *\|.*", part, re.MULTILINE)
            ),
            items=len(re.findall(r"^ *(?:- |\d+\. )", part, re.MULTILINE)),
            links=frozenset(
                f"{path}{'#' * anchor}" for path, anchor in links if path != page.name.replace(".ru", "")
            ),
        )


# The tutorial's commands have words of the reader's language in them; tests/e2e/test_tutorial.py runs both.
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.parent.name != "tutorial"], ids=lambda page: page.stem
)
def test_a_page_for_the_office_or_its_operator_says_the_same_in_russian(page: Path) -> None:
    assert list(sections(twin(page))) == list(sections(page)) != []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_twins_lead_to_each_other(page: Path) -> None:
    assert f"[На русском]({twin(page).name})" in page.read_text(encoding="utf-8")
    assert f"[In English]({page.name})" in twin(page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", RUSSIAN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_russian_page_leads_to_russian_pages(page: Path) -> None:
    for path, _ in LINK.findall(page.read_text(encoding="utf-8")):
        russian = twin(page.parent / path)
        assert path.endswith(".ru.md") or not russian.exists() or russian == page, path
