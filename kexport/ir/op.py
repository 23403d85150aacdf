"""The base class of operations: an instance of an op IS its attributes."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, TypeAlias, TypeVar, cast

import numpy as np

from kexport.errors import GraphError
from kexport.ir.dim import Dim, SymDim, UndecidableDim, substitute, symbols
from kexport.ir.traits import Traits
from kexport.ir.types import DType, TensorType

Array: TypeAlias = np.ndarray[Any, Any]
Types: TypeAlias = TensorType | tuple[TensorType, ...]
Arrays: TypeAlias = Array | tuple[Array, ...]
OPS: dict[str, type[Op]] = {}
"""Every op by its name in the text form. Filled by the definition of the classes."""

OpT = TypeVar("OpT", bound="Op")


@dataclass(frozen=True)
class Op:
    """An operation. Subclasses are frozen dataclasses that define `infer` and `evaluate`.

    The parameters of `infer` are the operands: one with a default is optional, `*args` takes any number.
    `evaluate` has the same parameters and is the op's meaning in numpy: float64 in, float64 out. It is also
    called with object arrays of dims where shapes are folded, so integer ops must not force a dtype needlessly.
    An attribute may hold a symbolic Dim; it is bound to an int before `evaluate` is called.
    """

    name: ClassVar[str] = "op"
    abstract: ClassVar[bool] = True
    traits: ClassVar[Traits]
    """Facts about the class, without a default: each op states its own. Ask an op for its `facts()`."""

    def __init_subclass__(cls, abstract: bool = False) -> None:
        cls.abstract = abstract
        cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        if not abstract:
            if cls.name in OPS:
                raise GraphError(f"op {cls.name!r} is defined twice")
            OPS[cls.name] = cls

    def infer(self, *operands: Any, **_: Any) -> Types:
        """Infer the result types from the operand types. Raises GraphError with the values that do not fit."""
        raise NotImplementedError(self.name)

    def evaluate(self, *operands: Any, **_: Any) -> Arrays:
        """Compute the result in numpy."""
        raise NotImplementedError(self.name)

    def facts(self) -> Traits:
        """The traits that hold with these attributes."""
        return self.traits

    def attributes(self) -> dict[str, Any]:
        """Return attribute values by name, in declaration order."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    def bodies(self) -> tuple[Any, ...]:
        """Return the graphs held in attributes (loop bodies, branches); `Node.bodies` has their type."""
        return ()

    def copied(self: OpT) -> OpT:
        """This op with bodies of its own, for a copy of the graph that it is in."""
        return self

    def symbols(self) -> set[str]:
        """Return the names of the symbolic dims in attributes."""
        return value_symbols(tuple(self.attributes().values()))

    def bind(self: OpT, values: Mapping[str, Dim]) -> OpT:
        """Replace the symbols in the attributes."""
        if not self.symbols() & values.keys():
            return self
        bound = {k: _bind_value(v, values) for k, v in self.attributes().items()}
        return dataclasses.replace(self, **bound)

    def widen(self: OpT) -> OpT:
        """Return this op for evaluation in float64: float dtypes among the attributes become f64."""
        wide = {k: DType.F64 for k, v in self.attributes().items() if isinstance(v, DType) and v.is_float}
        return dataclasses.replace(self, **wide) if wide else self


def having(condition: Callable[[Traits], bool]) -> tuple[type[Op], ...]:
    """Return the ops of the vocabulary of which a condition is true, in the order of their definition."""
    return tuple(op for op in OPS.values() if condition(op.traits))


class RegionOp(Op, abstract=True):
    """An op with bodies. `evaluate_with(run, *operands)` gets a function that runs a body on arrays."""

    def bodies(self) -> tuple[Any, ...]:
        """Return the graphs held in attributes (loop bodies, branches); `Node.bodies` has their type."""
        return tuple(v for v in self.attributes().values() if is_graph(v))

    def copied(self: OpT) -> OpT:
        """This op with bodies of its own, for a copy of the graph that it is in."""
        return dataclasses.replace(self, **{k: v.copy() for k, v in self.attributes().items() if is_graph(v)})

    def evaluate_with(self, run: Any, *operands: Array) -> Arrays:
        """Compute the result in numpy; `run(body, arrays)` returns a list of arrays."""
        raise NotImplementedError(self.name)


@cache
def arity(op: type[Op]) -> tuple[int, float]:
    """Return the least and greatest number of operands, read off the signature of `infer`."""
    params = list(inspect.signature(op.infer).parameters.values())[1:]
    if any(p.kind is p.VAR_POSITIONAL for p in params):
        return sum(p.kind is not p.VAR_POSITIONAL for p in params), float("inf")
    return sum(p.default is p.empty for p in params), len(params)


def infer(op: Op, operands: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
    """Infer the result types of `op`, always as a tuple.

    Raises:
        GraphError: wrong number of operands or operand types that do not fit; names the op and the types.
    """
    low, high = arity(type(op))
    given = ", ".join(map(str, operands))
    if not low <= len(operands) <= high:
        expected = str(low) if low == high else f"{low} to {high}" if high != float("inf") else f"at least {low}"
        raise GraphError(f"{op.name} takes {expected} operands, got {len(operands)}: ({given})")
    try:
        types = op.infer(*operands)
    except GraphError as e:
        e.what = f"{op.name}({given}): {e.what}" if not e.what.startswith(op.name + "(") else e.what
        raise
    except UndecidableDim as e:
        raise GraphError(f"{op.name}({given}): {e}", hint="give that input dimension a fixed size") from e
    found = types if isinstance(types, tuple) else (types,)
    for type_ in found:
        _check_result(op, given, type_)
    return found


def _check_result(op: Op, given: str, result: TensorType) -> None:
    """Require a type that a tensor can have. This also keeps sizes from growing without end from node to node."""
    try:
        result.check()
    except GraphError as e:
        e.what = f"{op.name}({given}): {e.what}"
        raise


def is_graph(value: Any) -> bool:
    """Return whether an attribute value is a graph (told by a marker, so that ops need not import graphs)."""
    return getattr(cast(object, value).__class__, "is_graph", False)


def identity(value: Any) -> Hashable:
    """Return what tells apart ops, and attribute values, that `==` takes for one: 0.0 and -0.0, 1 and True."""
    if isinstance(value, Op):
        return type(value), *map(identity, value.attributes().values())
    if isinstance(value, tuple):
        return tuple(map(identity, cast("tuple[Any, ...]", value)))
    plain: Hashable = value.hex() if isinstance(value, float) else value
    return cast(object, value).__class__, plain


def value_symbols(value: Any) -> set[str]:
    """Return the names of the symbolic dims in an attribute value."""
    if isinstance(value, SymDim):
        return symbols(value)
    if isinstance(value, tuple):
        return {s for v in cast("tuple[Any, ...]", value) for s in value_symbols(v)}
    return value.symbols() if is_graph(value) else set()


def _bind_value(value: Any, values: Mapping[str, Dim]) -> Any:
    if isinstance(value, SymDim):
        return substitute(value, values)
    if isinstance(value, tuple):
        return tuple(_bind_value(v, values) for v in cast("tuple[Any, ...]", value))
    return value.bind(values) if is_graph(value) else value
