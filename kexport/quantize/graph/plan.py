"""Decides which nodes compute in integers, and on which grid each of their values lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kexport.errors import ConfigError
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.types import DType
from kexport.quantize.graph import parameters
from kexport.quantize.graph.kinds import INTEGER, JOINING, KEEPING, SIGNED_UNIT, UNIT, folds_into, operands
from kexport.quantize.graph.parameters import Parameters
from kexport.quantize.recipes.recipe import Recipe
from kexport.quantize.recipes.scheme import STATIC, Scheme
from kexport.quantize.statistics.names import value_names
from kexport.quantize.statistics.statistics import Statistics


@dataclass
class Plan:
    """What becomes of a graph."""

    recipe: Recipe
    schemes: dict[Node, Scheme] = field(default_factory=dict[Node, Scheme])
    """The scheme of each node that is quantized in any way."""
    grids: dict[Value, Parameters] = field(default_factory=dict[Value, Parameters])
    """The grid of each value that an integer node takes or gives; those that are folded into a rectifier have none."""
    integer: set[Node] = field(default_factory=set[Node])
    """The nodes that compute in integers."""
    folded: set[Value] = field(default_factory=set[Value])
    """The values between an op and the rectifier that is folded into it."""


def make_plan(graph: Graph, recipe: Recipe, statistics: Statistics | None) -> Plan:
    """Decide for an optimized graph.

    Args:
        graph: the graph that was observed.
        recipe: which layer gets which scheme.
        statistics: the ranges of its values; None where no scheme needs them.

    Raises:
        ConfigError: ranges are needed and there are none, or they are of another graph.
    """
    plan = Plan(recipe)
    for node in graph.nodes:
        scheme = recipe.scheme_of(node)
        if not scheme.is_float:
            plan.schemes[node] = scheme
    static = {n: s for n, s in plan.schemes.items() if s.scales == STATIC and type(n.op) in INTEGER}
    if static and statistics is None:
        hint = "give data with --calibrate, or take a recipe for weights alone, such as int8-weights"
        raise ConfigError("the ranges of activations are not known without calibration data", hint=hint)
    if statistics is not None:
        _choose_grids(graph, plan, static, statistics)
    return plan


def _choose_grids(graph: Graph, plan: Plan, static: Mapping[Node, Scheme], statistics: Statistics) -> None:
    names = value_names(graph)
    for node in static:
        rectifier = folds_into(node)
        if rectifier in static:
            plan.folded.add(node.output)
    for value in graph.inputs:
        users = [static[u] for u in value.users if u in static]
        if value.type.dtype.is_float and users:
            _set(plan, value, _observed(statistics, names[value], users[0].activations, plan))
    for node in graph.nodes:
        taken = {s.activations for u in _users(node) if (s := static.get(u)) is not None}
        scheme = static.get(node)
        dtypes = {scheme.activations} if scheme else taken
        for value in node.outputs:
            if value.type.dtype.is_float and dtypes and value not in plan.folded:
                _set(plan, value, _grid(node, value, dtypes.pop(), plan, statistics, names[value], scheme is not None))
                dtypes = {scheme.activations} if scheme else taken
    plan.integer.update(node for node in static if _is_whole(node, plan))


def _users(node: Node) -> list[Node]:
    return [u for v in node.outputs for u in v.users]


def _set(plan: Plan, value: Value, grid: Parameters | None) -> None:
    if grid is not None:
        plan.grids[value] = grid


def _grid(
    node: Node, value: Value, dtype: DType, plan: Plan, statistics: Statistics, name: str, integer: bool
) -> Parameters | None:
    """The grid of a result."""
    if isinstance(node.op, UNIT):
        return parameters.unit(dtype)
    if isinstance(node.op, SIGNED_UNIT):
        return parameters.signed_unit(dtype)
    if integer and isinstance(node.op, JOINING):
        shared = [plan.grids.get(v) for v in node.inputs if v.type.dtype.is_float]
        first = shared[0]
        if first is not None and all(g is not None and g.same(first) for g in shared):
            return first
    if integer and isinstance(node.op, KEEPING):
        kept = plan.grids.get(node.inputs[0])
        if kept is not None and kept.dtype is dtype:
            return kept
    return _observed(statistics, name, dtype, plan)


def _observed(statistics: Statistics, name: str, dtype: DType, plan: Plan) -> Parameters | None:
    symmetric = dtype is DType.I16
    try:
        low, high = statistics.range_of(name, plan.recipe.ranges, dtype, symmetric)
    except ConfigError:
        return None  # it was never computed, or never finite: it stays in float
    return parameters.for_range(low, high, dtype, symmetric)


def _is_whole(node: Node, plan: Plan) -> bool:
    """Whether all that an integer node takes and gives has a grid."""
    data = [node.inputs[i] for i in operands(node).data]
    values = [v for v in (*data, *node.outputs) if v.type.dtype.is_float and v.data is None]
    known = [v for v in values if v in plan.grids or v in plan.folded]
    return len(known) == len(values) and bool(values)
