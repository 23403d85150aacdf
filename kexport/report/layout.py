"""Places the boxes of a directed graph in rows: each below all its sources, and near its neighbours.

The method of Sugiyama, Tagawa and Toda ("Methods for visual understanding of hierarchical system structures", 1981):
ranks by longest path, invisible points where an edge passes a row, order by barycentres, then positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SWEEPS = 8
"""How often rows are ordered, by the row above and by the row below in turn."""
POINT = 14.0
"""The width of an edge where it passes a row."""
LIGHT = 0.05
"""The weight of such a point, or of a box without successors, relative to other boxes."""


@dataclass(frozen=True)
class Layout:
    """The centre of every box, and the points that every edge goes through."""

    places: tuple[tuple[float, float], ...]
    paths: Mapping[tuple[int, int], tuple[tuple[float, float], ...]]
    width: float
    height: float


@dataclass
class _Rows:
    """Boxes and points in rows. Boxes are numbered first."""

    rows: list[list[int]]
    up: list[list[int]]
    down: list[list[int]]
    sizes: list[float]
    chains: dict[tuple[int, int], list[int]]


def lay_out(count: int, edges: Sequence[tuple[int, int]], box: tuple[float, float], gap: tuple[float, float]) -> Layout:
    """Place `count` boxes of one size. Every edge must lead to a box with a higher number.

    Args:
        count: how many boxes there are.
        edges: pairs of boxes, the source first.
        box: width and height of a box.
        gap: the least distance between boxes, across and down.
    """
    rows = _ranked(count, sorted(set(edges)), box[0])
    for sweep in range(SWEEPS):
        _order(rows, downwards=sweep % 2 == 0)
    across = _across(rows, gap[0])
    left = min((x - s / 2 for x, s in zip(across, rows.sizes, strict=True)), default=0.0)
    right = max((x + s / 2 for x, s in zip(across, rows.sizes, strict=True)), default=0.0)
    step = box[1] + gap[1]
    height_of = {item: r * step + box[1] / 2 for r, row in enumerate(rows.rows) for item in row}
    places = [(round(x - left, 1), round(height_of[i], 1)) for i, x in enumerate(across)]
    paths = {edge: tuple(places[i] for i in chain) for edge, chain in rows.chains.items()}
    return Layout(tuple(places[:count]), paths, round(right - left, 1), max(len(rows.rows) * step - gap[1], 0.0))


def _ranked(count: int, edges: Sequence[tuple[int, int]], width: float) -> _Rows:
    rank = [0] * count
    for a, b in edges:  # sorted by source, and sources come before what they lead to
        rank[b] = max(rank[b], rank[a] + 1)
    firsts = [b for _, b in edges]
    for i in range(count):  # an input stands right above its first use
        users = [b for a, b in edges if a == i]
        if i not in firsts and users:
            rank[i] = min(rank[b] for b in users) - 1
    found = _Rows(
        [[] for _ in range(max(rank, default=-1) + 1)], [[] for _ in rank], [[] for _ in rank], [width] * count, {}
    )
    for i in range(count):
        found.rows[rank[i]].append(i)
    for a, b in edges:
        chain = [a]
        for row in range(rank[a] + 1, rank[b]):
            chain.append(len(found.sizes))
            found.rows[row].append(len(found.sizes))
            found.sizes.append(POINT)
            found.up.append([])
            found.down.append([])
        chain.append(b)
        found.chains[a, b] = chain
        for upper, lower in pairwise(chain):
            found.down[upper].append(lower)
            found.up[lower].append(upper)
    return found


def _order(rows: _Rows, downwards: bool) -> None:
    """Sort every row by the mean position of its neighbours in the previous row."""
    neighbours = rows.up if downwards else rows.down
    place = {item: i for row in rows.rows for i, item in enumerate(row)}
    for row in rows.rows if downwards else rows.rows[::-1]:
        key = {i: _mean([float(place[n]) for n in neighbours[i]], float(place[i])) for i in row}
        row.sort(key=lambda i: (key[i], place[i]))
        place |= {item: i for i, item in enumerate(row)}


def _across(rows: _Rows, gap: float) -> list[float]:
    """Return the horizontal centre of every box and point: near the mean of its neighbours, without overlaps."""
    x = [0.0] * len(rows.sizes)
    for row in rows.rows:
        _spread(row, [0.0] * len(row), rows, gap, x)
    for sweep in range(2 * SWEEPS):
        neighbours = rows.up if sweep % 2 == 0 else rows.down
        for row in rows.rows if sweep % 2 == 0 else rows.rows[::-1]:
            _spread(row, [_wanted(i, neighbours[i], rows, x) for i in row], rows, gap, x)
    return x


def _wanted(item: int, neighbours: Sequence[int], rows: _Rows, x: Sequence[float]) -> float:
    weights = [_weight(n, rows) for n in neighbours]
    total = sum(w * x[n] for w, n in zip(weights, neighbours, strict=True))
    return total / sum(weights) if weights else x[item]


def _weight(item: int, rows: _Rows) -> float:
    return 1.0 if rows.sizes[item] != POINT and rows.down[item] else LIGHT


def _spread(row: Sequence[int], wanted: Sequence[float], rows: _Rows, gap: float, x: list[float]) -> None:
    """Move a row as near to its wanted places as gaps allow (pool adjacent violators)."""
    offsets: list[float] = []
    for i, item in enumerate(row):
        offsets.append(offsets[-1] + (rows.sizes[row[i - 1]] + rows.sizes[item]) / 2 + gap if i else 0.0)
    blocks: list[tuple[float, float, int]] = []  # sum of the wanted places without offsets, weight, how many
    for item, want, offset in zip(row, wanted, offsets, strict=True):
        weight = _weight(item, rows)
        number = 1
        total = weight * (want - offset)
        while blocks and blocks[-1][0] / blocks[-1][1] > total / weight:
            before = blocks.pop()
            total = total + before[0]
            weight = weight + before[1]
            number = number + before[2]
        blocks.append((total, weight, number))
    places = [total / weight for total, weight, number in blocks for _ in range(number)]
    for item, place, offset in zip(row, places, offsets, strict=True):
        x[item] = place + offset


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
