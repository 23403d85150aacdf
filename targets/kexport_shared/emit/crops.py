"""What transposed convolutions cut off."""

from __future__ import annotations

from kexport import ops
from kexport.errors import EmitError
from kexport.ir.dim import Dim
from kexport.ops.window import transpose_crops


def fixed_crops(op: ops.ConvTranspose, sizes: tuple[Dim, ...], window: tuple[int, ...]) -> list[tuple[int, int]]:
    """What is cut off the low and the high end of each axis, as numbers; below 0 where the result has more.

    Raises:
        EmitError: it depends on the input size.
    """
    crops = transpose_crops(sizes, window, op.strides, op.dilation, op.padding, op.output_padding)
    fixed = [(low, high) for low, high in crops if isinstance(low, int) and isinstance(high, int)]
    if len(fixed) < len(crops):
        raise EmitError(f"the crop {crops} of a transposed convolution depends on the input size")
    return fixed
