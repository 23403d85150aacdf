"""Measures how large the values of a graph become on the batches that artifacts are judged on."""

from __future__ import annotations

from collections.abc import Sequence

from kexport.evidence.reference_file import Reference
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array
from kexport.verify.compare import is_float, magnitude
from kexport.verify.draws import given


def find_peaks(graph: Graph, reference: Reference) -> dict[Value, float]:
    """Return the largest finite magnitude of each real value outside of bodies, in float32."""
    found: dict[Value, float] = {}

    def observe(node: Node, results: Sequence[Array]) -> None:
        for value, array in zip(node.outputs, results, strict=True):
            if is_float(array):
                found[value] = max(found.get(value, 0.0), magnitude(array))

    for recording in reference.recordings:
        evaluate(graph, recording.batch.inputs, observe=given(recording.draws, observe))
    return found
