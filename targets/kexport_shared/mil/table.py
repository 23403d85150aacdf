"""All operations by name: those that need only their arguments, those that need their surroundings, and since when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from kexport_shared.mil.ops import (
    activation,
    blocks,
    boxes,
    compression,
    control,
    conv,
    create,
    elementwise,
    image,
    index,
    matrix,
    norm,
    pool,
    random,
    recurrent,
    reduce,
    sampling,
    shape,
    slices,
)

Run = Callable[..., Any]
PLAIN = (
    elementwise,
    activation,
    reduce,
    conv,
    pool,
    matrix,
    norm,
    shape,
    blocks,
    create,
    slices,
    recurrent,
    control,
    compression,
    image,
    sampling,
)
OPERATIONS: Mapping[str, Run] = MappingProxyType(
    {name: run for family in PLAIN for name, run in family.OPERATIONS.items()}
)
CONTEXTUAL: Mapping[str, Run] = MappingProxyType(
    {name: run for family in (shape, index, control, random, boxes) for name, run in family.CONTEXTUAL.items()}
)
# operations that iOS 15 does not have, by the opset that brought them
SINCE: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "pixel_unshuffle",
                "reshape_like",
                "fill_like",
                "constexpr_affine_dequantize",
                "constexpr_cast",
                "constexpr_lut_to_dense",
                "constexpr_sparse_to_dense",
            ),
            "CoreML6",
        ),
        **dict.fromkeys(("resize", "quantize", "dequantize"), "CoreML7"),
        **dict.fromkeys(
            (
                "constexpr_blockwise_shift_scale",
                "constexpr_lut_to_sparse",
                "constexpr_sparse_blockwise_shift_scale",
                "read_state",
                "scaled_dot_product_attention",
                "slice_update",
                "write_state",
            ),
            "CoreML8",
        ),
    }
)
