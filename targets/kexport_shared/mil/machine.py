"""Executes blocks of operations: binds arguments, calls the operation, checks and rounds the results."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from kexport.errors import KexportError, VerifyError
from kexport_shared.mil.context import Context
from kexport_shared.mil.modes import Mode, Overflow
from kexport_shared.mil.syntax import Block, Function, Operation, Output, Reference
from kexport_shared.mil.table import CONTEXTUAL, OPERATIONS, SINCE

OPSETS = ("CoreML5", "CoreML6", "CoreML7", "CoreML8")


class Machine:
    """Runs one function once. `overflows` collects what float16 could not hold, `kept` the values to `keep`."""

    def __init__(
        self, function: Function, mode: Mode, states: dict[str, np.ndarray], seed: int, keep: Collection[str] = ()
    ):
        if function.opset not in OPSETS:
            raise VerifyError(f"the opset {function.opset} is not known", hint=f"one of {', '.join(OPSETS)}")
        self.overflows: list[Overflow] = []
        self.kept: dict[str, np.ndarray] = {}
        self._wanted = frozenset(keep)
        self._function = function
        self._mode = mode
        self._states = states
        self._random = np.random.Generator(np.random.PCG64(seed))

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """The function's results, in order."""
        scope = dict(inputs)
        scope.update({state.name: state.name for state in self._function.states})
        return self.block(self._function.body, (), scope)

    def block(self, block: Block, values: Sequence[Any], outer: Mapping[str, Any]) -> list[Any]:
        """The results of a block; it sees the values around it."""
        scope = dict(outer)
        for declared, value in zip(block.inputs, values, strict=True):
            _fits("block input", declared, value)
            scope[declared.name] = value
        for operation in block.operations:
            results = self._operation(operation, scope)
            made = dict(zip((o.name for o in operation.outputs), results, strict=True))
            scope.update(made)
            self.kept.update((name, made[name]) for name in made if name in self._wanted)
        return [_lookup(scope, name) for name in block.outputs]

    def _operation(self, operation: Operation, scope: Mapping[str, Any]) -> list[Any]:
        where = f"{operation.type} {operation.name}"
        try:
            arguments = {name: _resolve(value, scope) for name, value in operation.arguments.items()}
            results = self._call(operation, self._held(arguments), scope)
            if len(results) != len(operation.outputs):
                raise VerifyError(f"it makes {len(results)} results, the program names {len(operation.outputs)}")
            return [self._keep(operation, o, r) for o, r in zip(operation.outputs, results, strict=True)]
        except KexportError as error:
            raise error.located(where) from error
        except (TypeError, ValueError, IndexError, ArithmeticError) as error:
            raise VerifyError(f"cannot be executed: {error}", where=where) from error

    def _call(self, operation: Operation, arguments: dict[str, Any], scope: Mapping[str, Any]) -> list[Any]:
        since = SINCE.get(operation.type, OPSETS[0])
        if OPSETS.index(since) > OPSETS.index(self._function.opset):
            raise VerifyError(f"exists since opset {since}, the function is written for {self._function.opset}")
        with np.errstate(all="ignore"):
            if operation.type in OPERATIONS:
                result = OPERATIONS[operation.type](**arguments)
            elif operation.type in CONTEXTUAL:
                context = Context(operation, self._opset, self._mode, self._states, self._random, self._runner(scope))
                result = CONTEXTUAL[operation.type](context, **arguments)
            else:
                raise VerifyError("the evaluator does not know this operation")
        return list(result) if type(result) is tuple else [result]

    @property
    def _opset(self) -> int:
        return OPSETS.index(self._function.opset)

    def _runner(self, scope: Mapping[str, Any]) -> Any:
        return lambda block, values: self.block(block, values, scope)

    def _held(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Literals and constants arrive as stored; real ones take the type this mode computes in."""
        return {k: self._real(v) for k, v in arguments.items()}

    def _real(self, value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.dtype.kind in "fV" and value.dtype != self._mode.real:
            return value.astype(self._mode.real)
        return value

    def _keep(self, operation: Operation, output: Output, result: Any) -> Any:
        if output.type is None or isinstance(result, str):
            return result
        array = np.asarray(result)
        _fits("result", output, array)
        lost = self._mode.overflows(array, output.type.dtype)
        if lost:
            self.overflows.append(Overflow(operation.name, operation.type, output.name, *lost))
        return self._mode.hold(array, output.type.dtype)


def _lookup(scope: Mapping[str, Any], name: str) -> Any:
    if name not in scope:
        raise VerifyError(f"the value {name} is used before it is made")
    return scope[name]


def _resolve(value: Any, scope: Mapping[str, Any]) -> Any:
    if isinstance(value, Reference):
        return _lookup(scope, value.name)
    if isinstance(value, list):
        return [_resolve(v, scope) for v in value]
    return value


def _fits(word: str, output: Output, value: Any) -> None:
    declared = output.type.shape if output.type else None
    shape = np.shape(value)
    if declared is None:
        return
    if len(declared) != len(shape) or any(d not in (None, s) for d, s in zip(declared, shape, strict=True)):
        raise VerifyError(f"the {word} {output.name} has shape {shape}, the program declares {declared}")
