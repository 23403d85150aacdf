"""Puts a plan into a graph: quantize and dequantize between its nodes, and constants of integers."""

from __future__ import annotations

import numpy as np

from kexport import ops
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport.ops.quantize import bounds
from kexport.quantize.graph import parameters
from kexport.quantize.graph.kinds import JOINING, KEEPING, channel_axis, operands
from kexport.quantize.graph.parameters import Parameters
from kexport.quantize.graph.plan import Plan, make_plan
from kexport.quantize.recipes.recipe import Recipe
from kexport.quantize.statistics.statistics import Statistics
from kexport.rewrite import Rewriter, RulePass, rule
from kexport.rewrite.driver import erase_dead
from kexport.rewrite.grids import grid_of
from kexport.rewrite.rule import Replacement

SMALLEST = 1024
"""Weights of fewer elements stay in float where only storage is saved."""


def quantize_graph(graph: Graph, recipe: Recipe, statistics: Statistics | None = None) -> Graph:
    """The quantized copy of an optimized graph.

    Raises:
        ConfigError: see `make_plan`.
    """
    plan = make_plan(graph, recipe, statistics)
    made = _Copy(graph, plan).made()
    _CLEAN.run(made)
    erase_dead(made, list(made.nodes))
    return made


class _Copy:
    """A graph that is copied node by node, with quantization put in."""

    def __init__(self, graph: Graph, plan: Plan):
        self.graph = graph
        self.plan = plan
        self.new = Graph(graph.name)
        self.of: dict[Value, Value] = {}
        """What stands for a value of the old graph: dequantized where it has a grid."""

    def made(self) -> Graph:
        for value in self.graph.inputs:
            self._stand_for(value, self.new.input(value.name, value.type), value.name)
        for node in self.graph.nodes:
            given = self._operands(node)
            results = self.new.add(node.op.copied(), *given, origin=node.origin).outputs
            for old, result in zip(node.outputs, results, strict=True):
                self._stand_for(old, result, node.origin)
        for name, value in self.graph.outputs:
            self.new.output(name, self._value(value))
        return self.new

    def _stand_for(self, old: Value, new: Value, origin: str) -> None:
        grid = self.plan.grids.get(old)
        self.of[old] = new if grid is None else self._rounded(new, grid, origin)

    def _value(self, old: Value) -> Value:
        if old.data is None:
            return self.of[old]
        if old not in self.of:
            self.of[old] = self.new.constant(old.data, old.name)
        return self.of[old]

    def _operands(self, node: Node) -> list[Value]:
        plan = self.plan
        kinds = operands(node)
        scheme = plan.schemes.get(node)
        given = [self._value(v) for v in node.inputs]
        integer = node in plan.integer
        if scheme is None:
            return given
        if kinds.weights is not None and (integer or scheme.weights.is_int):
            self._weights(node, given, scheme.weights, integer)
        if integer:
            for i in kinds.data:
                given[i] = self._data(node, node.inputs[i], given[i], scheme.activations)
        return given

    def _data(self, node: Node, old: Value, new: Value, dtype: DType) -> Value:
        """A data operand: constants are quantized, and what is joined goes to the grid of the result."""
        if old.data is not None:
            low = float(min(old.data.min(initial=0), 0))
            high = float(max(old.data.max(initial=0), 0))
            grid = parameters.for_range(low, high, dtype, symmetric=dtype is DType.I16)
            if isinstance(node.op, JOINING):
                grid = self.plan.grids[node.output]
            return self._dequantized(_integers(old.data, grid), grid, old.name, node.origin)
        wanted = self._wanted(node)
        has = self.plan.grids.get(old)
        return new if wanted is None or has is None or wanted.same(has) else self._rounded(new, wanted, node.origin)

    def _wanted(self, node: Node) -> Parameters | None:
        """The grid that the operands of a node have to be on; None for any."""
        return self.plan.grids.get(node.outputs[0]) if isinstance(node.op, (*JOINING, *KEEPING)) else None

    def _weights(self, node: Node, given: list[Value], dtype: DType, integer: bool) -> None:
        """Weights, and with integer activations the bias, become constants of integers in `given`."""
        kinds = operands(node)
        assert kinds.weights is not None
        kernel = node.inputs[kinds.weights]
        assert kernel.data is not None
        if not integer and kernel.data.size < SMALLEST:
            return
        integers, grid = parameters.for_weights(kernel.data, dtype, channel_axis(node), self.plan.recipe.weights)
        given[kinds.weights] = self._dequantized(integers, grid, kernel.name, node.origin)
        if not integer or kinds.bias is None:
            return
        bias = node.inputs[kinds.bias]
        assert bias.data is not None
        found = parameters.for_bias(bias.data, self.plan.grids[node.inputs[0]].scale, grid)
        if found is None:  # a channel whose weights are next to nothing: its scale grows until its bias fits
            integers, grid = _coarser(kernel.data, grid, bias.data, self.plan.grids[node.inputs[0]].scale)
            given[kinds.weights] = self._dequantized(integers, grid, kernel.name, node.origin)
            found = parameters.for_bias(bias.data, self.plan.grids[node.inputs[0]].scale, grid)
        assert found is not None, "scales were made large enough"
        given[kinds.bias] = self._dequantized(*found, bias.name, node.origin)

    def _rounded(self, x: Value, grid: Parameters, origin: str) -> Value:
        scale, zero = self._parameters(grid)
        held = self.new.add(ops.Quantize(grid.dtype, grid.axis), x, scale, zero, origin=origin).output
        return self.new.add(ops.Dequantize(grid.axis), held, scale, zero, origin=origin).output

    def _dequantized(self, integers: Array, grid: Parameters, name: str, origin: str) -> Value:
        held = self.new.constant(integers, name)
        return self.new.add(ops.Dequantize(grid.axis), held, *self._parameters(grid), origin=origin).output

    def _parameters(self, grid: Parameters) -> tuple[Value, Value]:
        return self.new.constant(grid.scale), self.new.constant(grid.zero_point)


