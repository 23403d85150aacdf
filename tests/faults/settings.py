"""Faults in attributes: what an emitter can do wrong with the settings of a layer, or with its kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from kexport import ops
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Op
from kexport.ops.window import explicit_pads, extent
from tests.faults.edits import Edit, Fault, Inapplicable, Where, at, attributes, bypass, put, replaced_by, result

WINDOWS = (ops.Conv, ops.DepthwiseConv, ops.MaxPool, ops.AvgPool)
ACTIVATIONS = (
    ops.Relu, ops.Relu6, ops.LeakyRelu, ops.Elu, ops.Selu, ops.Sigmoid, ops.Tanh, ops.Softplus, ops.Gelu, ops.Silu,
    ops.HardSigmoid, ops.Exp, ops.Sqrt, ops.Floor, ops.Abs,
)  # fmt: skip
NORMS = (ops.BatchNorm, ops.LayerNorm, ops.RmsNorm, ops.GroupNorm)
FUSING = (ops.Conv, ops.DepthwiseConv, ops.ConvTranspose, ops.Dense)


def _pads(node: Node) -> tuple[tuple[Any, Any], ...]:
    """The padding of a window op on this node's input, as pairs."""
    op: Any = node.op
    x = node.inputs[0].type.shape[1:-1]
    is_pool = isinstance(op, ops.MaxPool | ops.AvgPool)
    window = op.window if is_pool else node.inputs[1].type.shape[: len(x)]
    dilation = (1,) * len(x) if is_pool else op.dilation
    return explicit_pads(x, window, op.strides, dilation, op.padding)


def _repadded(change: Callable[[Any, Any], tuple[Any, Any]]) -> Edit:
    def edit(graph: Graph, node: Node) -> None:
        pads = _pads(node)
        changed = tuple(change(low, high) for low, high in pads)
        if changed == pads:
            raise Inapplicable
        attributes(padding=changed)(graph, node)

    return edit


def _one_early(low: Any, high: Any) -> tuple[Any, Any]:
    return (low + 1, high - 1) if isinstance(high, int) and high > 0 else (low, high)


def _valid_padded_after(graph: Graph, node: Node) -> None:
    """Zeros put around the result instead of the operand."""
    pads = _pads(node)
    if not any(p != (0, 0) for p in pads) or any(s != 1 for s in getattr(node.op, "strides", ())):
        raise Inapplicable
    attributes(padding="valid")(graph, node)
    grown = ops.Pad(pads=((0, 0), *pads, (0, 0)))
    shrunk = node.op.infer(*(v.type for v in node.inputs))
    node.outputs[0].type = shrunk
    result(lambda g, n, v: put(g, n, grown, v))(graph, node)


def _stride(step: int) -> Edit:
    return attributes(lambda op: dataclasses.replace(op, strides=tuple(max(1, s + step) for s in op.strides)))


