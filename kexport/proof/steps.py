"""Judges a quantized artifact step by step: every integer that it computes, from the numbers that it computed it from.

The values between operations are read out of the artifact while it runs in its engine. Each operation is then done anew
on the numbers that went into it there, as the quantized graph means it, and the integer that comes out may differ from
the artifact's by one. So errors do not add up, and a wrong scale, zero point, axis or bias cannot hide behind them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kexport import ops
from kexport.engines.runner import run_artifact
from kexport.errors import KexportError
from kexport.evidence.reference_file import Recording
from kexport.ir.evaluator import bind_inputs, evaluate
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array
from kexport.ir.types import TensorType
from kexport.locate.divergence import Subject
from kexport.proof.inner import Inner, choose_recording
from kexport.rewrite.grids import Grid, grid_of, held_in
from kexport.target import Runtime

ALLOWED = 1.0
"""Integers that an operation may be off: kernels round by fixed-point multipliers, and halves away from zero. None of
LiteRT, ONNX Runtime and TFLite Micro was found farther off in one operation."""
OFF_GRID = 0.02
"""Of one integer: what an engine hands out as float32 is as near as this to a whole place on its grid."""
SLACK = 1e-3
"""Of one integer: the numbers are read from an engine in float32."""


@dataclass(frozen=True)
class Step:
    """One quantized value: the node that makes it, and what it is computed from, back to values of its kind."""

    node: Node
    """A `quantize`."""
    sources: tuple[Value, ...]


class Steps:
    """Looks into an artifact of a quantized graph; made to be asked by several runtimes."""

    def __init__(self, subject: Subject, recordings: Sequence[Recording]):
        self.subject = subject
        real = [r for r in recordings if r.batch.kind == "sample"]
        self._recording = choose_recording(real or recordings)
        self._lowered: tuple[Graph, dict[Value, str]] | None = None

    def depends(self, output: str) -> bool:
        """Whether an output can be judged at all: all of them can."""
        return bool(output)

    def judge(self, runtime: Runtime, outputs: Collection[str], timeout: float, *, settled: bool = True) -> Inner:
        """Do every step anew on what the artifact computed it from."""
        if self._recording is None:
            return Inner(missing="there is no batch to look at")
        try:
            graph, names = self._graph()
            steps = find_steps(graph, names)
        except KexportError as e:
            return Inner(missing=f"its integers cannot be found: {e.what}")
        taps = list(dict.fromkeys(names[v] for s in steps for v in (s.node.output, *s.sources) if v in names))
        if not steps or not taps:
            return Inner(missing="none of its integers can be read")
        inputs = self._recording.batch.inputs
        result = run_artifact(
            self.subject.path, self.subject.target.name, runtime, [inputs], timeout=timeout, taps=taps
        )
        if not result.ok:
            return Inner(missing=f"{result.status}: {result.message}")
        shown = dict(result.outputs[0])
        return _judged(steps, graph, names, shown, inputs)

    def _graph(self) -> tuple[Graph, dict[Value, str]]:
        if self._lowered is None:
            lowered = self.subject.lowered()
            self._lowered = lowered.graph, _with_integers(lowered.graph, lowered.tensors())
        return self._lowered


def _with_integers(graph: Graph, names: Mapping[Value, str]) -> dict[Value, str]:
    """The tensors of values; those that hold integers show the numbers that `dequantize` makes of them, too."""
    found = dict(names)
    for node in graph.nodes:
        held = held_in(node.outputs[0]) if node.outputs else None
        if held is None or held.data is not None:
            continue
        if node.output in names:  # a tensor of real numbers; integers alone may not say what they stand for
            found[held] = names[node.output]
        elif held in found:
            found[node.output] = found[held]
    return found


def find_steps(graph: Graph, names: Mapping[Value, str]) -> list[Step]:
    """The steps whose result and sources an artifact shows."""
    found = []
    for node in graph.nodes:
        grid = grid_of(node)
        if not isinstance(node.op, ops.Quantize) or grid is None or not grid.is_whole or node.output not in names:
            continue
        sources = _cone(node, graph, names)
        if sources is not None:
            found.append(Step(node, tuple(sources)))
    return found


def _cone(node: Node, graph: Graph, names: Mapping[Value, str]) -> list[Value] | None:
    """What a quantized value is computed from, as far back as integers or inputs; None where the way
    ends at something that the artifact does not show."""
    sources: dict[Value, None] = {}
    work = [node.inputs[0]]
    seen = set[Value]()
    while work:
        value = work.pop()
        if value in seen or value.data is not None:
            continue
        seen.add(value)
        held = held_in(value)
        if value in graph.inputs or (held is not None and held.data is None and held in names):
            sources[value] = None
        elif value.producer is None or (held is not None and held.data is None):
            return None
        else:
            work += value.producer.inputs
    return list(sources)


def _judged(
    steps: Sequence[Step],
    graph: Graph,
    names: Mapping[Value, str],
    shown: Mapping[str, Array],
    inputs: Mapping[str, Array],
) -> Inner:
    sizes = bind_inputs([(v.name, v.type) for v in graph.inputs], [inputs[v.name] for v in graph.inputs])
    agree = 0
    for step in steps:
        tensors = {v: names[v] for v in (step.node.output, *step.sources) if v not in graph.inputs}
        if any(t not in shown for t in tensors.values()):
            continue
        arrays = {v: _real(shown[t], v.type, sizes) for v, t in tensors.items() if v is not step.node.output}
        arrays |= {v: inputs[v.name] for v in step.sources if v in graph.inputs}
        grid = grid_of(step.node)
        assert grid is not None
        want = _meaning(step, arrays, sizes)
        exact = _places(_real(shown[tensors[step.node.output]], step.node.output.type, sizes), grid)
        got = np.rint(exact)
        if np.abs(exact - got).max(initial=0.0) > OFF_GRID:
            return Inner(agree, fault=f"layer {step.node.origin or 'input'!r} is on another grid than the graph's")
        off = np.abs(got - want)
        worst = float(off.max(initial=0.0))
        if worst > ALLOWED + SLACK:
            place = np.unravel_index(int(off.argmax()), off.shape)
            layer = step.node.origin or "input"
            at = ", ".join(map(str, place))
            found = f"{got[place]:.0f}, not {want[place]:.0f}"
            return Inner(agree, fault=f"layer {layer!r} is {worst:.3g} integers off at [{at}]: {found}")
        agree += 1
    return Inner(agree, missing="" if agree else "none of its integers can be read")


def _real(array: Array, type: TensorType, sizes: Mapping[str, object]) -> Array:
    shape = tuple(int(d) for d in type.bind(sizes).shape)  # type: ignore[arg-type]
    return array.reshape(shape).astype(np.float64)


def _places(real: Array, grid: Grid) -> Array:
    """Where numbers lie on a grid: whole, up to the rounding of a float32, if they are on it."""
    return real / float(np.float32(grid.scales[0])) + int(grid.zeros[0])


def _meaning(step: Step, arrays: Mapping[Value, Array], sizes: Mapping[str, object]) -> Array:
    """The integers that the step has to give, computed in float64."""
    part = Graph("step")
    of: dict[Value, Value] = {}
    given: dict[str, Array] = {}
    for i, (value, array) in enumerate(arrays.items()):
        of[value] = part.input(f"x{i}", TensorType(value.type.dtype, array.shape))
        given[f"x{i}"] = array.astype(value.type.dtype.numpy)
    for node in _between(step):
        op = node.op.bind(sizes)  # type: ignore[arg-type]
        operands = [of[v] if v in of else part.constant(_data(v)) for v in node.inputs]
        for old, new in zip(node.outputs, part.add(op, *operands, origin=node.origin).outputs, strict=True):
            of[old] = new
    part.output("y", of[step.node.output])
    return evaluate(part, given, wide=True)["y"].astype(np.float64)


def _data(value: Value) -> Array:
    assert value.data is not None
    return value.data


def _between(step: Step) -> list[Node]:
    """The nodes from the sources to the result, in order."""
    needed: dict[Node, None] = {step.node: None}
    work = [step.node]
    while work:
        for value in work.pop().inputs:
            if value.producer is not None and value not in step.sources and value.producer not in needed:
                needed[value.producer] = None
                work.append(value.producer)
    graph = step.node.graph
    assert graph is not None
    return [n for n in graph.nodes if n in needed]
