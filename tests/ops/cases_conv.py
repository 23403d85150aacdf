"""Cases of convolution, pooling and resizing."""

from __future__ import annotations

from typing import Any

import numpy as np

from kexport import ops
from kexport.ir.dim import SymDim, substitute
from kexport.ir.types import DType
from tests.ops.case import BATCH, LENGTH, Case, Operand, integers, normal, weight
from tests.ops.expected import Array, keras, keras_call, pad_spatial, tensorflow, tf_call, to_numpy

_IMAGE = normal(BATCH, 9, 8, 3)
_KERNEL = weight(3, 3, 3, 4)
_WIDE = normal(BATCH, 6, 7, 20)
_ANY = normal(BATCH, LENGTH, LENGTH + 3, 3)
_LINE = normal(BATCH, 11, 3)
_VOLUME = normal(BATCH, 5, 6, 4, 2)


def _conv(name: str, strides: Any, padding: Any, dilation: Any, activation: str = "linear", **options: Any) -> Any:
    def expected(x: Array, kernel: Array, *bias: Array) -> Array:
        word = padding
        if not isinstance(padding, str):
            x = pad_spatial(x, padding)
            word = "valid"
        fn = getattr(keras().ops, name)
        y = fn(x, kernel, strides, word, "channels_last", dilation_rate=dilation, **options)
        return to_numpy(getattr(keras().activations, activation)(y + sum(bias)))

    return expected


def _conv_case(x: Operand, kernel: Operand, strides: Any, padding: Any, dilation: Any, label: str, **more: Any) -> Case:
    bias = more.get("bias", False)
    activation = more.get("activation")
    groups = more.get("groups", 1)
    operands = (x, kernel, weight(kernel.shape[-1])) if bias else (x, kernel)
    op = ops.Conv(strides, padding, dilation, groups, activation)
    plain = _conv("conv", strides, padding, dilation, activation or "linear")

    def by_group(x: Array, kernel: Array, *bias: Array) -> Array:
        parts = zip(np.split(x, groups, -1), np.split(kernel, groups, -1), strict=True)
        return np.concatenate([plain(a, k) for a, k in parts], -1) + sum(bias)

    return Case(op, operands, plain if groups == 1 else by_group, label)


def _depthwise_case(x: Operand, kernel: Operand, strides: Any, padding: Any, dilation: Any, label: str) -> Case:
    bias = weight(kernel.shape[-2] * kernel.shape[-1])
    expected = _conv("depthwise_conv", strides[0], padding, dilation)
    return Case(ops.DepthwiseConv(strides, padding, dilation), (x, kernel, bias), expected, label)


def _dilated_transpose(strides: Any, padding: str, output: Any, dilation: Any) -> Any:
    """The gradient of the dilated convolution, which TensorFlow has on the CPU where it lacks the op."""

    def expected(x: Array, kernel: Array) -> Array:
        tf = tensorflow()
        big = tf.zeros((x.shape[0], *output, kernel.shape[-2]), x.dtype)
        with tf.GradientTape() as tape:
            tape.watch(big)
            y = tf.nn.convolution(big, kernel, strides, padding.upper(), dilations=dilation)
        return to_numpy(tape.gradient(y, big, output_gradients=tf.constant(x)))

    return expected


def _transpose_case(x: Operand, kernel: Operand, strides: Any, padding: Any, extra: Any, label: str) -> Case:
    ones = (1,) * len(strides)
    bias = weight(kernel.shape[-2])

    def expected(x: Array, kernel: Array, bias: Array) -> Array:
        return to_numpy(keras().ops.conv_transpose(x, kernel, strides, padding, extra, "channels_last")) + bias

    return Case(ops.ConvTranspose(strides, padding, extra, ones), (x, kernel, bias), expected, label)


def _cropped_transpose(strides: Any, crops: Any, extra: Any) -> Any:
    def expected(x: Array, kernel: Array) -> Array:
        wider = tuple(e for e in extra) if extra else None
        y = to_numpy(keras().ops.conv_transpose(x, kernel, strides, "valid", wider, "channels_last"))
        return y[(slice(None), *(slice(lo, n - hi) for (lo, hi), n in zip(crops, y.shape[1:-1], strict=True)))]

    return expected


def _grouped_transpose(strides: Any, groups: int) -> Any:
    def expected(x: Array, kernel: Array) -> Array:
        parts = zip(np.split(x, groups, -1), np.split(kernel, groups, -1), strict=True)
        made = [keras().ops.conv_transpose(a, k, strides, "same", None, "channels_last") for a, k in parts]
        return np.concatenate([to_numpy(m) for m in made], -1)

    return expected


_TRANSPOSED = ops.ConvTranspose
_DEPTH = weight(3, 3, 3, 1)

