"""Types and values of a program as they stand in its messages."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from kexport.ir.op import Array
from kexport.ir.types import DType, check_rank
from kexport_coreml.dtypes import DTYPES


class Type(NamedTuple):
    """A tensor type; None is a size that is not known."""

    dtype: DType | None
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join('?' if d is None else str(d) for d in self.shape)}]"

    @property
    def numel(self) -> int | None:
        """The number of elements, if it is known."""
        return None if None in self.shape else prod(d for d in self.shape if d is not None)


def type_of(message: Any) -> Type | None:
    """A `ValueType` message, if it is a tensor."""
    if message.WhichOneof("type") != "tensorType":
        return None
    tensor = message.tensorType
    check_rank(len(tensor.dimensions))
    dims = tuple(d.constant.size if d.WhichOneof("dimension") == "constant" else None for d in tensor.dimensions)
    return Type(DTYPES.get(tensor.dataType), dims)


def immediate(message: Any, type: Type) -> Array | str | None:
    """The elements of a `Value` that stand in the program, flat; None if they are elsewhere or of another kind."""
    if message.WhichOneof("value") != "immediateValue" or message.immediateValue.WhichOneof("value") != "tensor":
        return None
    tensor = message.immediateValue.tensor
    kind = tensor.WhichOneof("value")
    if kind is None or type.dtype is None:
        return None
    values = getattr(tensor, kind).values
    if type.dtype is DType.STRING:
        return values[0] if len(values) == 1 else None
    if kind == "bytes":
        return np.frombuffer(values, type.dtype.numpy)
    return np.asarray(values, type.dtype.numpy)
