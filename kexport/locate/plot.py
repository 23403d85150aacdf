"""Draws the error of every layer, by engine, as a self-contained SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from kexport.printable import printable

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666")
"""Colours that colour-blind readers can tell apart (Okabe and Ito)."""
LOWEST = -4
HIGHEST = 4
"""The decades of error over budget drawn; points outside are put on the edge."""
_STEP = 22
_LEFT = 70
_TOP = 24
_HEIGHT = 260
_CHAR = 6.2
_STYLE = "text{font:11px sans-serif;fill:#222}.grid{stroke:#ddd}.budget{stroke:#b00;stroke-dasharray:5 3}"


def layer_plot(title: str, lines: Mapping[str, Mapping[str, float | None]]) -> str:
    """Draw a line per engine over the layers: error in units of the budget, on a logarithmic scale.

    Args:
        title: the heading.
        lines: ratio by layer, by engine; None if an engine does not show a layer. The layers are in order.
    """
    layers = list(dict.fromkeys(name for ratios in lines.values() for name in ratios))
    width = _LEFT + _STEP * max(len(layers), 12) + 20
    room = _CHAR * max((len(name) for name in layers), default=0) + 12
    height = _TOP + _HEIGHT + room + 18 * len(lines) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" role="img">',
        f"<title>{_shown(title)}</title><style>{_STYLE}</style>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="8" y="15">{_shown(title)}</text>',
        *_grid(width),
        *(_label(name, i) for i, name in enumerate(layers)),
        *(part for i, (engine, ratios) in enumerate(lines.items()) for part in _line(engine, ratios, layers, i)),
        *_legend(list(lines), _TOP + _HEIGHT + room),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _x(index: int) -> float:
    return _LEFT + _STEP * (index + 0.5)


def _y(ratio: float) -> float:
    decade = min(max(math.log10(ratio), LOWEST), HIGHEST) if ratio > 0 else LOWEST
    return _TOP + _HEIGHT * (HIGHEST - decade) / (HIGHEST - LOWEST)


def _grid(width: float) -> list[str]:
    found: list[str] = []
    for decade in range(LOWEST, HIGHEST + 1):
        y = _y(10.0**decade)
        kind = "grid" if decade else "budget"
        found.append(f'<line class="{kind}" x1="{_LEFT}" y1="{y:.1f}" x2="{width - 10:.0f}" y2="{y:.1f}"/>')
        text = f"{10.0**decade:g}" if decade else "budget"
        found.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    return found


def _label(name: str, index: int) -> str:
    x = _x(index) + 4
    y = _TOP + _HEIGHT + 8
    return f'<text transform="translate({x:.1f},{y}) rotate(90)">{_shown(name)}</text>'


def _line(engine: str, ratios: Mapping[str, float | None], layers: Sequence[str], number: int) -> list[str]:
    color = COLORS[number % len(COLORS)]
    places = {name: i for i, name in enumerate(layers)}
    points = [(name, r, _x(places[name]), _y(r)) for name, r in ratios.items() if r is not None]
    path = " ".join(f"{x:.1f},{y:.1f}" for _, _, x, y in points)
    dots = [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{5 if r > 1 else 3}" fill="{color}">'
        f"<title>{_shown(name)} in {_shown(engine)}: {r:.3g} times its budget</title></circle>"
        for name, r, x, y in points
    ]
    return [f'<polyline points="{path}" fill="none" stroke="{color}"/>', *dots]


def _legend(engines: Sequence[str], top: float) -> list[str]:
    found: list[str] = []
    for i, engine in enumerate(engines):
        y = top + 18 * i
        color = COLORS[i % len(COLORS)]
        found.append(f'<rect x="{_LEFT}" y="{y:.0f}" width="10" height="10" fill="{color}"/>')
        found.append(f'<text x="{_LEFT + 16}" y="{y + 9:.0f}">{_shown(engine)}</text>')
    return found


def _shown(text: str) -> str:
    return escape(printable(text))
