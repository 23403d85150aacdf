"""Makes the reference of layers: its outputs are the checkpoints of a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kexport.evidence.reference_file import Recording, Reference
from kexport.ir.contract import Contract, Port
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport.locate.checkpoints import Checkpoint, activations
from kexport.verify.compare import is_float
from kexport.verify.record import coarsest_float, noises
from kexport.verify.tolerance import capture_problem


def layer_reference(
    graph: Graph, points: Sequence[Checkpoint], reference: Reference, batches: Sequence[str]
) -> Reference:
    """Make a reference with an output per checkpoint, on some batches of a recorded reference.

    The expected value of a layer is that of Keras if it was recorded (`kexport reference --layers`), else that of
    the captured graph in float64.
    """
    nodes = list(graph.nodes)
    types = {p.name: nodes[p.node].outputs[p.result].type for p in points}
    ports = tuple(Port(name, type) for name, type in types.items())
    dtypes = {name: type.dtype for name, type in types.items()}
    chosen = [r for r in reference.recordings if r.batch.name in batches]
    recordings = [_recording(graph, points, r, dtypes) for r in chosen]
    contract = Contract(reference.contract.inputs, ports)
    return Reference(contract, tuple(recordings), reference.environment, coarsest_float(graph))


def keras_layers(points: Sequence[Checkpoint], layers: Mapping[str, Array]) -> dict[str, Array]:
    """Match recorded outputs of Keras' layers to checkpoints, where the match is unambiguous.

    Layers that contain others, that were called more than once, or that have several outputs are left out.
    """
    counts: dict[str, int] = {}
    for point in points:
        counts[point.layer] = counts.get(point.layer, 0) + 1
    parts = {path.rpartition("/")[0] for path in layers}
    again = {path.partition(mark)[0] for path in layers for mark in ":#" if mark in path}
    return {
        layer: layers[layer]
        for layer, count in counts.items()
        if count == 1 and layer in layers and layer not in parts and layer not in again
    }


def keras_problems(points: Sequence[Checkpoint], reference: Reference, recorded: Reference) -> dict[str, str]:
    """Return the layers whose captured graph differs from what Keras computes, and why, in the order of computation.

    Args:
        points: the checkpoints.
        reference: what `layer_reference` made.
        recorded: the reference that it was made from.
    """
    sources = {r.batch.name: r for r in recorded.recordings}
    found: dict[str, str] = {}
    measured = noises(reference)
    for point in points:
        judged = [
            noise
            for noise, r in zip(measured[point.name], reference.recordings, strict=True)
            if point.name in _usable(points, sources[r.batch.name], r.oracle or {})
        ]
        problem = capture_problem(judged)
        if problem:
            found[point.name] = problem
    return found


def _recording(
    graph: Graph, points: Sequence[Checkpoint], recording: Recording, dtypes: Mapping[str, DType]
) -> Recording:
    batch = recording.batch
    found = activations(graph, points, batch.inputs)
    keras = _usable(points, recording, found.oracle)
    expected = {n: keras.get(n, found.oracle[n]).astype(d.numpy, copy=False) for n, d in dtypes.items()}
    return Recording(batch, expected, found.oracle, found.eval32, doubtful=found.doubtful)


def _usable(points: Sequence[Checkpoint], recording: Recording, oracle: Mapping[str, Array]) -> dict[str, Array]:
    """Return Keras' outputs with the shape and the kind of number of the graph's."""
    return {
        name: array
        for name, array in keras_layers(points, recording.layers).items()
        if array.shape == oracle[name].shape and is_float(array) == is_float(oracle[name])
    }
