"""Loops and branches. A body is a graph that sees its own inputs alone: what it needs comes in as an operand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kexport.errors import GraphError
from kexport.ir.dim import Dim
from kexport.ir.op import Array, RegionOp
from kexport.ir.traits import Text, Traits, Work
from kexport.ir.types import DType, TensorType
from kexport.ops import check
from kexport.ops.broadcast import same_dim

if TYPE_CHECKING:
    from kexport.ir.graph import Graph

Run = Callable[["Graph", Sequence[Array]], list[Array]]


@dataclass(frozen=True)
class If(RegionOp):
    """The results of `then` where the condition, a bool[], is true, else those of `orelse`; both get the operands."""

    traits = Traits(Work.EXACT, text=Text.ALSO)
    then: Graph
    orelse: Graph

    def infer(self, condition: TensorType, *operands: TensorType) -> tuple[TensorType, ...]:
        _check_flag(condition, "the condition")
        _check_inputs("then", self.then, operands)
        _check_inputs("orelse", self.orelse, operands)
        types = _results(self.then)
        if types != _results(self.orelse):
            raise GraphError(f"the branches give {check.show(types)} and {check.show(_results(self.orelse))}")
        return types

    def evaluate_with(self, run: Run, *operands: Array) -> tuple[Array, ...]:
        condition, *rest = operands
        return tuple(run(self.then if condition else self.orelse, rest))


@dataclass(frozen=True)
class While(RegionOp):
    """state = body(*state) as long as cond(*state), a bool[], holds; the last state.

    What the loop only reads is part of the state that `body` returns as it is.
    """

    traits = Traits(Work.EXACT, text=Text.ALSO)
    cond: Graph
    body: Graph

    def infer(self, *state: TensorType) -> tuple[TensorType, ...]:
        _check_inputs("cond", self.cond, state)
        _check_inputs("body", self.body, state)
        flags = _results(self.cond)
        if len(flags) != 1:
            raise GraphError(f"cond needs one result, it has {len(flags)}")
        _check_flag(flags[0], "cond")
        _check_state(self.body, state)
        return state

    def evaluate_with(self, run: Run, *operands: Array) -> tuple[Array, ...]:
        state = list(operands)
        while run(self.cond, state)[0]:
            state = run(self.body, state)
        return tuple(state)


@dataclass(frozen=True)
class Scan(RegionOp):
    """`carried, *outs = body(carried, slices, others)` for each step along `axis` of the sequences.

    Operands: the first `carried` are the state before the first step, the next `sequences` (at least one) are read a
    slice at a time, the others whole in each step. Results: the state after the last step, and what the body returns
    beyond the state, stacked along `axis`. If `reverse`, the last slice is taken first; what a step gives still stands
    where the slice stood that it read.
    """

    traits = Traits(Work.EXACT)
    body: Graph
    carried: int
    sequences: int
    axis: int = 0
    reverse: bool = False

    def infer(self, *operands: TensorType) -> tuple[TensorType, ...]:
        if self.carried < 0 or self.sequences < 1 or len(operands) < self.carried + self.sequences:
            what = f"needs {self.carried} states and {self.sequences} sequences"
            raise GraphError(f"{what}, got {len(operands)} operands")
        state, sequences, others = self.parts(operands)
        length = self.length(*operands)
        slices = [s.with_shape(_without(s.shape, self.axis)) for s in sequences]
        _check_inputs("body", self.body, (*state, *slices, *others))
        _check_state(self.body, state)
        return (*state, *(self._stacked(t, length) for t in _results(self.body)[self.carried :]))

    def parts(self, operands: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Operands, or inputs of the body, as states, sequences (or slices) and others."""
        steps = self.carried + self.sequences
        return list(operands[: self.carried]), list(operands[self.carried : steps]), list(operands[steps:])

    def length(self, *operands: TensorType) -> Dim:
        """How many steps there are."""
        sequences = self.parts(operands)[1]
        for s in sequences:
            if not 0 <= self.axis < s.rank:
                raise GraphError(f"axis {self.axis} is out of range for the sequence {s}")
        dims = [s.shape[self.axis] for s in sequences]
        for d in dims[1:]:
            same_dim(dims[0], d, "the lengths of the sequences")
        return dims[0]

    def evaluate_with(self, run: Run, *operands: Array) -> tuple[Array, ...]:
        state, sequences, others = self.parts(operands)
        steps = [np.moveaxis(s, self.axis, 0) for s in sequences]
        order = range(steps[0].shape[0])
        rows: dict[int, list[Array]] = {}
        for t in reversed(order) if self.reverse else order:
            results = run(self.body, [*state, *(s[t] for s in steps), *others])
            state = results[: self.carried]
            rows[t] = results[self.carried :]
        stacked = zip(*(rows[t] for t in order), strict=True) if rows else self._nothing()
        return (*state, *(np.stack(list(r), self.axis) for r in stacked))

    def _nothing(self) -> list[list[Array]]:
        raise GraphError("a scan over no steps has no results")

    def _stacked(self, step: TensorType, length: Dim) -> TensorType:
        if self.axis > step.rank:
            raise GraphError(f"axis {self.axis} is out of range for a stack of {step}")
        return step.with_shape((*step.shape[: self.axis], length, *step.shape[self.axis :]))


def _results(body: Graph) -> tuple[TensorType, ...]:
    return tuple(o.value.type for o in body.outputs)


def _check_inputs(what: str, body: Graph, operands: Sequence[TensorType]) -> None:
    wanted = [v.type for v in body.inputs]
    if wanted != list(operands):
        raise GraphError(f"{what} takes {check.show(wanted)}, got {check.show(operands)}")


def _check_state(body: Graph, state: Sequence[TensorType]) -> None:
    results = _results(body)[: len(state)]
    if list(results) != list(state):
        raise GraphError(f"body turns the state {check.show(state)} into {check.show(results)}")


def _check_flag(type: TensorType, what: str) -> None:
    if type != TensorType(DType.BOOL, ()):
        raise GraphError(f"{what} must be bool[], got {type}")


def _without(shape: tuple[Dim, ...], axis: int) -> tuple[Dim, ...]:
    return (*shape[:axis], *shape[axis + 1 :])
