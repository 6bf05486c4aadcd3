"""Every state of a board on every screen, in browsers that have one family of fonts each: no text touches
another, every figure is whole, and what a wall shows can be read from its distance."""

from __future__ import annotations

from math import ceil

from tests.live.page.layout import FAMILIES, measured


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """Measure them; below the full length, in fewer families. Nothing depends on the seed."""
    counts = [measured(family) for family in FAMILIES[: ceil(scale * len(FAMILIES))]]
    problems = [problem for count in counts for problem in count.problems]
    assert not problems, f"{len(problems)} of seed {seed}: {problems[:20]}"
    found: dict[str, int | float | str] = {}
    for name in ("layouts", "texts", "pairs"):
        found[name] = sum(count.counted[name] for count in counts)
    for kind in counts[0].least:
        lowest = min(count.least[kind] for count in counts)
        found[f"lowest capitals, {kind}, arcminutes"] = round(lowest, 1)
    return found
