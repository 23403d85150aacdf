"""Describes how the engines that run GraphDefs differ: element types, and kernels for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kexport.errors import EmitError
from kexport.ir.graph import Node
from kexport.ir.traits import Growth
from kexport.ir.types import DType
from kexport_shared.graphdef.nodes import Nodes, Ref


@dataclass(frozen=True)
class Dialect:
    """The element types that tensors are stored in, and those that ops are computed in."""

    types: Mapping[DType, DType] = field(default_factory=dict[DType, DType])
    """Element types that the engine lacks, with their replacements."""
    kernels: Mapping[str, Mapping[DType, DType]] = field(default_factory=dict[str, Mapping[DType, DType]])
    """By op: the element types it has no kernel for, and the ones to compute in instead. `*` is any other op."""

    def stored(self, dtype: DType) -> DType:
        """The element type of a tensor in the artifact."""
        return self.types.get(dtype, dtype)

    def computed(self, kind: str, dtype: DType) -> DType:
        """The element type in which an op is computed for operands of `dtype`."""
        return self.kernels.get(kind, self.kernels.get("*", {})).get(dtype, dtype)

    def wrap(self, e: Nodes, node: Node, x: Ref, dtype: DType) -> Ref:
        """x, brought into the range of a narrow integer type that a wider one stands for."""
        bits = {DType.I8: 8, DType.U8: 8, DType.I16: 16, DType.U16: 16}.get(dtype)
        if bits is None or x.dtype is dtype or node.op.facts().growth is Growth.NONE:
            return x
        size = e.const(1 << bits, x.dtype)
        half = e.const(1 << (bits - 1), x.dtype)
        if dtype in (DType.U8, DType.U16):
            return e.op("FloorMod", x, size)
        return e.op("Sub", e.op("FloorMod", e.op("AddV2", x, half), size), half)

    def check_range(self, data: Any, dtype: DType, where: str) -> None:
        """Require that integers fit into the replacement of their type.

        Raises:
            EmitError: one does not.
        """
        if not dtype.is_int or data.dtype == dtype.numpy or data.dtype.kind not in "iu" or not data.size:
            return
        if data.dtype.itemsize < dtype.numpy.itemsize:
            return
        low = int(data.min())
        high = int(data.max())
        bound = 1 << (8 * dtype.numpy.itemsize - 1)
        if low < -bound or high >= bound:
            raise EmitError(f"a constant holds integers from {low} to {high}, too large for {dtype}", where=where)
