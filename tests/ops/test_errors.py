"""What ops say about operands and attributes that do not fit."""

from __future__ import annotations

import numpy as np
import pytest

from kexport import ops
from kexport.errors import GraphError
from kexport.ir.dim import symbol
from kexport.ir.op import Op, infer
from kexport.ir.types import DType, TensorType

ONES = (1, 1)
IMAGE = "f32[n,8,8,4]"
KERNEL = "f32[3,3,4,6]"
CONV = ops.Conv(ONES, "same", ONES)
TRANSPOSE = ops.ConvTranspose(ONES, "same", None, ONES)

WRONG: list[tuple[Op, list[str], str]] = [
    # element types
    (ops.Exp(), ["i32[3]"], "needs floating-point elements, got i32"),
    (ops.LogicalNot(), ["f32[3]"], "needs boolean elements, got f32"),
    (ops.BitAnd(), ["f32[3]", "f32[3]"], "needs integer elements, got f32"),
    (ops.Neg(), ["bool[3]"], "needs numeric elements, got bool"),
    (ops.Relu(), ["bool[3]"], "needs real elements, got bool"),
    (ops.Div(), ["i32[3]", "i32[3]"], "needs floating-point elements, got i32"),
    (ops.Add(), ["f32[3]", "f16[3]"], "needs one element type, got f32 and f16"),
    (ops.Select(), ["f32[3]", "f32[3]", "f32[3]"], "needs boolean elements, got f32"),
    (ops.Gather(0), ["f32[3]", "f32[3]"], "needs integer elements, got f32"),
    (CONV, [IMAGE, "f16[3,3,4,6]"], "needs one element type, got f32 and f16"),
    (ops.AvgPool((2, 2), ONES, "valid"), ["i32[n,8,8,4]"], "needs floating-point elements, got i32"),
    (ops.Cast(DType.I32), ["string[3]"], "cannot cast string to i32"),
    (ops.Cast(DType.STRING), ["f32[3]"], "cannot cast f32 to string"),
    (ops.ArgMax(0, DType.F32), ["f32[3]"], "needs integer elements, got f32"),
    # broadcasting and equal dims
    (ops.Add(), ["f32[2,3]", "f32[2,4]"], "[2,3] and [2,4] do not broadcast: dimensions must be equal, got 3 and 4"),
    (ops.Add(), ["f32[n,3]", "f32[7,3]"], "[n,3] and [7,3] do not broadcast: dimensions must be equal, got n and 7"),
    (ops.Prelu(), ["f32[n,3]", "f32[2]"], "[2] does not broadcast to [n,3]: dimensions must be equal, got 2 and 3"),
    (ops.Prelu(), ["f32[3]", "f32[1,3]"], "[1,3] does not broadcast to [3]: the rank is too high"),
    (ops.BroadcastTo((2, 5)), ["f32[3]"], "[3] does not broadcast to [2,5]: dimensions must be equal, got 3 and 5"),
    (ops.Concat(0), ["f32[2,3]", "f32[2,4]"], "the sizes of axis 1 must be equal, got 3 and 4"),
    (ops.Concat(0), ["f32[2,3]", "f32[2]"], "every operand needs rank 2, got f32[2]"),
    (ops.Concat(2), ["f32[2,3]"], "axis 2 is out of range for rank 2"),
    # convolution
    (CONV, ["f32[n,4]", "f32[4,6]"], "x needs 1, 2 or 3 spatial axes between batch and channels, got f32[n,4]"),
    (CONV, [IMAGE, "f32[3,4,6]"], "kernel needs rank 4, got f32[3,4,6]"),
    (CONV, [IMAGE, "f32[3,3,5,6]"], "the channels of x and kernel (times groups) must be equal, got 4 and 5"),
    (CONV, [IMAGE, KERNEL, "f32[5]"], "the size of bias and the number of filters must be equal, got 5 and 6"),
    (CONV, [IMAGE, KERNEL, "f32[6,1]"], "bias needs rank 1, got f32[6,1]"),
    (CONV, ["f32[n,8,8,4]", "f32[3,3,4,m]"], "filters must be a fixed size, got m"),
    (ops.Conv((1,), "same", ONES), [IMAGE, KERNEL], "strides needs 2 values, got [1]"),
    (ops.Conv(ONES, "same", (1, 0)), [IMAGE, KERNEL], "dilation must be at least 1, got [1,0]"),
    (ops.Conv(ONES, "full", ONES), [IMAGE, KERNEL], "padding must be one of same, valid, got 'full'"),
    (ops.Conv(ONES, ((1, 1),), ONES), [IMAGE, KERNEL], "padding needs 2 values, got [(1, 1)]"),
    (ops.Conv(ONES, ((1, 1), (0, -1)), ONES), [IMAGE, KERNEL], "padding must be at least 0, got [0,-1]"),
    (ops.Conv(ONES, "same", ONES, 2, "gelu"), ["f32[n,8,8,8]", KERNEL],
     "activation must be one of relu, relu6, elu, tanh, sigmoid, got 'gelu'"),
    (ops.Conv(ONES, "same", ONES, 4), ["f32[n,8,8,16]", KERNEL], "6 filters cannot be split into 4 groups"),
    (ops.Conv(ONES, "valid", (4, 1)), [IMAGE, KERNEL], "the window spans more than the padded input: 9 is more than 8"),
    (ops.DepthwiseConv(ONES, "same", ONES), [IMAGE, "f32[3,3,5,1]"],
     "the channels of x and kernel must be equal, got 4 and 5"),
    (TRANSPOSE, [IMAGE, KERNEL], "the channels of x and kernel must be equal, got 4 and 6"),
    (ops.ConvTranspose(ONES, "same", None, ONES, 3), [IMAGE, "f32[3,3,2,4]"],
     "4 channels cannot be split into 3 groups"),
    (ops.ConvTranspose(ONES, "same", (1,), ONES), [IMAGE, "f32[3,3,6,4]"], "output_padding needs 2 values, got [1]"),
    (ops.ConvTranspose(ONES, ((6, 6), (1, 1)), None, ONES), [IMAGE, "f32[3,3,6,4]"],
     "the output sizes must be at least 1, got [-2,8]"),
    (ops.MaxPool((2,), (1,), "same"), [IMAGE], "window needs 2 values, got [2]"),
    (ops.MaxPool((9, 2), ONES, "valid"), [IMAGE], "the window spans more than the padded input: 9 is more than 8"),
    (ops.MaxPool((2, 2), ONES, "same"), ["f32[n,4]"],
     "x needs 1, 2 or 3 spatial axes between batch and channels, got f32[n,4]"),
    (ops.Resize((4, 4), "lanczos"), [IMAGE],
     "method must be one of nearest, bilinear, bicubic, lanczos3, lanczos5, got 'lanczos'"),
    (ops.Resize((4, 0)), [IMAGE], "size must be at least 1, got [4,0]"),
    (ops.Resize((4, 4)), ["f32[n,8,4]"], "x needs rank 4, got f32[n,8,4]"),
    # matrices and normalization
    (ops.MatMul(), ["f32[3]", "f32[3,4]"], "needs matrices or batches of matrices, got f32[3] and f32[3,4]"),
    (ops.MatMul(), ["f32[n,3]", "f32[4,3]"], "the columns of a and the rows of b must be equal, got 3 and 4"),
    (ops.Dense(), ["f32[n,3]", "f32[4,5]"], "the last axis of x and the rows of w must be equal, got 3 and 4"),
    (ops.Dense(), ["f32[n,3]", "f32[3,5]", "f32[3]"],
     "the size of bias and the columns of w must be equal, got 3 and 5"),
    (ops.Dense(), ["f32[]", "f32[3,5]"], "x needs at least one axis, got f32[]"),
    (ops.LayerNorm((-1,), 1e-3), ["f32[n,3]", "f32[3]", "f32[1,3]"],
     "the shape of beta and of the normalized axes must be equal, got [1,3] and [3]"),
    (ops.RmsNorm((0, 0), 1e-3), ["f32[n,3]", "f32[3]"], "axes (0, 0) name an axis twice"),
    (ops.BatchNorm(1e-3), ["f32[n,3]", *["f32[4]"] * 4],
     "the shape of gamma and of the normalized axes [4] and [3] must be equal, got 4 and 3"),
    (ops.GroupNorm(2, 1e-3), ["f32[n,3]", "f32[3]", "f32[3]"],
     "the channels of f32[n,3] cannot be split into 2 groups"),
    # reductions
    (ops.ReduceSum((2,)), ["f32[n,3]"], "axis 2 is out of range for rank 2"),
    (ops.ReduceSum((1, -1)), ["f32[n,3]"], "axes (1, -1) name an axis twice"),
    (ops.TopK(4), ["f32[n,3]"], "k: 4 is more than 3"),
    (ops.TopK(-1), ["f32[n,3]"], "k must be at least 0, got [-1]"),
    (ops.Clip(2.0, 1.0), ["f32[3]"], "low 2.0 is more than high 1.0"),
    # layout
    (ops.Reshape((2, 5)), ["f32[3,4]"], "the numbers of elements of [3,4] and [2,5] must be equal, got 12 and 10"),
    (ops.Reshape((-1, 4)), ["f32[3,4]"], "the new shape must be at least 0, got [-1,4]"),
    (ops.Transpose((0, 0)), ["f32[3,4]"], "perm (0, 0) is not a permutation of the 2 axes"),
    (ops.Split(0, (1, 1)), ["f32[3]"], "the sum of sizes and axis 0 must be equal, got 2 and 3"),
    (ops.Split(0, ()), ["f32[3]"], "sizes must name at least one piece"),
    (ops.Split(0, (4, -1)), ["f32[3]"], "sizes must be at least 0, got [4,-1]"),
    (ops.Slice((0,), (4,), (1,)), ["f32[3]"], "end is beyond the axis: 4 is more than 3"),
    (ops.Slice((2,), (1,), (1,)), ["f32[3]"], "begin is beyond end: 2 is more than 1"),
    (ops.Slice((-1,), (1,), (1,)), ["f32[3]"], "begin must be at least 0, got [-1]"),
    (ops.Slice((0,), (1,), (0,)), ["f32[3]"], "strides must be at least 1, got [0]"),
    (ops.Slice((0,), (1,), (1,)), ["f32[3,4]"], "begin needs 2 values, got [0]"),
    (ops.Pad(((0, -1),)), ["f32[3]"], "the padding of axis 0 must be at least 0, got [0,-1]"),
    (ops.Pad(((3, 0),), "reflect"), ["f32[3]"], "reflect padding of axis 0: 3 is more than 2"),
    (ops.Pad(((4, 0),), "symmetric"), ["f32[3]"], "symmetric padding of axis 0: 4 is more than 3"),
    (ops.Pad(((1, 0),), "wrap"), ["f32[3]"], "mode must be one of constant, reflect, symmetric, edge, got 'wrap'"),
    (ops.Tile((1,)), ["f32[3,4]"], "reps needs 2 values, got [1]"),
    (ops.DepthToSpace(2), ["f32[n,2,2,6]"], "6 channels cannot be split into blocks of 2x2"),
    (ops.SpaceToDepth(2), ["f32[n,4,5,6]"], "5 rows or columns cannot be split into blocks of 2x2"),
    (ops.Iota(-1, DType.I32), [], "length must be at least 0, got [-1]"),
    (ops.Full((-1,), 0, DType.I32), [], "the shape must be at least 0, got [-1]"),
    # indices
    (ops.Gather(0, 1), ["f32[n,3]", "i32[n]"], "batch_dims 1 does not fit axis 0 and indices i32[n]"),
    (ops.Gather(1, 1), ["f32[2,3]", "i32[4]"],
     "the batch axes of x and indices [2] and [4] must be equal, got 2 and 4"),
    (ops.GatherNd(2), ["f32[n,3]", "i32[n,1]"], "batch_dims 2 does not fit x f32[n,3] and indices i32[n,1]"),
    (ops.GatherNd(), ["f32[2,3]", "i32[5,3]"],
     "the last axis of indices holds more numbers than there are axes: 3 is more than 2"),
    (ops.GatherNd(), ["f32[2,3]", "i32[5,n]"], "the last axis of indices must be a fixed size, got n"),
    (ops.ScatterNd(), ["f32[2,3]", "i32[]", "f32[3]"], "indices need at least one axis, got i32[]"),
    (ops.ScatterNd(), ["f32[2,3]", "i32[4,1]", "f32[4,2]"],
     "the shape of updates and of the slices [4,2] and [4,3] must be equal, got 2 and 3"),
    (ops.ScatterNd("mul"), ["f32[2]", "i32[1,1]", "f32[1]"],
     "reduction must be one of update, add, max, min, got 'mul'"),
    (ops.OneHot(-1), ["i32[n]"], "depth must be at least 0, got [-1]"),
]  # fmt: skip


