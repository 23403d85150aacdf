"""What a quantized graph answers: the reference that its artifacts are judged by, and how far engines may be from it.

An artifact is not compared loosely with the float model, but with what the quantized graph means. Integer kernels round
products by fixed-point multipliers, and halves away from zero where the graph rounds to even, so that a number close to
the middle of two integers may go either way. Runs in which every `quantize` is moved by a random part of its step show
what becomes of that at the outputs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from kexport import ops
from kexport.evidence.reference_file import Recording, Reference
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array
from kexport.rewrite.grids import grid_of, held_in
from kexport.verify.tolerance import FACTOR

MOVED = 1 / 16
"""How far a number may be from the middle of two integers, in steps, to go either way."""
RUNS = 4
QUANTA = 2.0
"""Steps of the last grid that an output may always be off, as the operations before it may each be off by one."""


def quantized_reference(reference: Reference, graph: Graph, title: str) -> Reference:
    """The same inputs with the answers of a quantized graph in the place of Keras'.

    Args:
        reference: of the float model.
        graph: quantized.
        title: what was done, such as `int8`.
    """
    recordings = tuple(_answered(r, graph, seed) for seed, r in enumerate(reference.recordings))
    environment = dataclasses.replace(reference.environment, backend=f"kexport, quantized to {title}")
    return dataclasses.replace(reference, recordings=recordings, environment=environment)


def _answered(recording: Recording, graph: Graph, seed: int) -> Recording:
    inputs = recording.batch.inputs
    oracle = evaluate(graph, inputs, wide=True)
    steps = {o.name: step_of(o.value) for o in graph.outputs}
    moved = [evaluate(graph, inputs, narrow=True, perturb=_Steps(seed * RUNS + k)) for k in range(RUNS)]
    outputs = {n: oracle[n].astype(recording.outputs[n].dtype) for n in recording.outputs}
    lost = {n: _distance(recording.outputs[n], oracle[n]) for n in recording.outputs}
    eval32 = {n: _farthest(oracle[n], [m[n] for m in moved], steps[n], lost[n]) for n in recording.outputs}
    return dataclasses.replace(
        recording, outputs=outputs, oracle={n: oracle[n] for n in outputs}, eval32=eval32, layers={}, doubtful={}
    )


def step_of(value: Value) -> float:
    """The step of the grid that an output lies on; 0 for one that is computed in float."""
    grid = grid_of(value.producer) if held_in(value) is not None else None
    return float(grid.scales.max()) if grid is not None else 0.0


def _distance(a: Array, b: Array) -> float:
    apart = np.abs(a.astype(np.float64) - b) if a.dtype.kind == "f" else np.zeros(1)
    return float(np.where(np.isfinite(apart), apart, 0).max(initial=0.0))


def _farthest(oracle: Array, moved: Sequence[Array], step: float, lost: float) -> Array:
    """The answer with the noise by which an engine may be off what quantization costs here, or, where that is more,
    twice what the moved runs are off and `QUANTA`.

    Right engines were found up to 73 steps apart at the outputs of a residual net. The steps are judged on their own.
    """
    if oracle.dtype.kind != "f":
        return moved[0]
    worst = max((_distance(m, oracle) for m in moved), default=0.0)
    allowed = max(2 * worst + QUANTA * step, lost if step else 0.0) / FACTOR
    return (oracle + allowed).astype(np.float32) if allowed else moved[0]


class _Steps:
    """Moves what is quantized by a random part of its step."""

    def __init__(self, seed: int):
        self._rng = np.random.default_rng(seed)

    def operands(self, node: Node, arrays: list[Array]) -> list[Array]:
        """The operands of a node, moved where it is a `quantize`."""
        if not isinstance(node.op, ops.Quantize) or node.op.axis is not None:
            return arrays
        x, scale, zero = arrays
        noise = self._rng.uniform(-MOVED, MOVED, x.shape).astype(x.dtype)
        return [x + noise * scale.astype(x.dtype), scale, zero]

    def results(self, node: Node, operands: Sequence[Array], arrays: tuple[Array, ...]) -> tuple[Array, ...]:
        """The results as they are."""
        return arrays


@dataclasses.dataclass(frozen=True)
class Loss:
    """What quantization costs: answers of a quantized graph beside those of the float model, on the same inputs."""

    snr: float
    """Signal to noise ratio in dB, of the worst output; infinite if nothing is lost."""
    agreement: float
    """The part of samples whose largest element is the same, of the worst output with classes; 1 without one."""
    samples: int

    def to_json(self) -> dict[str, float | int]:
        """A JSON object."""
        return {
            "snr_db": round(min(self.snr, 999.0), 2),
            "agreement": round(self.agreement, 5),
            "samples": self.samples,
        }

    def __str__(self) -> str:
        return f"{self.snr:.1f} dB and {100 * self.agreement:.4g} % of the decisions of the float model"


def loss_between(pairs: Sequence[tuple[Mapping[str, Array], Mapping[str, Array]]]) -> Loss:
    """The loss over batches of outputs by name, (float, quantized)."""
    snr = np.inf
    agreement = 1.0
    samples = sum(_rows(next(iter(f.values()))) for f, _ in pairs)
    for name in pairs[0][0]:
        signal = noise = 0.0
        same = total = 0
        for exact, found in pairs:
            a = exact[name].astype(np.float64)
            b = found[name].astype(np.float64)
            known = np.isfinite(a) & np.isfinite(b)
            signal += float(np.square(a[known]).sum())
            noise += float(np.square(a[known] - b[known]).sum())
            if a.ndim >= 2 and a.shape[-1] > 1:
                same += int((a.argmax(-1) == b.argmax(-1)).sum())
                total += int(np.prod(a.shape[:-1]))
        snr = min(snr, 10 * np.log10(signal / noise) if noise and signal else np.inf)
        agreement = min(agreement, same / total if total else 1.0)
    return Loss(float(snr), float(agreement), samples)


def _rows(array: Array) -> int:
    return int(array.shape[0]) if array.ndim else 1
