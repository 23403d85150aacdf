"""Non-maximum suppression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kexport_shared.mil.context import IOS17, Context

Array = np.ndarray


def _overlap(box: Array, others: Array) -> Array:
    """The intersection over the union of one box with others, given by centre and size."""
    low = np.maximum(box[:2] - box[2:] / 2, others[:, :2] - others[:, 2:] / 2)
    high = np.minimum(box[:2] + box[2:] / 2, others[:, :2] + others[:, 2:] / 2)
    common = np.prod(np.maximum(high - low, 0), axis=1)
    union = np.prod(box[2:]) + np.prod(others[:, 2:], axis=1) - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def _kept(boxes: Array, scores: Array, overlap: float, least: float, limit: int, by_class: bool) -> list[int]:
    """The boxes that survive, best first; if all are below the least score, the best one stays."""
    best = scores.max(axis=1)
    label = scores.argmax(axis=1)
    order = [int(i) for i in np.argsort(-best, kind="stable") if best[i] > least]
    kept: list[int] = []
    for index in order:
        rivals = [k for k in kept if not by_class or label[k] == label[index]]
        if not rivals or not np.any(_overlap(boxes[index], boxes[rivals]) > overlap):
            kept.append(index)
        if len(kept) == limit:
            break
    return kept or [int(np.argmax(best))]


def non_maximum_suppression(
    context: Context,
    boxes: Array,
    scores: Array,
    iou_threshold: Array,
    max_boxes: Array,
    score_threshold: Array | float = -np.inf,
    per_class_suppression: Array | bool = False,
) -> tuple[Array, ...]:
    """The boxes that overlap no better one too much; since iOS 17 boxes lie in the last axis and are not counted."""
    late = context.opset >= IOS17
    rows, points = (np.swapaxes(v, 1, 2) if late else v for v in (boxes, scores))
    limit = int(max_boxes)
    chosen = np.zeros((len(rows), limit, 4), rows.dtype)
    values = np.zeros((len(rows), limit, points.shape[2]), points.dtype)
    places = np.full((len(rows), limit), -1, np.int32)
    counts = np.zeros(len(rows), np.int32)
    bounds = float(iou_threshold), float(score_threshold), limit, bool(per_class_suppression)
    for batch, (own, score) in enumerate(zip(rows, points, strict=True)):
        kept = _kept(own, score, *bounds)
        counts[batch] = len(kept)
        chosen[batch, : len(kept)] = own[kept]
        values[batch, : len(kept)] = score[kept]
        places[batch, : len(kept)] = kept
    if late:
        return np.swapaxes(chosen, 1, 2), np.swapaxes(values, 1, 2), places
    return chosen, values, places, counts


CONTEXTUAL: dict[str, Callable[..., Any]] = {"non_maximum_suppression": non_maximum_suppression}
