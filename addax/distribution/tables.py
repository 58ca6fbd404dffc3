"""Tables of texts, and bytes as texts."""

from __future__ import annotations

from collections.abc import Sequence


def size(number: float) -> str:
    """Returns bytes as text.

    >>> size(12), size(5 << 20)
    ('12 B', '5.2 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def table(cells: Sequence[Sequence[str]]) -> str:
    """Returns rows of cells as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*cells)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in cells)


__all__ = ["size", "table"]
