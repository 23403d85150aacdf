"""A saved ML program that can be run: the public face of the evaluator."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kexport.errors import VerifyError
from kexport_shared.mil.features import Feature, as_tensor, feature
from kexport_shared.mil.machine import Machine
from kexport_shared.mil.modes import Mode, Overflow, mode_named
from kexport_shared.mil.package import Package, open_package
from kexport_shared.mil.syntax import Function, Output, parse_function

State = dict[str, np.ndarray]


def load(path: str | Path, function: str | None = None) -> Program:
    """Reads a saved .mlpackage; of several functions, the default one unless another is named."""
    package = open_package(path)
    try:
        return Program(package, function)
    except VerifyError as error:
        raise error.located(str(path)) from error


class Program:
    """A loaded program: `inputs`, `outputs` and `states` describe it, `overflows` tells of the last run."""

    def __init__(self, package: Package, function: str | None = None):
        description = package.model.description
        name, features = _chosen(description, function)
        self.specification = int(package.model.specificationVersion)
        self.inputs: tuple[Feature, ...] = tuple(feature(f) for f in features.input)
        self.outputs: tuple[Feature, ...] = tuple(feature(f) for f in features.output)
        self.states: tuple[Feature, ...] = tuple(feature(f) for f in features.state)
        self.metadata: dict[str, str] = dict(description.metadata.userDefined)
        self.overflows: list[Overflow] = []
        self.kept: dict[str, np.ndarray] = {}
        program = package.model.mlProgram
        if name not in program.functions:
            raise VerifyError(f"the program has no function {name}")
        self.function: Function = parse_function(program.functions[name], package.weights)
        self._check_names()

    def make_state(self) -> State:
        """A fresh state: zeros."""
        return {s.name: np.zeros(_known(s.type.shape), _holder(s.type)) for s in self.function.states}

    def run(
        self,
        inputs: Mapping[str, Any],
        mode: str = "float64",
        state: State | None = None,
        seed: int = 0,
        keep: Collection[str] = (),
    ) -> dict[str, Any]:
        """The outputs by name.

        In modes float64 and float32 real outputs stay what they were computed in; else they have the type the
        description gives them. A classifier's probabilities are a dict by label. `state` is changed in place; without
        one a fresh state is used. Inner values called as in `keep` are found in `kept` afterwards.
        """
        chosen = mode_named(mode)
        states = self.make_state() if state is None else state
        machine = Machine(self.function, chosen, states, seed, keep)
        values = machine.run(self._bind(inputs, chosen))
        self.overflows = machine.overflows
        self.kept = machine.kept
        names = self.function.body.outputs
        results = dict(zip(names, values, strict=True))
        return {f.name: _deliver(f, results[f.name], chosen) for f in self.outputs}

    def _bind(self, inputs: Mapping[str, Any], mode: Mode) -> dict[str, Any]:
        unknown = sorted(set(inputs) - {f.name for f in self.inputs})
        missing = [f.name for f in self.inputs if f.name not in inputs]
        if unknown or missing:
            raise VerifyError(f"inputs do not match: missing {missing}, unknown {unknown}")
        declared = {i.name: i for i in self.function.inputs}
        return {f.name: _enter(declared[f.name], as_tensor(f, inputs[f.name]), mode) for f in self.inputs}

    def _check_names(self) -> None:
        for what, described, made in (
            ("inputs", [f.name for f in self.inputs], [i.name for i in self.function.inputs]),
            ("outputs", [f.name for f in self.outputs], list(self.function.body.outputs)),
            ("states", [f.name for f in self.states], [s.name for s in self.function.states]),
        ):
            if sorted(described) != sorted(made):
                raise VerifyError(f"the description names {what} {described}, the program {made}")


def _chosen(description: Any, function: str | None) -> tuple[str, Any]:
    if not description.functions:
        return function or "main", description
    name = function or description.defaultFunctionName
    found = [f for f in description.functions if f.name == name]
    if not found:
        raise VerifyError(f"the description has no function {name}")
    return name, found[0]


def _known(shape: tuple[int | None, ...] | None) -> tuple[int, ...]:
    if shape is None or any(s is None for s in shape):
        raise VerifyError("a state has a size that is not known")
    return tuple(int(s) for s in shape if s is not None)


def _holder(declared: Any) -> np.dtype:
    return np.dtype(np.float32) if declared.dtype.is_float else declared.dtype.holder


def _enter(declared: Output, array: np.ndarray, mode: Mode) -> np.ndarray:
    return mode.hold(array, declared.type.dtype if declared.type else None)


def _deliver(item: Feature, value: Any, mode: Mode) -> Any:
    if item.kind == "dictionary" or isinstance(value, str):
        return value
    array = np.asarray(value)
    if item.kind == "image" or item.dtype is None or (array.dtype.kind == "f" and not mode.halves):
        return array
    with np.errstate(over="ignore"):
        return array.astype(item.dtype, copy=False)
