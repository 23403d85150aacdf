"""An op with bodies and an op with every kind of attribute, known to the text form during one test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from kexport.errors import GraphError
from kexport.ir.dim import Dim
from kexport.ir.graph import Graph
from kexport.ir.op import OPS, Array, Op, RegionOp
from kexport.ir.types import DType, TensorType


@dataclass(frozen=True)
class TestOnlyRepeat(RegionOp, abstract=True):
    """body applied `times` times."""

    __test__ = False
    body: Graph
    times: Dim = 2

    def infer(self, x: TensorType) -> TensorType:
        if [v.type for v in self.body.inputs] != [x]:
            raise GraphError(f"the body does not take {x}")
        return x

    def evaluate_with(self, run: Any, *operands: Array) -> Array:
        (x,) = operands
        for _ in range(int(self.times)):
            (x,) = run(self.body, [x])
        return x


@dataclass(frozen=True)
class TestOnlyZoo(Op, abstract=True):
    """Every kind of attribute; the elements of x as another type."""

    __test__ = False
    size: Dim
    dtype: DType
    pairs: tuple[tuple[Dim, Dim], ...]
    text: str
    ratio: float
    flag: bool
    nothing: float | None
    window: str | tuple[int, ...]
    count: int = 1
    alpha: float = 0.2
    maybe: DType | None = None

    def infer(self, x: TensorType) -> TensorType:
        return TensorType(self.dtype, x.shape)

    def evaluate(self, x: Array) -> Array:
        return x.astype(self.dtype.numpy) + np.asarray(self.size, self.dtype.numpy)


@pytest.fixture(autouse=True)
def own_ops() -> Iterator[None]:
    """The table of ops with the ops above, put back after the test."""
    before = dict(OPS)
    OPS.update(repeat=TestOnlyRepeat, zoo=TestOnlyZoo)
    TestOnlyRepeat.name = "repeat"
    TestOnlyZoo.name = "zoo"
    yield
    OPS.clear()
    OPS.update(before)