CONV = [
    _conv_case(_IMAGE, _KERNEL, (1, 1), "same", (1, 1), "same"),
    _conv_case(_IMAGE, _KERNEL, (1, 1), "valid", (1, 1), "valid_bias_relu", bias=True, activation="relu"),
    _conv_case(_IMAGE, _KERNEL, (2, 2), "same", (1, 1), "same_stride", bias=True, activation="relu6"),
    _conv_case(_IMAGE, _KERNEL, (2, 3), "valid", (1, 1), "strides", activation="sigmoid"),
    _conv_case(_IMAGE, weight(2, 1, 3, 4), (2, 2), "same", (1, 1), "gaps"),
    _conv_case(_ANY, weight(2, 3, 3, 4), (4, 4), "same", (1, 1), "any_size_gaps", bias=True),
    _conv_case(_IMAGE, _KERNEL, (1, 1), "same", (2, 2), "dilated", activation="tanh"),
    _conv_case(_IMAGE, _KERNEL, (1, 1), "valid", (1, 3), "dilated_valid", activation="elu"),
    _conv_case(_IMAGE, _KERNEL, (2, 2), ((0, 1), (1, 2)), (1, 1), "explicit", bias=True),
    _conv_case(_IMAGE, weight(2, 4, 3, 5), (1, 1), "same", (1, 1), "even"),
    _conv_case(_IMAGE, weight(1, 1, 3, 5), (1, 1), "same", (1, 1), "pointwise"),
    _conv_case(_IMAGE, weight(1, 1, 3, 5), (2, 2), "valid", (1, 1), "pointwise_stride"),
    _conv_case(_WIDE, weight(3, 3, 20, 4), (1, 1), "same", (1, 1), "wide"),
    _conv_case(_WIDE, weight(3, 2, 20, 4), (2, 2), "same", (1, 1), "wide_stride"),
    _conv_case(_WIDE, weight(3, 3, 10, 6), (1, 1), "same", (1, 1), "grouped", groups=2, bias=True),
    _conv_case(_IMAGE, weight(3, 3, 1, 6), (1, 1), "same", (1, 1), "group_each", groups=3),
    _conv_case(_LINE, weight(4, 3, 5), (1,), "same", (1,), "1d", bias=True),
    _conv_case(_LINE, weight(3, 3, 5), (2,), "valid", (1,), "1d_stride"),
    _conv_case(_LINE, weight(3, 3, 5), (1,), ((4, 0),), (2,), "1d_causal"),
    _conv_case(_VOLUME, weight(3, 2, 3, 2, 4), (1, 1, 1), "same", (1, 1, 1), "3d", bias=True),
    _conv_case(_VOLUME, weight(2, 3, 2, 2, 4), (2, 1, 2), "valid", (1, 1, 1), "3d_stride"),
    _conv_case(_ANY, _KERNEL, (2, 2), "same", (1, 1), "any_size", bias=True),
    _conv_case(_ANY, _KERNEL, (2, 1), "valid", (1, 1), "any_size_valid"),
    Case(
        ops.Conv((2, 3), "valid", (2, 2)),
        (_IMAGE, _KERNEL),
        lambda *a: _conv("conv", 1, "valid", 2)(*a)[:, ::2, ::3],
        "strided_dilated",
    ),
    Case(ops.Conv((1, 1), "same", (1, 1)), (_IMAGE, normal(3, 3, 3, 4)), _conv("conv", 1, "same", 1), "kernel_input"),
    _depthwise_case(_IMAGE, _DEPTH, (1, 1), "same", (1, 1), "same"),
    _depthwise_case(_IMAGE, _DEPTH, (2, 2), "same", (1, 1), "stride"),
    _depthwise_case(_IMAGE, weight(2, 1, 3, 1), (2, 2), "same", (1, 1), "gaps"),
    _depthwise_case(_IMAGE, weight(3, 3, 3, 2), (1, 1), "valid", (1, 1), "multiplier"),
    _depthwise_case(_IMAGE, _DEPTH, (1, 1), "same", (2, 2), "dilated"),
    _depthwise_case(_IMAGE, _DEPTH, (2, 2), ((1, 1), (0, 1)), (1, 1), "explicit"),
    _depthwise_case(_LINE, weight(3, 3, 2), (1,), "same", (1,), "1d"),
    Case(
        ops.DepthwiseConv((1, 1), "same", (1, 1), "relu6"),
        (_IMAGE, _DEPTH),
        _conv("depthwise_conv", 1, "same", 1, "relu6"),
        "relu6",
    ),
]

