"""The forms of ops that several formats want: windows with a row more, orders of axes, crops, ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.errors import EmitError
from kexport.ir.contract import Contract, Port
from kexport.ir.dim import symbol
from kexport.ir.graph import Graph
from kexport.ir.op import Op
from kexport.ir.types import TensorType
from kexport_shared.emit.axes import behind_batches, channels_first, outputs_first
from kexport_shared.emit.crops import fixed_crops
from kexport_shared.emit.ends import require_ends
from kexport_shared.emit.planar import with_row

RNG = np.random.default_rng(3)


@pytest.mark.parametrize(
    ("op", "kernel"),
    [
        (ops.Conv((2,), "same", (1,)), (3, 4, 5)),
        (ops.Conv((1,), ((2, 1),), (2,)), (3, 4, 5)),
        (ops.DepthwiseConv((2,), "valid", (1,)), (3, 4, 2)),
        (ops.ConvTranspose((2,), "same", None, (1,)), (3, 5, 4)),
        (ops.MaxPool((3,), (2,), "same"), None),
        (ops.AvgPool((2,), (1,), ((1, 0),)), None),
    ],
    ids=lambda value: value.name if isinstance(value, Op) else "",
)
def test_a_line_is_an_image_of_one_row(op: Any, kernel: tuple[int, ...] | None) -> None:
    x = RNG.standard_normal((2, 9, 4))
    weights = [] if kernel is None else [RNG.standard_normal(kernel)]
    expected = op.evaluate(x, *weights)
    found = with_row(op).evaluate(x[:, None], *(w[None] for w in weights))
    np.testing.assert_allclose(found[:, 0], expected)


def test_kernels_are_turned() -> None:
    kernel = np.zeros((2, 3, 4, 5))
    assert kernel.transpose(outputs_first(4)).shape == (5, 4, 2, 3)
    assert kernel.transpose(channels_first(4)).shape == (4, 5, 2, 3)


@pytest.mark.parametrize(("axis", "batch"), [(2, 1), (3, 1), (3, 2), (2, 0)])
def test_gathered_behind_the_batches(axis: int, batch: int) -> None:
    x = RNG.standard_normal((2, 3, 4, 5))
    indices = RNG.integers(0, x.shape[axis], (*x.shape[:batch], 2, 3))
    moves = behind_batches(axis, batch, x.ndim, indices.ndim)
    assert moves is not None
    found = ops.Gather(batch, batch).evaluate(x.transpose(moves.before), indices)
    np.testing.assert_array_equal(found.transpose(moves.behind), ops.Gather(axis, batch).evaluate(x, indices))


def test_nothing_is_moved_where_the_axis_is_there() -> None:
    assert behind_batches(1, 1, 3, 2) is None


def test_crops_are_numbers() -> None:
    valid = ops.ConvTranspose((2,), "valid", (0,), (1,))
    assert fixed_crops(valid, (symbol("n"),), (3,)) == [(0, 0)]
    longer = ops.ConvTranspose((3,), "valid", (2,), (1,))
    assert fixed_crops(longer, (4,), (2,)) == [(0, -2)]
    open_crop = ops.ConvTranspose((2,), ((0, symbol("n")),), (0,), (1,))
    with pytest.raises(EmitError, match="depends on the input size"):
        fixed_crops(open_crop, (symbol("n"),), (3,))


def test_a_contract_of_another_graph() -> None:
    graph = Graph("net")
    graph.output("y", graph.input("x", TensorType.parse("f32[2]")))
    port = Port("x", TensorType.parse("f32[2]"))
    require_ends(graph, Contract((port,), (port,)))
    with pytest.raises(EmitError, match="different inputs or outputs") as caught:
        require_ends(graph, Contract((port, port), (port,)))
    assert caught.value.where == "net"
