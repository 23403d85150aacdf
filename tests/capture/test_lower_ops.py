"""keras.ops and raw TensorFlow ops in a layer of the user's own, by family, against predict()."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.capture.agree import agree, integers, normal, op_counts

Calls = dict[str, Callable[..., Any]]

ELEMENTWISE: Calls = {
    "arithmetic": lambda k, x, y: (x + y) * (x - y) / (k.abs(y) + 1.0) - x**2,
    "powers": lambda k, x, y: k.power(k.abs(x) + 0.1, 1.7) + k.sqrt(k.abs(y)) + k.square(x) + k.rsqrt(k.abs(x) + 1.0),
    "division": lambda k, x, y: k.floor_divide(x, 0.3) + k.mod(y, 0.7) + k.divide_no_nan(x, k.relu(y)),
    "logarithms": lambda k, x, y: k.log(k.abs(x) + 0.1) + k.log1p(k.abs(y)) + k.expm1(x) + k.log2(k.abs(y) + 1.0),
    "angles": lambda k, x, y: k.sin(x) + k.cos(y) + k.tan(x * 0.3) + k.arctan2(x, y) + k.arcsin(k.tanh(x)),
    "hyperbolic": lambda k, x, y: k.sinh(x) + k.cosh(y) + k.tanh(x) + k.arcsinh(y) + k.arctanh(k.tanh(y) * 0.9),
    "rounding": lambda k, x, y: k.floor(x) + k.ceil(y) + k.round(x * 3) + k.trunc(y * 2) + k.sign(x),
    "error_function": lambda k, x, y: k.erf(x) + y,
    "limits": lambda k, x, y: k.maximum(x, y) + k.minimum(x, 0.5) + k.clip(y, -0.5, 0.5),
    "choice": lambda k, x, y: k.where(k.logical_and(x > 0, k.logical_not(y < 0.3)), x, y * 2),
    "comparisons": lambda k, x, y: k.cast(k.equal(x, y), "int32") + k.cast(x >= y, "int32") + k.cast(x != y, "int32"),
    "tests": lambda k, x, y: k.logical_or(k.isnan(x / 0.0 * 0.0), k.isfinite(k.log(y))),
    "close": lambda k, x, y: k.isclose(x, x + 1e-9),
    "hypotenuse": lambda k, x, y: k.hypot(x, y) + k.logaddexp(x, y),
    "numbers": lambda k, x, y: k.nan_to_num(k.log(x), nan=0.25, posinf=3.0, neginf=-3.0),
}
LAYOUT: Calls = {
    "turned": lambda k, x, y: k.transpose(x, (0, 2, 1)),
    "moved": lambda k, x, y: k.moveaxis(x, 1, 2) + k.swapaxes(x, 1, 2),
    "flat": lambda k, x, y: k.reshape(x, (-1, 24)),
    "stacked": lambda k, x, y: k.stack([x, y], axis=2),
    "joined": lambda k, x, y: k.concatenate([x, y, x[:, :, :2]], axis=-1),
    "empty_parts": lambda k, x, y: k.concatenate(k.split(x, [2, 2], axis=-1)[::-1], axis=-1),
    "parts": lambda k, x, y: k.split(x, [1, 4], axis=-1)[1] + k.split(y, 2, axis=-1)[1],
    "sliced": lambda k, x, y: x[:, 1:3, ::2] + y[:, -2:, 3:0:-1][:, ::-1][:, :, :3],
    "picked": lambda k, x, y: x[:, 1, ..., None] + y[:, -1][..., None],
    "flipped": lambda k, x, y: k.flip(x, axis=(1, 2)) + k.roll(y, 2, axis=1) + k.roll(x, -1, axis=2),
    "padded": lambda k, x, y: k.pad(x, [[0, 0], [1, 2], [0, 1]], constant_values=0.5),
    "mirrored": lambda k, x, y: k.pad(x, [[0, 0], [1, 2], [2, 1]], mode="reflect"),
    "symmetric": lambda k, x, y: k.pad(x, [[0, 0], [1, 2], [2, 1]], mode="symmetric"),
    "tiled": lambda k, x, y: k.tile(x, (1, 2, 1)) + k.tile(y[:, :1], (1, 8, 1)),
    "repeated": lambda k, x, y: k.repeat(x, 2, axis=1) + k.repeat(y, 2, axis=1),
    "broadcast": lambda k, x, y: x + k.broadcast_to(y[:, :1, :], k.shape(x)),
    "squeezed": lambda k, x, y: k.squeeze(k.expand_dims(x, 2), 2) + k.ravel(y[:1])[:1],
    "triangle": lambda k, x, y: k.tril(k.matmul(x, k.transpose(y, (0, 2, 1)))) + k.triu(k.ones((4, 4)), 1),
    "diagonal": lambda k, x, y: k.diagonal(k.matmul(x, k.transpose(y, (0, 2, 1))), axis1=1, axis2=2),
    "eye": lambda k, x, y: x[:, :, :4] + k.eye(4) + k.diag(k.arange(4, dtype="float32")),
    "meshgrid": lambda k, x, y: x + k.meshgrid(k.arange(6, dtype="float32"), k.arange(4, dtype="float32"))[0],
    "linspace": lambda k, x, y: x + k.linspace(0.0, 1.0, 6) + k.full((6,), 0.5) + k.zeros_like(y) - k.ones_like(x),
    "unstacked": lambda k, x, y: k.unstack(x, axis=1)[2] * k.unstack(y, axis=1)[0],
    "hstack": lambda k, x, y: k.hstack([x, y]) + k.vstack([x[:1], x[:1]])[:1, :1],
}
REDUCTIONS: Calls = {
    "sums": lambda k, x, y: k.sum(x, axis=1) + k.mean(y, axis=-2) + k.prod(x * 0.5 + 1, axis=1),
    "extremes": lambda k, x, y: k.max(x, axis=(1, 2), keepdims=True) + k.min(y, axis=2, keepdims=True) + k.amax(x),
    "spread": lambda k, x, y: k.var(x, axis=1) + k.std(y, axis=1),
    "questions": lambda k, x, y: k.any(x > 1, axis=1) & k.all(y > -3, axis=1),
    "logsumexp": lambda k, x, y: k.logsumexp(x, axis=-1) + k.norm(y, axis=-1),
    "positions": lambda k, x, y: k.argmax(x, axis=1) + k.argmin(y, axis=1),
    "kept_positions": lambda k, x, y: k.argmax(x, axis=-1, keepdims=True),
    "running": lambda k, x, y: k.cumsum(x, axis=1) + k.cumprod(y, axis=2),
    "best": lambda k, x, y: k.top_k(x, 3)[0] + k.cast(k.top_k(y, 3)[1], "float32"),
    "sorted": lambda k, x, y: k.sort(x, axis=1) + k.cast(k.argsort(y, axis=-1), "float32"),
    "median": lambda k, x, y: k.median(x, axis=-1),
    "quantile": lambda k, x, y: k.quantile(x, 0.3, axis=1),
    "differences": lambda k, x, y: k.diff(x, axis=1),
    "softmax": lambda k, x, y: k.softmax(x, axis=1) + k.log_softmax(y, axis=-1),
    "normalized": lambda k, x, y: k.normalize(x, axis=-1) + k.layer_normalization(y, axis=-1),
    "counted": lambda k, x, y: k.count_nonzero(k.relu(x), axis=1),
}
INDEXING: Calls = {
    "taken": lambda k, x, y: k.take(x, [0, -1, 2], axis=1) + k.take(y, np.array([1, 0, 3]), axis=1),
    "along": lambda k, x, y: k.take_along_axis(x, k.argsort(y, axis=1), axis=1),
    "computed": lambda k, x, y: k.take(x, k.argmax(y[0, 0]) % 4, axis=1),
    "at_computed": lambda k, x, y: x[:, k.argmax(y[0, :, 0])] + x[:, k.argmin(y[0, 0, :4]) - 4, ...][:, ::-1],
    "one_hot": lambda k, x, y: k.one_hot(k.argmax(x, axis=-1), 6),
    "written": lambda k, x, y: k.scatter_update(x, [[0, 1, 2], [0, 3, 0]], [9.0, 8.0]),
    "scattered": lambda k, x, y: k.scatter([[1], [3], [1]], k.ones((3, 2)), (5, 2)),
    "sliced": lambda k, x, y: k.slice(x, (0, 1, 2), (1, 2, 3)),
    "updated": lambda k, x, y: k.slice_update(x[:1], (0, 1, 2), y[:1, :2, :3]),
    "searched": lambda k, x, y: k.searchsorted(np.array([-1.0, 0.0, 0.5], "float32"), x[0, 0]),
    "digitized": lambda k, x, y: k.digitize(x, np.array([-1.0, 0.0, 0.5])),
    "segments": lambda k, x, y: k.segment_sum(x[0], np.array([0, 0, 1, 2]), num_segments=3),
}
PRODUCTS: Calls = {
    "matmul": lambda k, x, y: k.matmul(x, k.transpose(y, (0, 2, 1))),
    "matrix": lambda k, x, y: k.matmul(x, W),
    "vector": lambda k, x, y: k.matmul(x, W[:, 0]),
    "row": lambda k, x, y: k.matmul(W[:4, 0], x),
    "dot": lambda k, x, y: k.dot(x, W),
    "tensordot": lambda k, x, y: k.tensordot(x, W, axes=[[2], [0]]),
    "outer": lambda k, x, y: k.outer(x[0, 0], y[0, 0]),
    "heads": lambda k, x, y: k.einsum("abc,cde->abde", x, W3),
    "heads_back": lambda k, x, y: k.einsum("abc,dec->abde", x, np.transpose(W3, (1, 2, 0))),
    "two_summed": lambda k, x, y: k.einsum(
        "abcd,cde->abe", k.reshape(x, (-1, 4, 2, 3)), np.transpose(W3[:3], (1, 0, 2))
    ),
    "scores": lambda k, x, y: k.einsum("bij,bkj->bik", x, y),
    "mixed": lambda k, x, y: k.einsum("bij,bkj->kbi", x, y),
    "summed_out": lambda k, x, y: k.einsum("bij,bkl->bik", x, y),
    "left_weights": lambda k, x, y: k.einsum("oi,bis->bos", W[:4, :4], x),
    "elementwise": lambda k, x, y: k.einsum("bij,bij->bij", x, y),
    "all_summed": lambda k, x, y: k.einsum("bij,bij->b", x, y),
    "ellipsis": lambda k, x, y: k.einsum("...i,ij->...j", x, W),
    "permuted": lambda k, x, y: k.einsum("bij->jbi", x) + k.einsum("bij->jb", y)[..., None],
    "diagonals": lambda k, x, y: k.einsum("bii->bi", x[..., :4]) + k.einsum("ibi->bi", k.swapaxes(y[..., :4], 0, 1)),
    "trace": lambda k, x, y: k.einsum("bii,bij->bj", x[:, :, :4], y),
    "ellipsis_of_two_lengths": lambda k, x, y: k.einsum("...ij,...jk->...ik", x, W),
    "ellipsis_broadcast": lambda k, x, y: k.einsum("...ij,...kj->...ik", x[:, None], y[None]),
    "three": lambda k, x, y: k.einsum("bij,bkj,kl->bil", x, y, W[:4]),
}
W = np.random.default_rng(5).standard_normal((6, 5)).astype("float32")
W3 = np.random.default_rng(6).standard_normal((6, 2, 4)).astype("float32")

INTEGERS: Calls = {
    "arithmetic": lambda k, i, j: i * 3 + j - k.floor_divide(i, j + 1) + k.mod(i, j + 1) + k.abs(-i),
    "bits": lambda k, i, j: (i & j) | (i ^ 3) + k.bitwise_left_shift(i, 1) + k.bitwise_right_shift(j, 1),
    "inverted": lambda k, i, j: k.bitwise_not(i),
    "floats": lambda k, i, j: k.cast(i, "float32") / 3.0 + k.cast(k.cast(j > 2, "float16"), "float32"),
    "wide": lambda k, i, j: k.cast(i, "int64") * 2 + k.cast(k.cast(j, "uint8"), "int64"),
    "cut": lambda k, i, j: k.cast(k.cast(i, "float32") * -1.7, "int32"),
    "extremes": lambda k, i, j: k.max(i, axis=1) + k.min(j, axis=1) + k.sum(i, axis=1) + k.argmax(j, axis=1),
    "divided": lambda k, i, j: i / (j + 1),
    "histogram": lambda k, i, j: k.multi_hot(i, 9),
}


def model_of(keras: Any, calls: Calls, inputs: list[Any]) -> Any:
    class Calling(keras.layers.Layer):
        def call(self, x: Any, y: Any) -> Any:
            return {name: keras.ops.convert_to_tensor(f(keras.ops, x, y)) for name, f in calls.items()}

    return keras.Model(inputs, Calling()(*inputs))


@pytest.mark.parametrize(
    "calls", [ELEMENTWISE, LAYOUT, REDUCTIONS, PRODUCTS], ids=["elementwise", "layout", "reductions", "products"]
)
def test_floats(keras: Any, calls: Calls) -> None:
    model = model_of(keras, calls, [keras.Input((4, 6)), keras.Input((4, 6))])
    agree(model, [normal(2, 4, 6), normal(2, 4, 6, seed=1)], [normal(1, 4, 6, seed=2), normal(1, 4, 6, seed=3)])


def test_scores_with_the_keys_first_need_no_transpose_of_the_result(keras: Any) -> None:
    calls: Calls = {"scores": lambda k, x, y: k.einsum("aecd,abcd->acbe", x, y)}
    model = model_of(keras, calls, [keras.Input((4, 2, 6)), keras.Input((5, 2, 6))])
    captured = agree(model, [normal(2, 4, 2, 6), normal(2, 5, 2, 6)])
    assert op_counts(captured) == {"transpose": 2, "mat_mul": 1}


def test_indexing(keras: Any) -> None:
    model = model_of(keras, INDEXING, [keras.Input((4, 6)), keras.Input((4, 6))])
    agree(model, [normal(2, 4, 6), normal(2, 4, 6, seed=1)])


def test_integers(keras: Any) -> None:
    model = model_of(keras, INTEGERS, [keras.Input((5,), dtype="int32"), keras.Input((5,), dtype="int32")])
    agree(model, [integers(2, 5, high=9), integers(2, 5, high=9, seed=1)])


SIZES: Calls = {
    "both": lambda k, x, y: x + y,
    "reshaped": lambda k, x, y: k.reshape(x, (k.shape(x)[0], -1, 2, 3)),
    "positions": lambda k, x, y: x + k.cast(k.arange(k.shape(x)[1]), "float32")[None, :, None],
    "float_positions": lambda k, x, y: x + k.arange(k.shape(x)[1], dtype="float32")[:, None],
    "table": lambda k, x, y: x + k.convert_to_tensor(TABLE)[: k.shape(x)[1]],
    "last": lambda k, x, y: x[:, -1] + x[:, k.shape(x)[1] - 1],
    "all_but_last": lambda k, x, y: x[:, :-1] - x[:, 1:],
    "reversed": lambda k, x, y: k.flip(x, 1)[:, ::-1],
    "thinned": lambda k, x, y: x[:, ::2],
    "mean": lambda k, x, y: k.sum(x, axis=1) / k.cast(k.shape(x)[1], "float32"),
    "padded": lambda k, x, y: k.pad(x, [[0, 0], [1, 1], [0, 0]]),
    "twice": lambda k, x, y: k.concatenate([x, x], axis=1) + k.repeat(x, 2, axis=1) + k.tile(x, (1, 2, 1)),
    "causal": lambda k, x, y: k.where(k.tril(k.ones((k.shape(x)[1],) * 2)) > 0, k.einsum("bij,bkj->bik", x, x), -1.0),
    "scores": lambda k, x, y: k.einsum("bij,bkj->bik", x, y),
    "heads": lambda k, x, y: k.einsum("abc,cde->abde", x, W3),
    "full": lambda k, x, y: k.full(k.shape(x), 2.5) + k.ones_like(x) + k.zeros(k.shape(x)),
    "broadcast": lambda k, x, y: k.broadcast_to(x[:, :1], k.shape(x)),
    "halves": lambda k, x, y: k.concatenate([x, x], axis=1)[:, : k.shape(x)[1]],
    "triangle": lambda k, x, y: k.sort(x, axis=-1) + k.cumsum(x, axis=1),
    "diagonal": lambda k, x, y: k.diagonal(k.matmul(x, k.transpose(y, (0, 2, 1))), axis1=1, axis2=2),
    "shifted": lambda k, x, y: k.sum(k.diagonal(x, 2, axis1=1, axis2=2), 1) + k.sum(k.diagonal(y, -1, 0, 2), 1)[0],
    "asked": lambda k, x, y: k.diagonal(x > y, axis1=1, axis2=2),
    "ordered": lambda k, x, y: k.sort(x, axis=1) + k.cast(k.argsort(y, axis=1), "float32"),
    "traced": lambda k, x, y: k.trace(k.matmul(x, k.transpose(y, (0, 2, 1))), axis1=1, axis2=2),
}
SORTED = [0, 0, 0, 3]
TABLE = np.random.default_rng(7).standard_normal((20, 6)).astype("float32")


def test_sizes_that_are_open(keras: Any) -> None:
    """Two inputs of unknown length, which the model needs to be equal."""
    model = model_of(keras, SIZES, [keras.Input((None, 6)), keras.Input((None, 6))])
    batches = [[normal(2, n, 6), normal(2, n, 6, seed=1)] for n in (7, 12)]
    captured = agree(model, *batches)
    assert [str(p.type) for p in captured.contract.inputs] == ["f32[batch,length,6]"] * 2
    assert op_counts(captured)["dims"] == 1  # the divisor of the mean: all other sizes are attributes


RAW: Calls = {
    "reduced": lambda tf, x, y: tf.reduce_max(tf.nn.leaky_relu(x, 0.1), axis=-1) + tf.reduce_logsumexp(y, axis=-1),
    "sliced": lambda tf, x, y: tf.slice(x, [0, 1, 2], [-1, 2, -1]) + tf.strided_slice(y, [0, 0, 0], [2, 2, 4])[:1],
    "shaped": lambda tf, x, y: tf.reshape(x, [tf.shape(x)[0], tf.shape(x)[1] // 2, 2, -1]),
    "scanned": lambda tf, x, y: tf.cumsum(x, axis=1, exclusive=True) + tf.cumsum(y, axis=1, reverse=True),
    "scanned_logs": lambda tf, x, y: tf.math.cumulative_logsumexp(x * 30, axis=-1),
    "scanned_logs_back": lambda tf, x, y: tf.math.cumulative_logsumexp(tf.math.log(tf.nn.relu(y)), 1, reverse=True),
    "gathered": lambda tf, x, y: tf.gather(x, [0, 2], axis=1) + tf.gather(y, tf.argmin(x, 1)[:, :2], batch_dims=1),
    "gathered_nd": lambda tf, x, y: tf.gather_nd(x[0], [[0, 1], [2, 3]]),
    "one_hot": lambda tf, x, y: tf.one_hot(tf.argmax(x, -1), 6, on_value=5.0, off_value=-1.0, axis=1),
    "scattered": lambda tf, x, y: tf.tensor_scatter_nd_add(x, [[0, 1], [0, 1]], y[0, :2]),
    "banded": lambda tf, x, y: tf.linalg.band_part(x, 1, 0) + tf.linalg.band_part(y, -1, 2),
    "diagonals": lambda tf, x, y: tf.linalg.diag(x, k=1) + tf.linalg.diag(y, k=-1, num_cols=7),
    "set_diagonal": lambda tf, x, y: tf.linalg.set_diag(tf.linalg.diag(y) + x[:, :, None], x),
    "diagonal": lambda tf, x, y: tf.linalg.diag_part(x) + tf.linalg.diag_part(y, k=1)[:, :4],
    "blocks": lambda tf, x, y: tf.nn.space_to_depth(tf.reshape(x, [-1, 2, 4, 3]), 2),
    "depth": lambda tf, x, y: tf.nn.depth_to_space(tf.reshape(x, [-1, 2, 1, 12]), 2),
    "safe": lambda tf, x, y: tf.math.divide_no_nan(x, tf.nn.relu(y)) + tf.math.xlogy(tf.nn.relu(x), tf.abs(y)),
    "normalized": lambda tf, x, y: tf.math.l2_normalize(x, -1) + tf.nn.softmax(y, 1) + tf.nn.moments(x, 1)[0][:, None],
    "bounded": lambda tf, x, y: tf.clip_by_value(x, -0.5, 0.5) + tf.add_n([x, y, x]) + tf.math.erfc(x),
    "chosen": lambda tf, x, y: tf.compat.v1.where(x[:, 0, 0] > 0, x, y),
    "colours": lambda tf, x, y: tf.image.hsv_to_rgb(tf.image.rgb_to_hsv(tf.abs(x[:, :, :3]) % 1.0)),
    "hues": lambda tf, x, y: tf.image.rgb_to_hsv(tf.math.floor(tf.abs(y[:, :, :3]) * 2) / 4),
    "patches": lambda tf, x, y: tf.image.extract_patches(
        x[..., None], [1, 2, 3, 1], [1, 1, 2, 1], [1, 2, 1, 1], "SAME"
    ),
    "cross": lambda tf, x, y: tf.linalg.cross(x[:, :, :3], y[:, :, 3:]),
    "segments": lambda tf, x, y: tf.math.unsorted_segment_max(x[0], [0, 2, 0, 2], 3),
    "segments_of_axes": lambda tf, x, y: tf.math.unsorted_segment_sum(x, tf.argmax(y, -1) % 3, 3),
    "segments_without": lambda tf, x, y: tf.math.unsorted_segment_sum(x[0], tf.argmax(y[0], -1) - 2, 4),
    "segment_most_without": lambda tf, x, y: tf.math.unsorted_segment_max(x[0], tf.argmax(y[0], -1) - 2, 4),
    "segments_in_order": lambda tf, x, y: tf.math.segment_sum(x[0], [0, 1, 1, 3]) + tf.math.segment_mean(y[0], SORTED),
    "segment_most_in_order": lambda tf, x, y: tf.math.segment_max(x[0], SORTED) + tf.math.segment_min(y[0], SORTED),
    "segment_product_in_order": lambda tf, x, y: tf.math.segment_prod(x[0], SORTED),
    "segment_least": lambda tf, x, y: tf.math.unsorted_segment_min(x[0], [0, 1, 1, 0], 2),
    "decided": lambda tf, x, y: tf.switch_case(tf.shape(x)[1] - 3, [lambda: x, lambda: y, lambda: x + y]),
    "split": lambda tf, x, y: tf.split(x, [1, -1, 2], axis=2)[1] + tf.unstack(y, axis=1)[0][:, None, :3],
    "linear": lambda tf, x, y: tf.linalg.matmul(x, y, transpose_b=True),
    "nothing": lambda tf, x, y: tf.debugging.check_numerics(tf.identity(tf.stop_gradient(x)), "finite"),
    "inverse": lambda tf, x, y: x + tf.linalg.inv(tf.constant([[2.0, 0.0], [0.0, 4.0]]))[0, 0],
    "transform": lambda tf, x, y: tf.math.real(tf.signal.fft(tf.complex(x, y))),
    "plane_transform": lambda tf, x, y: tf.math.imag(tf.signal.ifft2d(tf.signal.fft2d(tf.complex(x, y)))),
    "half_transform": lambda tf, x, y: tf.signal.irfft(tf.signal.rfft(x, [8]), [8]) + tf.abs(tf.signal.rfft(y, [14])),
    "half_planes": lambda tf, x, y: tf.signal.irfft2d(tf.signal.rfft2d(x) * tf.signal.rfft2d(y), [4, 6]),
    "half_planes_filled": lambda tf, x, y: tf.signal.irfft2d(tf.signal.rfft2d(x, [5, 3]) * 2, [3, 8]),
    "complex_quotient": lambda tf, x, y: _parts(tf, _wave(tf, x) / (_wave(tf, y) + 9) - _wave(tf, y) / (2 + 0j)),
    "complex_turns": lambda tf, x, y: _parts(tf, tf.exp(tf.complex(0.0, x)) * tf.complex(y[:1], 2.0)),
    "complex_power": lambda tf, x, y: _parts(tf, tf.exp(tf.complex(-tf.abs(x), y))),
    "complex_matmul": lambda tf, x, y: _parts(tf, tf.matmul(_wave(tf, x), _wave(tf, y), adjoint_b=True)),
    "complex_einsum": lambda tf, x, y: _parts(tf, tf.einsum("bij,bkj->ki", _wave(tf, x), _wave(tf, y))),
    "complex_moves": lambda tf, x, y: _parts(tf, tf.roll(tf.pad(_wave(tf, x), [[0, 0], [1, 0], [0, 2]]), 2, 1)),
    "complex_sums": lambda tf, x, y: _parts(tf, tf.cumsum(_wave(tf, x), 1) + tf.reduce_mean(_wave(tf, y), 0)),
    "length": lambda tf, x, y: tf.math.reduce_euclidean_norm(x, [1, 2]) + tf.math.reduce_euclidean_norm(y[..., 0], -1),
    "cut_to_zero": lambda tf, x, y: tf.truncatediv(_whole(tf, x), _whole(tf, y) * 2 + 1),
    "left_by_the_cut": lambda tf, x, y: tf.truncatemod(_whole(tf, x), _whole(tf, y) * 2 + 1),
    "unraveled": lambda tf, x, y: tf.unravel_index(tf.argmax(tf.reshape(x, [2, -1]), -1), [2, 3, 4]),
    "inverted": lambda tf, x, y: tf.math.invert_permutation(tf.argsort(x[0, 0])),
}


def _wave(tf: Any, x: Any) -> Any:
    return tf.complex(x, x[:, ::-1] - 1)


def _parts(tf: Any, x: Any) -> Any:
    return tf.stack([tf.math.real(x), tf.math.imag(x)])


def _whole(tf: Any, x: Any) -> Any:
    return tf.cast(x * 9, "int32")


def test_raw_tensorflow(keras: Any) -> None:
    import tensorflow

    calls = {n: (lambda k, x, y, f=f: f(tensorflow, x, y)) for n, f in RAW.items()}
    model = model_of(keras, calls, [keras.Input((4, 6), batch_size=2), keras.Input((4, 6), batch_size=2)])
    agree(model, [normal(2, 4, 6), normal(2, 4, 6, seed=1)])