TRANSPOSED = [
    _transpose_case(_IMAGE, weight(3, 3, 4, 3), (2, 2), "same", None, "same"),
    _transpose_case(_IMAGE, weight(3, 3, 4, 3), (2, 2), "valid", None, "valid"),
    _transpose_case(_IMAGE, weight(4, 4, 4, 3), (2, 2), "same", None, "even"),
    _transpose_case(_IMAGE, weight(2, 2, 4, 3), (3, 3), "same", None, "gaps"),
    _transpose_case(_IMAGE, weight(2, 2, 4, 3), (3, 3), "valid", None, "gaps_valid"),
    _transpose_case(_IMAGE, weight(3, 3, 4, 3), (1, 1), "same", None, "stride1"),
    _transpose_case(_IMAGE, weight(3, 3, 4, 3), (2, 2), "same", (1, 1), "output_padding"),
    _transpose_case(_IMAGE, weight(3, 3, 4, 3), (2, 2), "same", (0, 0), "output_padding0"),
    _transpose_case(_IMAGE, weight(3, 4, 4, 3), (2, 3), "valid", (1, 0), "output_padding_valid"),
    _transpose_case(_IMAGE, weight(5, 5, 4, 3), (3, 3), "same", (2, 2), "output_padding5"),
    _transpose_case(_IMAGE, weight(4, 4, 4, 3), (2, 2), "same", (1, 2), "output_padding_even"),
    _transpose_case(_ANY, weight(3, 3, 4, 3), (2, 2), "same", None, "any_size"),
    _transpose_case(_ANY, weight(3, 3, 4, 3), (2, 2), "valid", (1, 1), "any_size_valid"),
    _transpose_case(_LINE, weight(3, 4, 3), (2,), "same", None, "1d"),
    _transpose_case(_LINE, weight(4, 4, 3), (2,), "valid", None, "1d_valid"),
    _transpose_case(_VOLUME, weight(2, 3, 3, 4, 2), (2, 1, 2), "same", None, "3d"),
    Case(_TRANSPOSED((1, 1), "same", None, (2, 2)), (_IMAGE, weight(3, 3, 4, 3)),
         _dilated_transpose((1, 1), "same", (9, 8), (2, 2)), "dilated"),
    Case(_TRANSPOSED((1, 1), "valid", None, (2, 3)), (_IMAGE, weight(3, 2, 4, 3)),
         _dilated_transpose((1, 1), "valid", (13, 11), (2, 3)), "dilated_valid"),
    Case(_TRANSPOSED((1,), "same", None, (2,)), (_LINE, weight(3, 4, 3)),
         lambda x, k: _dilated_transpose((1, 1), "same", (1, x.shape[1]), (1, 2))(x[:, None], k[None])[:, 0],
         "1d_dilated"),
    Case(_TRANSPOSED((2, 2), ((1, 0), (0, 1)), None, (1, 1)), (_IMAGE, weight(3, 3, 4, 3)),
         _cropped_transpose((2, 2), ((1, 0), (0, 1)), None), "crops"),
    Case(_TRANSPOSED((2, 2), ((1, 1), (1, 1)), (1, 1), (1, 1)), (_IMAGE, weight(3, 3, 4, 3)),
         _cropped_transpose((2, 2), ((1, 1), (1, 1)), (1, 1)), "crops_output_padding"),
    Case(_TRANSPOSED((2, 2), "same", None, (1, 1), 3), (_IMAGE, weight(3, 3, 2, 3)),
         _grouped_transpose((2, 2), 3), "grouped"),
    Case(_TRANSPOSED((2, 2), "same", None, (1, 1), 1, "relu"), (_IMAGE, weight(3, 3, 2, 3)),
         lambda x, k: np.maximum(_grouped_transpose((2, 2), 1)(x, k), 0), "relu"),
]  # fmt: skip


def _pool(name: str, window: Any, strides: Any, padding: str) -> Any:
    fn = keras_call(f"ops.{name}", pool_size=window, strides=strides, padding=padding, data_format="channels_last")
    return (lambda x: fn(x.astype(np.float32))) if len(window) == 3 else fn


def _padded_max(x: Array) -> Array:
    return _pool("max_pool", (3, 3), (2, 2), "valid")(pad_spatial(x, ((1, 1), (0, 2)), -np.inf))


def _padded_mean(x: Array) -> Array:
    sums, counts = (
        _pool("average_pool", (3, 3), (2, 2), "valid")(pad_spatial(a, ((1, 1), (0, 2)))) for a in (x, np.ones_like(x))
    )
    return sums / counts


_POOLS = {ops.MaxPool: "max_pool", ops.AvgPool: "average_pool"}