def _undilated(graph: Graph, node: Node) -> None:
    """dilation=1 with what padding keeps the sizes."""
    op: Any = node.op
    ones = (1,) * len(op.dilation)
    if op.dilation == ones:
        raise Inapplicable
    window = node.inputs[1].type.shape[: len(ones)]
    less = [extent(w, d) - w for w, d in zip(window, op.dilation, strict=True)]
    pads = tuple((p - n + n // 2, q - n // 2) if q else (p - n, q) for (p, q), n in zip(_pads(node), less, strict=True))
    attributes(dilation=ones, padding=pads)(graph, node)


def _kind(cls: type[Op], **values: Any) -> Edit:
    """Another op with the attributes that both have, and `values`."""

    def make(op: Op) -> Op:
        shared = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        return cls(**{k: v for k, v in op.attributes().items() if k in shared} | values)

    return replaced_by(make)


def _counted(graph: Graph, node: Node) -> None:
    """Padding counted in the average: zeros put there first, then windows that need none."""
    pads = _pads(node)
    if not any(p != (0, 0) for p in pads):
        raise Inapplicable
    padded = graph.add(ops.Pad(pads=((0, 0), *pads, (0, 0))), node.inputs[0], origin="fault", before=node).output
    graph.set_operand(node, 0, padded)
    attributes(padding="valid")(graph, node)


def _fused(*names: str | None) -> Where:
    return at(*FUSING, test=lambda node: getattr(node.op, "activation", None) in names)


def _axis(change: Callable[[int, int], int]) -> Edit:
    def edit(graph: Graph, node: Node) -> None:
        rank = node.inputs[0].type.rank
        axis = getattr(node.op, "axis", 0)
        attributes(axis=change(axis % rank, rank))(graph, node)

    return edit


def _axes_before(graph: Graph, node: Node) -> None:
    """The axis before the right one; scale and shift, whose sizes no longer fit, stay on theirs."""
    op: Any = node.op
    axis = op.axes[0] % node.inputs[0].type.rank
    if axis < 2 or len(op.axes) > 1:
        raise Inapplicable
    x = node.inputs[0]
    after = node
    mean = graph.add(ops.ReduceMean(axes=(axis - 1,), keepdims=True), x, origin="fault", before=after).output
    centred = graph.add(ops.Sub(), x, mean, origin="fault", before=after).output
    square = graph.add(ops.Square(), centred, origin="fault", before=after).output
    variance = graph.add(ops.ReduceMean(axes=(axis - 1,), keepdims=True), square, origin="fault", before=after).output
    epsilon = graph.constant(_f32(op.epsilon))
    root = graph.add(
        ops.Sqrt(),
        graph.add(ops.Add(), variance, epsilon, origin="fault", before=after).output,
        origin="fault",
        before=after,
    ).output
    value = graph.add(ops.Div(), centred, root, origin="fault", before=after).output
    for kind, operand in ((ops.Mul(), node.inputs[1]), (ops.Add(), node.inputs[2])):
        value = graph.add(kind, value, operand, origin="fault", before=after).output
    graph.replace(node.output, value)


def _f32(value: float) -> Any:
    import numpy as np

    return np.float32(value)


def _scaled(factor: float) -> Edit:
    return result(lambda g, n, v: put(g, n, ops.Mul(), v, g.constant(_f32(factor))))


def _half_arithmetic(graph: Graph, node: Node, value: Value) -> Value:
    from kexport.ir.types import DType

    narrow = put(graph, node, ops.Cast(dtype=DType.F16), value)
    return put(graph, node, ops.Cast(dtype=DType.F32), narrow)


TABLE = (
    Fault("padding on the wrong side", at(*WINDOWS), _repadded(lambda low, high: (high, low))),
    Fault("sampled one early", at(*WINDOWS), _repadded(_one_early)),
    Fault("padding after for before", at(*WINDOWS), _valid_padded_after),
    Fault("padding dropped", at(*WINDOWS), attributes(padding="valid")),
    Fault("stride one more", at(*WINDOWS, ops.ConvTranspose), _stride(1)),
    Fault("stride one less", at(*WINDOWS, ops.ConvTranspose), _stride(-1)),
    Fault("dilation dropped", at(*WINDOWS[:2]), _undilated),
    Fault("transposed padding shifted", at(ops.ConvTranspose), lambda g, n: _shift_crop(g, n)),
    Fault("output padding dropped", at(ops.ConvTranspose), lambda g, n: _no_output_padding(g, n)),
    Fault("average for maximum", at(ops.MaxPool), _kind(ops.AvgPool)),
    Fault("maximum for average", at(ops.AvgPool), _kind(ops.MaxPool)),
    Fault("padding counted in the average", at(ops.AvgPool), _counted),
    Fault("window one less", at(*WINDOWS[2:]), lambda g, n: _smaller_window(g, n)),
    Fault("activation dropped", at(*ACTIVATIONS), bypass()),
    Fault("activation twice", at(*ACTIVATIONS), result(lambda g, n, v: put(g, n, n.op, v))),
    Fault("relu for relu6", at(ops.Relu6), _kind(ops.Relu)),
    Fault("relu6 for relu", at(ops.Relu), _kind(ops.Relu6)),
    Fault("relu for a soft activation", at(*ACTIVATIONS[2:11]), _kind(ops.Relu)),
    Fault("sigmoid for tanh", at(ops.Tanh), _kind(ops.Sigmoid)),
    Fault("tanh for sigmoid", at(ops.Sigmoid, ops.HardSigmoid), _kind(ops.Tanh)),
    Fault("hard sigmoid for sigmoid", at(ops.Sigmoid), _kind(ops.HardSigmoid)),
    Fault("hard silu for silu", at(ops.Silu), _kind(ops.HardSilu)),
    Fault("elu for selu", at(ops.Selu), _kind(ops.Elu)),
    Fault("leaky slope", at(ops.LeakyRelu), attributes(alpha=0.2)),
    Fault("slope of elu", at(ops.Elu), attributes(alpha=0.9)),
    Fault("slopes per channel reversed", at(ops.Prelu), lambda g, n: _reversed_slopes(g, n)),
    Fault("other form of gelu", at(ops.Gelu), attributes(lambda op: ops.Gelu(approximate=not op.approximate))),
    Fault(
        "clipped too low",
        at(ops.Clip, test=lambda n: n.op.attributes()["high"] is not None),
        attributes(lambda op: dataclasses.replace(op, high=op.high * 0.9)),
    ),
    Fault("clipped at one end only", at(ops.Clip), attributes(low=None)),
    Fault("clip dropped", at(ops.Clip, ops.Minimum, ops.Maximum), bypass()),
    Fault("epsilon 1e-5", at(*NORMS, test=lambda n: n.op.attributes()["epsilon"] != 1e-5), attributes(epsilon=1e-5)),
    Fault("epsilon 1e-3", at(*NORMS, test=lambda n: n.op.attributes()["epsilon"] != 1e-3), attributes(epsilon=1e-3)),
    Fault(
        "epsilon off by a tenth", at(*NORMS), attributes(lambda op: dataclasses.replace(op, epsilon=op.epsilon * 1.1))
    ),
    Fault("normalized along the wrong axis", at(ops.LayerNorm), _axes_before),
    Fault("groups of the norm", at(ops.GroupNorm), attributes(lambda op: dataclasses.replace(op, groups=1))),
    Fault("norm dropped", at(*NORMS), bypass()),
    Fault("softmax along the wrong axis", at(ops.Softmax), _axis(lambda axis, rank: axis - 1)),
    Fault("softmax dropped", at(ops.Softmax), bypass()),
    Fault("log of softmax", at(ops.Softmax), _kind(ops.LogSoftmax)),
    Fault("softmax without its sum", at(ops.Softmax), _kind(ops.Exp)),
    Fault("sum for mean", at(ops.ReduceMean), _kind(ops.ReduceSum)),
    Fault("mean for sum", at(ops.ReduceSum, test=lambda n: n.output.type.dtype.is_float), _kind(ops.ReduceMean)),
    Fault("maximum for mean", at(ops.ReduceMean), _kind(ops.ReduceMax)),
    Fault("minimum for maximum", at(ops.ReduceMax, ops.Maximum), lambda g, n: _least(g, n)),
    Fault("all for any", at(ops.ReduceAny), _kind(ops.ReduceAll)),
    Fault(
        "reduced over the wrong axis",
        at(ops.ReduceMean, ops.ReduceSum, ops.ReduceMax, ops.ReduceAny),
        lambda g, n: _other_axes(g, n),
    ),
    Fault("arithmetic in half precision", at(*FUSING, ops.MatMul), result(_half_arithmetic), rounds=True),
    Fault("scale off by 1e-4", at(*FUSING, ops.MatMul, *NORMS), _scaled(1.0001)),
)


def _shift_crop(graph: Graph, node: Node) -> None:
    """What is cut off one end is cut off the other."""
    op: Any = node.op
    x = node.inputs[0].type.shape[1:-1]
    y = node.output.type.shape[1:-1]
    window = node.inputs[1].type.shape[: len(x)]
    pairs: list[tuple[int, int]] = []
    for size, out, k, s in zip(x, y, window, op.strides, strict=True):
        cut = (size - 1) * s + k - out  # type: ignore[operator]
        pairs.append((cut, 0) if cut > 0 else (0, 0))  # type: ignore[arg-type,operator]
    if all(p == (0, 0) for p in pairs):
        raise Inapplicable
    attributes(padding=tuple(pairs), output_padding=None)(graph, node)


def _no_output_padding(graph: Graph, node: Node) -> None:
    op: Any = node.op
    if not op.output_padding or not any(op.output_padding):
        raise Inapplicable
    attributes(output_padding=(0,) * len(op.output_padding))(graph, node)


def _smaller_window(graph: Graph, node: Node) -> None:
    op: Any = node.op
    if op.padding != "same":
        raise Inapplicable
    attributes(window=tuple(w - 1 for w in op.window))(graph, node)


def _reversed_slopes(graph: Graph, node: Node) -> None:
    from tests.faults.edits import constant

    constant(1, lambda a: a[..., ::-1])(graph, node)


def _least(graph: Graph, node: Node) -> None:
    _kind(ops.ReduceMin if isinstance(node.op, ops.ReduceMax) else ops.Minimum)(graph, node)


def _other_axes(graph: Graph, node: Node) -> None:
    op: Any = node.op
    rank = node.inputs[0].type.rank
    axes = tuple(sorted({a % rank for a in op.axes}))
    moved = tuple(sorted({1 + a % (rank - 1) for a in axes}))
    if moved == axes:
        raise Inapplicable
    attributes(axes=moved)(graph, node)
