"""Makes `static/signs.woff2`: the signs that the page uses and a television's own font may lack.

Its glyphs are those of DejaVu Sans (Debian's fonts-dejavu-core). Their licence, which lies beside the file,
allows a changed font under another name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fontTools.subset import Options, Subsetter, load_font, save_font

from scripts.programs import FONTS

SIGNS: Final = "€₩₪₫₱₴₸₹₺₽฿№−…·×←↑→↓↗▲▼○●◇□✓⚠"
"""What is in it: signs of currencies, the minus, and what stands beside figures."""

TARGET: Final = Path("service/live/static/signs.woff2")
NAME: Final = "Lossboard Signs"
NAMES: Final = (1, 3, 4, 6, 16)
"""The entries of a font's table of names that hold its own name."""


def main() -> None:
    """Make the file again."""
    options = Options(flavor="woff2", hinting=False, name_IDs=[0, 13, *NAMES], layout_features=[])
    font = load_font(FONTS["DejaVu"][0], options)
    subsetter = Subsetter(options)
    subsetter.populate(text=SIGNS)
    subsetter.subset(font)
    for entry in font["name"].names:
        if entry.nameID in NAMES:
            entry.string = NAME
    save_font(font, str(TARGET), options)
    print(f"{TARGET}: {TARGET.stat().st_size} bytes, {len(SIGNS)} signs")


if __name__ == "__main__":
    main()