POOL = [
    *(Case(p((2, 2), (2, 2), "valid"), (_IMAGE,), _pool(n, (2, 2), (2, 2), "valid")) for p, n in _POOLS.items()),
    *(Case(p((3, 3), (2, 2), "same"), (_IMAGE,), _pool(n, (3, 3), (2, 2), "same"), "same") for p, n in _POOLS.items()),
    *(Case(p((3, 2), (1, 1), "same"), (_IMAGE,), _pool(n, (3, 2), (1, 1), "same"), "wide") for p, n in _POOLS.items()),
    *(Case(p((3,), (2,), "same"), (_LINE,), _pool(n, (3,), (2,), "same"), "1d") for p, n in _POOLS.items()),
    *(
        Case(p((2, 3, 2), (2, 2, 1), "same"), (_VOLUME,), _pool(n, (2, 3, 2), (2, 2, 1), "same"), "3d", 1e-6)
        for p, n in _POOLS.items()
    ),
    *(
        Case(p((3, 3), (2, 2), "same"), (_ANY,), _pool(n, (3, 3), (2, 2), "same"), "any_size")
        for p, n in _POOLS.items()
    ),
    *(
        Case(p((1, 1), (2, 2), w), (_ANY,), _pool(n, (1, 1), (2, 2), w), f"points_{w}")
        for p, n in _POOLS.items()
        for w in ("same", "valid")
    ),
    *(Case(p((2, 1), (1, 2), "same"), (_ANY,), _pool(n, (2, 1), (1, 2), "same"), "lines") for p, n in _POOLS.items()),
    Case(ops.MaxPool((3, 3), (2, 2), ((1, 1), (0, 2))), (_IMAGE,), _padded_max, "explicit"),
    Case(ops.AvgPool((3, 3), (2, 2), ((1, 1), (0, 2))), (_IMAGE,), _padded_mean, "explicit"),
    Case(
        ops.MaxPool((2, 2), (1, 1), "same"),
        (integers(-9, 9, BATCH, 4, 5, 2),),
        lambda x: tf_call("nn.max_pool2d", ksize=2, strides=1, padding="SAME")(x.astype(np.float32)),
        "i32",
    ),
]


def _resize(size: Any, method: str, antialias: bool) -> Any:
    return tf_call("image.resize", size=size, method=method, antialias=antialias)


_OPEN: dict[str, Any] = {
    "to_fixed": (4, 11),
    "whole": (LENGTH * 3, LENGTH * 2 + 6),
    "half": ((LENGTH + 1) // 2, LENGTH + 3),
    "one_axis": (LENGTH, 7),
}


def _resize_open(label: str, method: str, antialias: bool) -> Any:
    """The same at the sizes that an image has."""

    def run(x: Array) -> Array:
        sizes = [substitute(d, {"length": x.shape[1]}) if isinstance(d, SymDim) else d for d in _OPEN[label]]
        return _resize(sizes, method, antialias)(x)

    return run


_PICTURE = normal(BATCH, 6, 5, 2)
_SIZES = {"up": (9, 10), "down": (4, 2), "mixed": (3, 11), "far_down": (1, 1), "same": (6, 5)}
_TABLE_STEP = 3e-3
"""TensorFlow reads the cubic weights from a table of 1024 steps unless antialias is set."""

RESIZE = [
    *(Case(ops.Resize(size), (_PICTURE,), _resize(size, "nearest", False), label) for label, size in _SIZES.items()),
    *(Case(ops.Resize(size, method, antialias), (_PICTURE,), _resize(size, method, antialias),
           f"{method}_{label}{'_antialias' * antialias}",
           tolerance=_TABLE_STEP if method == "bicubic" and not antialias else 2e-6)
      for method in ("bilinear", "bicubic") for antialias in (False, True) for label, size in _SIZES.items()),
    *(Case(ops.Resize(_SIZES[label], method, antialias), (_PICTURE,), _resize(_SIZES[label], method, antialias),
           f"{method}_{label}{'_antialias' * antialias}", tolerance=5e-6)
      for method in ("lanczos3", "lanczos5") for antialias in (False, True) for label in ("up", "mixed")),
    Case(ops.Resize((LENGTH * 2, LENGTH * 2 + 6), "bilinear"), (_ANY,),
         lambda x: to_numpy(keras().layers.UpSampling2D(2, interpolation="bilinear")(x)), "any_size", 2e-6),
    *(Case(ops.Resize(_OPEN[label], method, antialias), (_ANY,), _resize_open(label, method, antialias),
           f"open_{method}_{label}{'_antialias' * antialias}",
           tolerance=_TABLE_STEP if method == "bicubic" and not antialias else 5e-6)
      for method in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
      for antialias in ((False, True) if method != "nearest" else (False,)) for label in _OPEN),
    Case(ops.Resize((4, 9)), (integers(0, 255, BATCH, 6, 5, 1, dtype=DType.U8),),
         _resize((4, 9), "nearest", False), "u8"),
]  # fmt: skip

CASES = [*CONV, *TRANSPOSED, *POOL, *RESIZE]
