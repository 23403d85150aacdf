"""Puts samples together to batches of the size that is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from kexport.errors import ConfigError
from kexport.ir.contract import Port
from kexport.ir.op import Array
from kexport.quantize.calibration.fit import count_samples, has_batch_axis

Batches = Iterator[tuple[Mapping[str, Array], int]]


def regroup(parts: Iterable[Mapping[str, Array]], ports: Sequence[Port], rows: int, limit: int | None) -> Batches:
    """Batches of `rows` samples, the last one smaller if the model takes that; at most `limit` samples in all.

    Samples of different sizes do not come into one batch. A model whose batch has a fixed size gets no rest.

    Raises:
        ConfigError: the model's batch is of a fixed size, and there are fewer samples.
    """
    size = ports[0].type.shape[0] if has_batch_axis(ports) else None
    if size is None:
        yield from _whole(parts, limit)
        return
    fixed = size if isinstance(size, int) else None
    rows = fixed or rows
    given = 0
    made = 0
    held: list[Mapping[str, Array]] = []
    for part in _cut(parts, rows, limit):
        given += count_samples(part, ports)
        if held and _shapes(part) != _shapes(held[0]):
            yield from _joined(held, fixed)
            held = []
        held.append(part)
        while sum(map(_length, held)) >= rows:
            whole = _concat(held)
            yield _sliced(whole, 0, rows), rows
            made += rows
            rest = _sliced(whole, rows, None)
            held = [rest] if _length(rest) else []
    yield from _joined(held, fixed)
    if given and fixed and not made:
        what = f"the model takes batches of {fixed}, there are {given} samples of calibration data"
        raise ConfigError(what, hint=f"give {fixed} samples or more, or give the batch another size")


def _whole(parts: Iterable[Mapping[str, Array]], limit: int | None) -> Batches:
    for i, part in enumerate(parts):
        if limit is not None and i >= limit:
            return
        yield part, 1


def _cut(parts: Iterable[Mapping[str, Array]], rows: int, limit: int | None) -> Iterator[Mapping[str, Array]]:
    """Pieces of at most so many rows, of views into what is given; nothing is read beyond the limit."""
    left = limit
    for part in parts:
        for start in range(0, _length(part), rows):
            stop = start + rows if left is None else start + min(rows, left)
            piece = _sliced(part, start, stop)
            yield piece
            if left is not None:
                left -= _length(piece)
                if left <= 0:
                    return


def _joined(held: Sequence[Mapping[str, Array]], fixed: int | None) -> Batches:
    """What is left over, for a model that takes any number."""
    if held and not fixed:
        whole = _concat(held)
        yield whole, _length(whole)


def _concat(held: Sequence[Mapping[str, Array]]) -> Mapping[str, Array]:
    return held[0] if len(held) == 1 else {k: np.concatenate([h[k] for h in held]) for k in held[0]}


def _sliced(part: Mapping[str, Array], start: int, stop: int | None) -> Mapping[str, Array]:
    return {k: v[start:stop] for k, v in part.items()}


def _length(part: Mapping[str, Array]) -> int:
    return len(next(iter(part.values())))


def _shapes(part: Mapping[str, Array]) -> list[tuple[int, ...]]:
    return [v.shape[1:] for v in part.values()]
