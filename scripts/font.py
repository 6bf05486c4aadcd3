"""Makes the page's fonts: the parts of Roboto that boards need, and signs that it lacks from DejaVu.

Roboto is narrow, so that more of a name fits, and its digits are equally wide. Other scripts, other weights,
kerning and hinting are left out, which keeps the page small: a name in another script is drawn in a font of
the system. Debian's packages have the fonts and their licences (`scripts/programs.py` installs them).
"""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path
from typing import Final

from fontTools import subset
from fontTools.ttLib import TTFont

from scripts.programs import FONTS

FOLDER: Final = Path(__file__).parents[1] / "service/live/static"

CYRILLIC: Final = (*range(0x400, 0x460), *map(ord, "ҐґӘәҒғҚқҢңӨөҰұҮүҺһ"))
MARKS: Final = "‐‑‒–—―‘’‚“”„•… ‰′″‹›№™−"
CURRENCIES: Final = "€₽₸₴₹₺₩₫₪₦₱"
LETTERS: Final = (
    *range(0x20, 0x7F),
    *range(0xA0, 0x100),
    *CYRILLIC,
    *map(ord, MARKS + CURRENCIES),
)
SIGNS: Final = tuple(map(ord, "←↑→↓↗▲▼△▽■□●○◆◇✓✗✕⚠"))
"""What the page draws with and Roboto lacks."""

FILES: Final = {
    "roboto-regular.woff2": (FONTS["Roboto"][0], LETTERS),
    "roboto-bold.woff2": (FONTS["Roboto"][1], LETTERS),
    "signs.woff2": (FONTS["DejaVu"][1], SIGNS),
}
LICENCES: Final = (
    "/usr/share/doc/fonts-roboto-unhinted/copyright",
    "/usr/share/common-licenses/Apache-2.0",
    "/usr/share/doc/fonts-dejavu-core/copyright",
)


def make(source: str, characters: tuple[int, ...], target: Path) -> None:
    """Write those characters of a font, compressed for the web."""
    options = subset.Options()
    options.flavor = "woff2"
    options.hinting = False
    options.layout_features = ["tnum", "locl", "ccmp", "mark"]
    options.name_IDs = [0, 1, 2, 13, 14]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters)
    with subset.load_font(source, options) as font:
        subsetter.subset(font)
        subset.save_font(font, str(target), options)


def characters_of(font: Path) -> frozenset[int]:
    """The characters that a font can draw."""
    with TTFont(font) as opened:
        return frozenset(opened.getBestCmap())


def main() -> None:
    """Make all of them, with a text of their licences beside them."""
    for name, (source, characters) in FILES.items():
        make(source, characters, FOLDER / name)
        sys.stdout.write(f"{name}: {(FOLDER / name).stat().st_size} bytes\n")
    texts = (Path(path).read_text(encoding="utf-8").strip() for path in LICENCES)
    head = "The fonts beside this file: parts of Roboto (roboto-*.woff2) and of DejaVu Sans (signs.woff2)."
    (FOLDER / "fonts-licence.txt").write_text("\n\n".join(chain([head], texts)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
