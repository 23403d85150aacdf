"""Formats numbers for people."""

from __future__ import annotations

import math


def size_text(size: int) -> str:
    """Format bytes in the largest unit that leaves a number of at least 1."""
    value = float(size)
    units = ["B", "kB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"


def seconds_text(value: float | None) -> str:
    """Format seconds in the largest unit that leaves a number of at least 1; `-` for None."""
    if value is None:
        return "-"
    unit, factor = next(((u, f) for u, f in (("s", 1.0), ("ms", 1e3)) if value * f >= 0.9995), ("µs", 1e6))
    number = value * factor
    return f"{number:.3g} {unit}" if number < 999.5 else f"{number:.0f} {unit}"


def number_text(value: float | None, pattern: str) -> str:
    """Format a number by a pattern; `-` for None, `exact` for an infinite ratio."""
    if value is None:
        return "-"
    return "exact" if math.isinf(value) and value > 0 else pattern.format(value)


def count_text(value: int | None) -> str:
    """Format a count with a prefix for thousands, millions and so on; `-` for None."""
    if value is None:
        return "-"
    number = float(value)
    prefixes = ["", "k", "M", "G", "T"]
    while number >= 999.5 and len(prefixes) > 1:
        number /= 1000
        prefixes.pop(0)
    return f"{number:.3g} {prefixes[0]}".strip()


def ratio_text(value: float | None) -> str:
    """Format an error in units of its budget."""
    if value is None:
        return "-"
    return "infinite" if math.isinf(value) else f"{value:.2g}×"
