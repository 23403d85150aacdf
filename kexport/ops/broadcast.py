"""Equality of dims and numpy broadcasting of shapes, both with symbolic dims."""

from __future__ import annotations

from kexport.errors import GraphError
from kexport.ir.dim import Dim, SymDim, product
from kexport.ir.types import TensorType
from kexport.ops.check import show

Shape = tuple[Dim, ...]


class DimConflict(GraphError):
    """Two different dims, at least one of them symbolic, would have to be equal: `left` and `right`."""

    def __init__(self, what: str, left: Dim, right: Dim):
        super().__init__(what)
        self.left = left
        self.right = right


def same_dim(a: Dim, b: Dim, what: str) -> Dim:
    """The one dim that `a` and `b` both are.

    Raises:
        DimConflict: they differ and one is symbolic, so that only the input decides.
        GraphError: they are different sizes.
    """
    if a == b:
        return a
    text = f"{what} must be equal, got {a} and {b}"
    if isinstance(a, SymDim) or isinstance(b, SymDim):
        raise DimConflict(text, a, b)
    raise GraphError(text)


def same_shape(a: Shape, b: Shape, what: str) -> Shape:
    """The one shape that `a` and `b` both are; raises like `same_dim`."""
    if len(a) != len(b):
        raise GraphError(f"{what} must be equal, got {show(a)} and {show(b)}")
    return tuple(same_dim(x, y, f"{what} {show(a)} and {show(b)}") for x, y in zip(a, b, strict=True))


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The common shape: aligned at the back, dims are equal or one of them is 1.

    Raises:
        DimConflict, GraphError: they do not fit; names both shapes.
    """
    result = shapes[0]
    for shape in shapes[1:]:
        result = _broadcast_two(result, shape)
    return result


def broadcast(*types: TensorType) -> TensorType:
    """A type with the element type of the first operand and the common shape of all."""
    return types[0].with_shape(broadcast_shapes(*(t.shape for t in types)))


def broadcast_to(shape: Shape, wanted: Shape) -> Shape:
    """`wanted`, if `shape` can be broadcast to it; raises like `broadcast_shapes`."""
    what = f"{show(shape)} does not broadcast to {show(wanted)}: dimensions"
    if len(shape) > len(wanted):
        raise GraphError(f"{show(shape)} does not broadcast to {show(wanted)}: the rank is too high")
    for have, want in zip(shape, wanted[len(wanted) - len(shape) :], strict=True):
        if have != 1:
            same_dim(have, want, what)
    return wanted


def same_numel(a: Shape, b: Shape) -> None:
    """Require as many elements in `a` as in `b`; raises like `same_dim`."""
    same_dim(product(a), product(b), f"the numbers of elements of {show(a)} and {show(b)}")


def _broadcast_two(a: Shape, b: Shape) -> Shape:
    what = f"{show(a)} and {show(b)} do not broadcast: dimensions"
    rank = max(len(a), len(b))
    left = (1,) * (rank - len(a)) + a
    right = (1,) * (rank - len(b)) + b
    return tuple(y if x == 1 else x if y == 1 else same_dim(x, y, what) for x, y in zip(left, right, strict=True))
