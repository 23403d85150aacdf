"""What is tried: a call of a function of keras.ops, on inputs of one kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kexport.ir.op import Array
from tests.capture.agree import TOLERANCE
from tests.layers.item import Feed

Call = Callable[..., Any]
"""`(keras.ops, *tensors) -> tensors`"""
FIXED_BATCH = 3
TOGETHER = 8
"""How many functions of a family are exported in one model."""


@dataclass(frozen=True)
class Family:
    """Calls on the same inputs."""

    feeds: tuple[Feed, ...]
    calls: Mapping[str, Call]


@dataclass(frozen=True)
class Function:
    """One call to build, capture, export and compare.

    `fixed`: the batch size is fixed, and Keras is told what the call gives, which it cannot work out by itself.
    """

    name: str
    feeds: tuple[Feed, ...]
    call: Call
    fixed: bool = False
    tolerance: float = TOLERANCE
    group: str = ""

    def tensors(self, keras: Any) -> list[Any]:
        """The inputs of a model."""
        batch = FIXED_BATCH if self.fixed else None
        return [keras.Input(batch_shape=(batch, *f.shape), dtype=f.dtype) for f in self.feeds]

    def apply(self, keras: Any, tensors: list[Any]) -> Any:
        """What a layer that makes the call gives, as a list."""
        call = self.call
        fixed = self.fixed

        class Calling(keras.layers.Layer):
            def call(self, *inputs: Any) -> Any:
                return keras.tree.flatten(call(keras.ops, *inputs))

            def compute_output_spec(self, *inputs: Any) -> Any:
                if not fixed:
                    return super().compute_output_spec(*inputs)
                given = [np.ones(t.shape, t.dtype) for t in inputs]
                found = self.call(*map(keras.ops.convert_to_tensor, given))
                return [keras.KerasTensor(tuple(t.shape), keras.backend.standardize_dtype(t.dtype)) for t in found]

        return Calling(name=self.name.replace(".", "_"))(*tensors)

    def model(self, keras: Any) -> Any:
        """A model of the one call."""
        tensors = self.tensors(keras)
        return keras.Model(tensors, self.apply(keras, tensors))

    def batch(self, size: int, seed: int = 0) -> list[Array]:
        """Random inputs; of the one size that there is where that is fixed."""
        size = FIXED_BATCH if self.fixed else size
        return [f.sample(size, seed + i) for i, f in enumerate(self.feeds)]
