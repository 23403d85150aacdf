"""Faults in constants: what an emitter can do wrong with weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kexport.ir.graph import Graph, Node
from kexport.ir.op import Array
from kexport.ops import BatchNorm, Conv, ConvTranspose, Dense, DepthwiseConv, Gather, GroupNorm, LayerNorm, RmsNorm
from tests.faults.edits import Fault, Inapplicable, at, attributes, constant, data_of, swap_constants

KERNELS = (Conv, DepthwiseConv, ConvTranspose)
WEIGHTED = (*KERNELS, Dense)
NORMS = (LayerNorm, GroupNorm)


def _square(array: Array) -> Array:
    """Refuses what a transposition would not fit."""
    if array.ndim < 2 or array.shape[0] != array.shape[1]:
        raise Inapplicable
    return array


def _largest(array: Array) -> int:
    """The element that matters most."""
    return int(np.abs(array).argmax())


def _flip_bit(bit: int) -> Callable[[Array], Array]:
    def flip(array: Array) -> Array:
        copy = array.astype(np.float32)
        copy.reshape(-1).view(np.uint32)[_largest(copy)] ^= np.uint32(1 << bit)
        return copy

    return flip


def _set(value: float) -> Callable[[Array], Array]:
    def change(array: Array) -> Array:
        copy = array.copy()
        copy.flat[_largest(copy)] = value
        return copy

    return change


def _scaled(factor: float) -> Callable[[Array], Array]:
    def change(array: Array) -> Array:
        copy = array.copy()
        copy.flat[_largest(copy)] *= np.float32(factor)
        return copy

    return change


def _int8(array: Array) -> Array:
    scale = np.abs(array).max() / 127
    return np.round(array / scale) * scale


def _channel(change: Callable[[Array], None]) -> Callable[[Array], Array]:
    """A change of the slices along the last axis."""

    def changed(array: Array) -> Array:
        if array.shape[-1] < 2:
            raise Inapplicable
        copy = array.copy()
        change(copy)
        return copy

    return changed


def _zero_channel(a: Array) -> None:
    a[..., int(np.abs(a).reshape(-1, a.shape[-1]).sum(0).argmax())] = 0


def _copy_channel(a: Array) -> None:
    a[..., 1] = a[..., 0]


def _swap_channels(a: Array) -> None:
    a[..., [0, 1]] = a[..., [1, 0]]


def _other_order(array: Array) -> Array:
    """The bytes of the transposed kernel under the old shape: output channels first, or rows for columns."""
    return np.moveaxis(array, -1, 0).reshape(array.shape)


def _swap_bytes(array: Array) -> Array:
    return array.astype(np.float32).byteswap()


def _ungrouped(graph: Graph, node: Node) -> None:
    """groups=1 with each filter repeated for all inputs."""
    kernel = data_of(node, 1)
    groups = getattr(node.op, "groups", 1)
    if groups < 2:
        raise Inapplicable
    attributes(groups=1)(graph, node)
    graph.set_operand(
        node, 1, graph.constant(np.ascontiguousarray(np.tile(kernel, (1,) * (kernel.ndim - 2) + (groups, 1))))
    )


def _by_multiplier(array: Array) -> Array:
    """Depthwise filters, all of the first multiplier, then all of the second."""
    return np.swapaxes(array, -1, -2).reshape(array.shape)


def _epsilon_outside(graph: Graph, node: Node) -> None:
    """sqrt(variance) + epsilon for sqrt(variance + epsilon)."""
    epsilon = getattr(node.op, "epsilon", 0.0)
    constant(4, lambda v: (np.sqrt(v.astype(np.float64)) + epsilon) ** 2 - epsilon)(graph, node)


def _exchange(first: int, second: int) -> Callable[[Graph, Node], None]:
    def edit(graph: Graph, node: Node) -> None:
        a = data_of(node, first)
        b = data_of(node, second)
        graph.set_operand(node, first, graph.constant(b))
        graph.set_operand(node, second, graph.constant(a))

    return edit


def _roll(array: Array) -> Array:
    return np.roll(array, 1, axis=0)


def _swap_rows(array: Array) -> Array:
    return array[[1, 0, *range(2, len(array))]]


def _zero_tail(array: Array) -> Array:
    """The second half read as zeros: a shard that ended early."""
    flat = array.reshape(-1).copy()
    flat[flat.size // 2 :] = 0
    return flat.reshape(array.shape)


TABLE = (
    Fault("kernel transposed", at(*KERNELS), constant(1, lambda w: _square(w).swapaxes(0, 1))),
    Fault("kernel rotated", at(*KERNELS), constant(1, lambda w: w[tuple([slice(None, None, -1)] * (w.ndim - 2))])),
    Fault("kernel in another memory order", at(*WEIGHTED), constant(1, _other_order)),
    Fault("input channels reversed", at(*WEIGHTED), constant(1, lambda w: w[..., ::-1, :])),
    Fault("weights of two layers swapped", at(*WEIGHTED), swap_constants(1)),
    Fault("dense transposed", at(Dense), constant(1, lambda w: _square(w).T)),
    Fault("channel zeroed", at(*WEIGHTED), constant(1, _channel(_zero_channel))),
    Fault("channel duplicated", at(*WEIGHTED), constant(1, _channel(_copy_channel))),
    Fault("channels swapped", at(*WEIGHTED), constant(1, _channel(_swap_channels))),
    Fault("exponent bit flipped", at(*WEIGHTED), constant(1, _flip_bit(23))),
    Fault("high exponent bit flipped", at(*WEIGHTED), constant(1, _flip_bit(29))),
    Fault("sign bit flipped", at(*WEIGHTED), constant(1, _flip_bit(31))),
    Fault("weight off by 1 %", at(*WEIGHTED), constant(1, _scaled(1.01))),
    Fault("weight is NaN", at(*WEIGHTED), constant(1, _set(float("nan")))),
    Fault("weight is infinite", at(*WEIGHTED), constant(1, _set(float("inf")))),
    Fault("weights rounded to half", at(*WEIGHTED), constant(1, lambda w: w.astype(np.float16))),
    Fault("weights rounded to 8 bits", at(*WEIGHTED), constant(1, _int8)),
    Fault("weights of other endianness", at(*WEIGHTED), constant(1, _swap_bytes)),
    Fault("weights end early", at(*WEIGHTED), constant(1, _zero_tail)),
    Fault("bias dropped", at(*WEIGHTED), constant(2, np.zeros_like)),
    Fault("bias subtracted", at(*WEIGHTED), constant(2, np.negative)),
    Fault("bias rolled by one", at(*WEIGHTED), constant(2, _roll)),
    Fault("bias of another layer", at(*WEIGHTED), swap_constants(2)),
    Fault("groups dropped", at(Conv), _ungrouped),
    Fault("depthwise multiplier order", at(DepthwiseConv), constant(1, _by_multiplier)),
    Fault("embedding off by one row", at(Gather), constant(0, _roll)),
    Fault("embedding rows swapped", at(Gather), constant(0, _swap_rows)),
    Fault("last embedding row lost", at(Gather), constant(0, lambda t: np.concatenate([t[:-1], t[-2:-1]]))),
    Fault("mean and variance swapped", at(BatchNorm), _exchange(3, 4)),
    Fault("gamma and beta swapped", at(BatchNorm), _exchange(1, 2)),
    Fault("epsilon outside of the root", at(BatchNorm), _epsilon_outside),
    Fault("deviation for variance", at(BatchNorm), constant(4, np.sqrt)),
    Fault("gamma dropped", at(*NORMS, RmsNorm, BatchNorm), constant(1, np.ones_like)),
    Fault("beta dropped", at(*NORMS, BatchNorm), constant(2, np.zeros_like)),
)
