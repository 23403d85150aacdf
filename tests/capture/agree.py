"""Comparison of a captured graph with what the model itself computes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from kexport.capture.capturing import Captured, capture
from kexport.ir.evaluator import evaluate
from kexport.ir.op import Array
from kexport.ir.verifier import verify_graph

TOLERANCE = 2e-5
"""The largest error, relative to the range of an output."""


def agree(model: Any, *batches: Sequence[Array], tolerance: float = TOLERANCE, **options: Any) -> Captured:
    """Capture a model and compare graph and model on batches: in float32, and in float64 on the first one."""
    captured = capture(model, **options)
    verify_graph(captured.graph)
    for i, batch in enumerate(batches):
        expected = captured.source.run(batch)
        for wide in (False, True)[: 2 if i == 0 else 1]:
            compare(captured, batch, expected, tolerance, wide)
    return captured


def compare(
    captured: Captured, batch: Sequence[Array], expected: Sequence[Array], tolerance: float, wide: bool
) -> None:
    """Evaluate the graph and compare; all outputs that differ are named."""
    contract = captured.contract
    found = evaluate(captured.graph, {p.name: a for p, a in zip(contract.inputs, batch, strict=True)}, wide=wide)
    wrong = []
    for port, want in zip(contract.outputs, expected, strict=True):
        got = found[port.name]
        assert got.shape == want.shape, f"{port.name}: {got.shape}, not {want.shape}"
        if not wide:
            assert got.dtype == want.dtype, f"{port.name}: {got.dtype}, not {want.dtype}"
        error = float((got != want).sum()) if want.dtype == object else relative_error(got, want)
        if not error <= (tolerance if want.dtype.kind == "f" else 0):
            wrong.append(f"{port.name}: {error:.1e}")
    assert not wrong, ("in float64: " if wide else "") + ", ".join(wrong)


def relative_error(got: Array, want: Array) -> float:
    """The largest difference as a part of the range; NaN has to be where NaN is."""
    a = got.astype(np.float64)
    b = want.astype(np.float64)
    if not np.array_equal(np.isnan(a), np.isnan(b)):
        return np.inf
    a = np.nan_to_num(a)
    b = np.nan_to_num(b)
    return float(np.max(np.abs(a - b), initial=0) / max(np.max(np.abs(b), initial=0), 1e-6))


def randomize(model: Any, seed: int = 0) -> Any:
    """Give every float weight of a model a value that is not its initial one, so that no weight can be left out."""
    random = np.random.default_rng(seed)
    for weight in model.weights:
        shape = tuple(weight.shape)
        name = weight.name
        if weight.dtype not in ("float32", "float16", "float64", "bfloat16"):
            continue
        if name in ("gamma", "scale", "moving_variance") or "variance" in name:
            weight.assign(random.uniform(0.5, 1.5, shape))
        else:
            fan_in = max(1, int(np.prod(shape[:-1])))
            weight.assign(
                random.normal(0, 1 / np.sqrt(fan_in), shape) if len(shape) > 1 else random.normal(0, 0.3, shape)
            )
    return model


def normal(*shape: int, seed: int = 0) -> Array:
    """Random numbers around 0 in float32."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def integers(*shape: int, high: int, low: int = 0, dtype: str = "int32", seed: int = 0) -> Array:
    """Random integers."""
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


def op_counts(captured: Captured) -> Counter[str]:
    """How often each op occurs."""
    return Counter(n.op.name for n in captured.graph.nodes)
