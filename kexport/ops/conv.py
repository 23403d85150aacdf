"""Convolutions over one, two or three spatial axes, channels last."""

from __future__ import annotations

from dataclasses import dataclass

from kexport.errors import GraphError
from kexport.ir.op import Array, Op
from kexport.ir.traits import Growth, Traits, Work
from kexport.ir.types import TensorType
from kexport.ops import check, convolve
from kexport.ops.activation import apply_activation, bounded_by, check_activation
from kexport.ops.arrays import compute
from kexport.ops.broadcast import same_dim
from kexport.ops.window import Padding, check_padding, output_sizes, transpose_sizes


@dataclass(frozen=True)
class Conv(Op):
    """activation(sum over window and input channels of x * kernel, + bias): cross-correlation, as in Keras.

    x[N, *S, C], kernel[*K, C/groups, O], bias[O].
    """

    traits = Traits(Work.ROUNDS, weights=(1,), multiplies=True, growth=Growth.GREAT, spatial=True)
    strides: tuple[int, ...]
    padding: Padding
    dilation: tuple[int, ...]
    groups: int = 1
    activation: str | None = None

    def facts(self) -> Traits:
        return bounded_by(self.traits, self.activation)

    def infer(self, x: TensorType, kernel: TensorType, bias: TensorType | None = None) -> TensorType:
        _check_window(self, x, kernel)
        channels = check.static(kernel.shape[-2], "input channels")
        filters = check.static(kernel.shape[-1], "filters")
        same_dim(x.shape[-1], channels * self.groups, "the channels of x and kernel (times groups)")
        if self.groups < 1 or filters % self.groups:
            raise GraphError(f"{filters} filters cannot be split into {self.groups} groups")
        _check_bias(x, bias, filters)
        sizes = output_sizes(x.shape[1:-1], kernel.shape[:-2], self.strides, self.dilation, self.padding)
        return x.with_shape((x.shape[0], *sizes, filters))

    def evaluate(self, x: Array, kernel: Array, bias: Array | None = None) -> Array:
        def run(x: Array, kernel: Array, *bias: Array) -> Array:
            y = convolve.conv(x, kernel, self.strides, self.dilation, self.padding, self.groups)
            return apply_activation(self.activation, sum(bias, start=y))

        return compute(run, x, kernel, *_present(bias))


@dataclass(frozen=True)
class DepthwiseConv(Op):
    """activation(convolution of each channel with its own M kernels, + bias).

    x[N, *S, C], kernel[*K, C, M], bias[C*M]; output channel c*M + m.
    """

    traits = Traits(Work.ROUNDS, weights=(1,), multiplies=True, growth=Growth.GREAT, spatial=True)
    strides: tuple[int, ...]
    padding: Padding
    dilation: tuple[int, ...]
    activation: str | None = None

    def facts(self) -> Traits:
        return bounded_by(self.traits, self.activation)

    def infer(self, x: TensorType, kernel: TensorType, bias: TensorType | None = None) -> TensorType:
        _check_window(self, x, kernel)
        channels, multiplier = kernel.shape[-2:]
        same_dim(x.shape[-1], channels, "the channels of x and kernel")
        filters = check.static(channels * multiplier, "filters")
        _check_bias(x, bias, filters)
        sizes = output_sizes(x.shape[1:-1], kernel.shape[:-2], self.strides, self.dilation, self.padding)
        return x.with_shape((x.shape[0], *sizes, filters))

    def evaluate(self, x: Array, kernel: Array, bias: Array | None = None) -> Array:
        def run(x: Array, kernel: Array, *bias: Array) -> Array:
            y = convolve.depthwise(x, kernel, self.strides, self.dilation, self.padding)
            return apply_activation(self.activation, sum(bias, start=y))

        return compute(run, x, kernel, *_present(bias))


@dataclass(frozen=True)
class ConvTranspose(Op):
    """activation(the gradient of a convolution with respect to its input, + bias), of the size that Keras gives.

    x[N, *S, C], kernel[*K, O/groups, C], bias[O]. Explicit padding is what is cut off the low and the high end.
    With groups, the C input channels are split, and each part makes O/groups output channels.
    """

    traits = Traits(Work.ROUNDS, weights=(1,), multiplies=True, growth=Growth.GREAT, spatial=True)
    strides: tuple[int, ...]
    padding: Padding
    output_padding: tuple[int, ...] | None
    dilation: tuple[int, ...]
    groups: int = 1
    activation: str | None = None

    def facts(self) -> Traits:
        return bounded_by(self.traits, self.activation)

    def infer(self, x: TensorType, kernel: TensorType, bias: TensorType | None = None) -> TensorType:
        _check_window(self, x, kernel)
        window = tuple(check.static(d, "the kernel") for d in kernel.shape[:-2])
        filters = check.static(kernel.shape[-2], "filters") * self.groups
        channels = check.static(same_dim(x.shape[-1], kernel.shape[-1], "the channels of x and kernel"), "channels")
        if self.groups < 1 or channels % self.groups:
            raise GraphError(f"{channels} channels cannot be split into {self.groups} groups")
        if self.output_padding is not None:
            check.length(self.output_padding, len(window), "output_padding")
        _check_bias(x, bias, filters)
        sizes = transpose_sizes(x.shape[1:-1], window, self.strides, self.dilation, self.padding, self.output_padding)
        return x.with_shape((x.shape[0], *sizes, filters))

    def evaluate(self, x: Array, kernel: Array, bias: Array | None = None) -> Array:
        def run(x: Array, kernel: Array, *bias: Array) -> Array:
            y = convolve.conv_transpose(
                x, kernel, self.strides, self.dilation, self.padding, self.output_padding, self.groups
            )
            return apply_activation(self.activation, sum(bias, start=y))

        return compute(run, x, kernel, *_present(bias))


def _present(bias: Array | None) -> tuple[Array, ...]:
    return () if bias is None else (bias,)


def _check_window(op: Conv | DepthwiseConv | ConvTranspose, x: TensorType, kernel: TensorType) -> None:
    check.kind("real", x)
    check.same_dtype(x, kernel)
    if not 3 <= x.rank <= 5:
        raise GraphError(f"x needs 1, 2 or 3 spatial axes between batch and channels, got {x}")
    check.rank(kernel, x.rank, "kernel")
    axes = x.rank - 2
    check.length(op.strides, axes, "strides")
    check.length(op.dilation, axes, "dilation")
    check.at_least(1, op.strides, "strides")
    check.at_least(1, op.dilation, "dilation")
    check_padding(op.padding, axes)
    check_activation(op.activation)


def _check_bias(x: TensorType, bias: TensorType | None, filters: int) -> None:
    if bias is not None:
        check.same_dtype(x, bias)
        check.rank(bias, 1, "bias")
        same_dim(bias.shape[0], filters, "the size of bias and the number of filters")
