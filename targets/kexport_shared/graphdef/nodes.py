"""The parts of a GraphDef, before it becomes JSON or protobuf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from kexport.ir.op import Array
from kexport.ir.types import DType


class Ref(NamedTuple):
    """A tensor of the graph: `node`, or `node:1` for a later result, and the element type it has there."""

    name: str
    dtype: DType


@dataclass(frozen=True)
class Shape:
    """An attribute that is a shape; -1 stands for a size that is not known."""

    dims: tuple[int, ...]


@dataclass(frozen=True)
class Call:
    """An attribute that names a function."""

    function: str


Attribute = bool | int | float | str | DType | Shape | Call | list[int] | list[str] | list[DType]
"""The value of a node's attribute. A list of strings or element types is never empty."""


@dataclass
class NodeDef:
    """A node: its op, its own name, the names of its operands, its attributes."""

    kind: str
    name: str
    inputs: list[str] = field(default_factory=list[str])
    attributes: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])


class Const(NamedTuple):
    """A constant. `data` has any element type and strides; it is brought to `dtype` when it is written."""

    name: str
    data: Array
    dtype: DType
    shape: tuple[int, ...]

    def array(self) -> Array:
        """The elements as they are stored: contiguous, of `dtype`."""
        import numpy as np

        return np.ascontiguousarray(self.data, self.dtype.numpy).reshape(self.shape)


class Function(NamedTuple):
    """A graph that nodes call: a branch, the condition of a loop, its body."""

    name: str
    inputs: list[Ref]
    outputs: list[Ref]
    nodes: list[NodeDef]
    consts: list[Const]


class Nodes(Protocol):
    """What makes nodes and constants: the emission context."""

    def const(self, data: Any, dtype: DType) -> Ref: ...

    def op(self, kind: str, *operands: Ref, dtype: DType | None = None, main: int = 0, **attributes: Any) -> Ref: ...


TYPES: dict[str, tuple[tuple[str, int], ...]] = {
    "All": (("Tidx", 1),),
    "Any": (("Tidx", 1),),
    "ArgMax": (("T", 0), ("Tidx", 1)),
    "ArgMin": (("T", 0), ("Tidx", 1)),
    "BroadcastTo": (("T", 0), ("Tidx", 1)),
    "Cast": (("SrcT", 0),),
    "ConcatV2": (("T", 0), ("Tidx", -1)),
    "Cumprod": (("T", 0), ("Tidx", 1)),
    "Cumsum": (("T", 0), ("Tidx", 1)),
    "Conv2DBackpropInput": (("T", 1),),
    "Conv3DBackpropInputV2": (("T", 1), ("Tshape", 0)),
    "ExpandDims": (("T", 0), ("Tdim", 1)),
    "Fill": (("T", 1), ("index_type", 0)),
    "FusedBatchNormV3": (("T", 0), ("U", 1)),
    "GatherNd": (("Tparams", 0), ("Tindices", 1)),
    "GatherV2": (("Tparams", 0), ("Tindices", 1), ("Taxis", 2)),
    "HashTableV2": (),
    "IsFinite": (("T", 0),),
    "LogicalAnd": (),
    "LogicalNot": (),
    "LogicalOr": (),
    "LookupTableFindV2": (("Tin", 1), ("Tout", 2)),
    "LookupTableImportV2": (("Tin", 1), ("Tout", 2)),
    "Max": (("T", 0), ("Tidx", 1)),
    "Mean": (("T", 0), ("Tidx", 1)),
    "Min": (("T", 0), ("Tidx", 1)),
    "MirrorPad": (("T", 0), ("Tpaddings", 1)),
    "OneHot": (("T", 2), ("TI", 0)),
    "PadV2": (("T", 0), ("Tpaddings", 1)),
    "Prod": (("T", 0), ("Tidx", 1)),
    "RaggedTensorToTensor": (("T", 1), ("Tindex", 3), ("Tshape", 0)),
    "Range": (("Tidx", 0),),
    "Reshape": (("T", 0), ("Tshape", 1)),
    "ReverseV2": (("Tidx", 1), ("T", 0)),
    "ScatterNd": (("T", 1), ("Tindices", 0)),
    "SelectV2": (("T", 1),),
    "Shape": (("T", 0),),
    "Split": (("T", 1),),
    "SplitV": (("T", 0), ("Tlen", 1)),
    "StatelessIf": (),
    "StatelessWhile": (),
    "StaticRegexReplace": (),
    "StridedSlice": (("T", 0), ("Index", 1)),
    "StringLower": (),
    "StringSplitV2": (),
    "StringToHashBucketFast": (),
    "StringToHashBucketStrong": (),
    "StringUpper": (),
    "Sum": (("T", 0), ("Tidx", 1)),
    "TensorScatterAdd": (("T", 0), ("Tindices", 1)),
    "TensorScatterMax": (("T", 0), ("Tindices", 1)),
    "TensorScatterMin": (("T", 0), ("Tindices", 1)),
    "TensorScatterUpdate": (("T", 0), ("Tindices", 1)),
    "Tile": (("T", 0), ("Tmultiples", 1)),
    "Transpose": (("T", 0), ("Tperm", 1)),
    "UnicodeDecode": (),
    "UnicodeEncode": (("Tsplits", 1),),
}
"""Attributes that state the element types of operands, by op; of others it is `T`, of the first operand."""


def type_attributes(kind: str, dtypes: list[DType]) -> dict[str, Attribute]:
    """The attributes of a node that follow from the element types of its operands."""
    return {name: dtypes[index] for name, index in TYPES.get(kind, (("T", 0),) if dtypes else ())}