def _integers(data: Array, grid: Parameters) -> Array:
    return ops.Quantize(grid.dtype, grid.axis).evaluate(data, grid.scale, grid.zero_point)


def _coarser(data: Array, grid: Parameters, bias: Array, input_scale: Array) -> tuple[Array, Parameters]:
    """Weights on a grid that is coarse enough for the bias to be int32 on the grid of the products."""
    most = bounds(DType.I32)[1] / 2
    least = np.abs(bias.astype(np.float64)) / (float(input_scale) * most)
    least = least if grid.axis is not None else least.max(initial=0.0)
    floor = np.float64(np.finfo(np.float32).tiny) / float(input_scale) * 2
    scale = np.maximum(np.maximum(grid.scale.astype(np.float64), least), floor).astype(np.float32)
    found = Parameters(grid.dtype, np.asarray(scale), grid.zero_point, grid.axis)
    return _integers(data, found), found


@rule(ops.Quantize)
def rectifier_before_grid(op: ops.Quantize, node: Node, rewriter: Rewriter) -> Replacement:
    """The ends of a grid cut off what a rectifier would have cut off."""
    x = node.inputs[0]
    grid = grid_of(node)
    above = x.producer
    if above is None or grid is None or not grid.is_whole or len(x.users) > 1 or rewriter.graph.is_output(x):
        return None
    low, high = _ends(above)
    if low is None and high is None:
        return None
    least, most = bounds(op.dtype)
    scale = float(grid.scales[0])
    zero = int(grid.zeros[0])
    cut_low = low is None or np.rint(low / scale) + zero <= least
    cut_high = high is None or np.rint(high / scale) + zero >= most
    return rewriter.add(op, above.inputs[0], *node.inputs[1:]) if cut_low and cut_high else None


def _ends(node: Node) -> tuple[float | None, float | None]:
    """The bounds of a rectifier; none for other nodes."""
    match node.op:
        case ops.Relu():
            return 0.0, None
        case ops.Relu6():
            return 0.0, 6.0
        case ops.Clip(low=low, high=high):
            return low, high
        case _:
            return None, None


_CLEAN = RulePass("quantized", (rectifier_before_grid,))