@pytest.mark.parametrize(("op", "types", "message"), WRONG, ids=[f"{op.name}-{m[:40]}" for op, _, m in WRONG])
def test_operands_that_do_not_fit(op: Op, types: list[str], message: str) -> None:
    with pytest.raises(GraphError) as caught:
        infer(op, tuple(map(TensorType.parse, types)))
    assert caught.value.what == f"{op.name}({', '.join(types)}): {message}"


def test_an_index_out_of_range() -> None:
    x = np.zeros((3, 4), np.float32)
    for indices in ([0, 3], [-1, 2]):
        with pytest.raises(GraphError) as caught:
            ops.Gather(0).evaluate(x, np.array(indices))
        assert str(caught.value) == f"indices from {min(indices)} to {max(indices)} do not fit into an axis of size 3"


def test_a_negative_integer_power() -> None:
    with pytest.raises(GraphError) as caught:
        ops.Pow().evaluate(np.array([2, 3]), np.array([1, -2]))
    assert str(caught.value) == "an integer to the power -2 is not an integer"


def test_an_unbound_size() -> None:
    with pytest.raises(GraphError) as caught:
        ops.Reshape((symbol("n"), 2)).evaluate(np.zeros(4))
    assert str(caught.value) == "a size to evaluate must be a fixed size, got n"
