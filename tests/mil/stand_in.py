"""Makes coremltools predict with our evaluator: every model it converts is read back from its package on disk."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import kexport_shared.mil
from kexport.errors import VerifyError

MACOS = (26, 0)


@dataclass
class Watch:
    """What the running test did: how many predictions it compared, and the failure Apple expects of a device."""

    mode: str
    predictions: int = 0
    expected_failure: str = ""
    operations: set[str] = field(default_factory=set)

    def start(self, test: str) -> None:
        """A new test begins; its random numbers depend on its name only."""
        self.predictions = 0
        self.expected_failure = ""
        self.operations = set()
        np.random.seed(zlib.crc32(test.encode()))


def install(watch: Watch) -> None:
    """Replaces what needs Core ML. Apple's own comparison stays, with its tolerances.

    A program that holds float16 is compared with Apple's float16 tolerance whatever the test calls its precision.
    """
    import coremltools as ct
    from coremltools.converters.mil import testing_utils

    apples = testing_utils.compare_backend

    def predict(model: Any, data: dict[str, Any], state: Any = None) -> dict[str, Any]:
        if model._spec.WhichOneof("Type") != "mlProgram":
            pytest.skip("a neural network, not an ML program")
        program = _loaded(model)
        watch.predictions += 1
        watch.operations |= operations(program.function.body)
        inputs = {name: np.asarray(value) for name, value in data.items()}
        try:
            return program.run(inputs, mode=watch.mode or natural_mode(program), state=state)
        except VerifyError as error:
            raise RuntimeError(f"Unable to compute the prediction using ML Program: {error}") from error

    def compare(mlmodel: Any, *args: Any, dtype: str = "fp32", **kwargs: Any) -> Any:
        half = mlmodel._spec.WhichOneof("Type") == "mlProgram" and natural_mode(_loaded(mlmodel)) == "float16"
        return apples(mlmodel, *args, dtype="fp16" if half else dtype, **kwargs)

    def xfail(reason: str = "") -> None:
        watch.expected_failure = reason

    ct.models.MLModel.predict = predict
    ct.models.MLModel.make_state = lambda model: _loaded(model).make_state()
    ct.models.utils._is_macos = lambda: True
    ct.models.utils._macos_version = lambda: MACOS
    testing_utils._IS_MACOS = True
    testing_utils.compare_backend = compare
    pytest.xfail = xfail  # type: ignore[assignment]


def natural_mode(program: kexport_shared.mil.Program) -> str:
    """float16 where the program computes in it, else float32."""
    types = {o.type.dtype.name for op in _walk(program.function.body) for o in op.outputs if o.type and o.type.dtype}
    return "float16" if "fp16" in types else "float32"


def operations(block: Any) -> set[str]:
    """The types of all operations of a block."""
    return {op.type for op in _walk(block)}


def _walk(block: Any) -> Any:
    for op in block.operations:
        yield op
        for inner in op.blocks:
            yield from _walk(inner)


def _loaded(model: Any) -> kexport_shared.mil.Program:
    return kexport_shared.mil.load(model.package_path)
