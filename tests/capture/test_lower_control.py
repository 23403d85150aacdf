"""Loops and branches of keras.ops, raw TensorFlow and AutoGraph, against predict()."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport.capture.capturing import capture
from kexport.errors import UnsupportedError
from kexport.ir.evaluator import evaluate
from kexport.ir.op import value_symbols
from tests.capture.agree import agree, normal, op_counts
from tests.capture.layer_of import layer_of

BATCHES = [normal(2, 4) + 1], [normal(3, 4, seed=1) - 1]
"""The sum of the first is positive, that of the second is not."""


def model_of(keras: Any, function: Any, *shape: int | None, name: str = "f") -> Any:
    """A model of one layer that computes a function of [batch, *shape]."""
    x = keras.Input(shape, name="x")
    return keras.Model(x, layer_of(keras, function, name)(x))


def test_cond(keras: Any) -> None:
    scale = keras.Variable(np.arange(4.0, dtype="float32"))
    cond = keras.ops.cond

    def function(t: Any) -> Any:
        once = cond(keras.ops.sum(t) > 0, lambda: t * scale, lambda: t - scale)
        both = cond(keras.ops.max(t) > 1, lambda: (once, t), lambda: (keras.ops.exp(t), t))
        return both[0] + cond(t[0, 0] > 0, lambda: both[1], lambda: cond(t[0, 1] > 0, lambda: -t, lambda: once))

    captured = agree(model_of(keras, function, 4), *BATCHES)
    assert op_counts(captured)["if"] == 3


def test_a_choice_that_is_known_leaves_no_branch(keras: Any) -> None:
    import tensorflow as tf

    def function(t: Any) -> Any:
        return tf.raw_ops.If(
            cond=tf.constant(2),
            input=[t],
            Tout=[tf.float32],
            then_branch=tf.function(lambda x: [x * 2.0]).get_concrete_function(tf.TensorSpec([None, 4])),
            else_branch=tf.function(lambda x: [x]).get_concrete_function(tf.TensorSpec([None, 4])),
        )[0]

    captured = agree(model_of(keras, lambda t: tf.ensure_shape(function(t), t.shape), 4), BATCHES[0])
    assert dict(op_counts(captured)) == {"mul": 1}


@pytest.mark.parametrize("count", [2, 3, 4])
def test_switch(keras: Any, count: int) -> None:
    ops = keras.ops
    branches = [lambda a, b: a * b, lambda a, b: a - 1, lambda a, b: b, lambda a, b: ops.exp(b) + a][:count]
    model = model_of(keras, lambda t: ops.switch(ops.cast(t[0, 0], "int32"), branches, t, t * 2), 4)
    indices = [np.full((2, 4), i, np.float32) + normal(2, 4) * 0.1 + 0.3 for i in (-2, 0, 1, 2, 3, 9)]
    agree(model, *([i] for i in indices))


def test_while_loop(keras: Any) -> None:
    ops = keras.ops
    model = model_of(
        keras,
        lambda t: (
            ops.while_loop(lambda i, v: ops.sum(v) < 50, lambda i, v: (i + 1, v + ops.abs(t)), (0, t))[1]
            + ops.while_loop(lambda v: ops.sum(v) < 50, lambda v: v + ops.abs(t), t, maximum_iterations=2)
        ),
        4,
    )
    assert op_counts(agree(model, *BATCHES))["while"] == 2


def test_fori_loop_over_a_length(keras: Any) -> None:
    ops = keras.ops
    weights = keras.Variable(normal(4, 4))

    def function(t: Any) -> Any:
        count = ops.shape(t)[1]
        inner = lambda i, v: ops.tanh(v @ weights) + t[:, i] + ops.fori_loop(0, i, lambda j, u: u * 0.5 + v, v)  # noqa: E731
        return ops.fori_loop(0, count, inner, t[:, 0])

    captured = agree(model_of(keras, function, None, 4), [normal(2, 3, 4)], [normal(1, 5, 4)])
    assert op_counts(captured)["while"] == 1


def test_a_body_gets_the_sizes_that_its_inputs_do_not_have(keras: Any) -> None:
    """Inside of a body, a size has to be known from the body's own inputs."""
    ops = keras.ops

    def function(t: Any) -> Any:
        count = ops.shape(t)[1]
        halved = ops.fori_loop(0, count, lambda i, v: ops.cond(i < count - 1, lambda: v * 0.5, lambda: v), t[:, 0])
        return halved + ops.cond(ops.sum(t) > 0, lambda: ops.cast(count, "float32"), lambda: ops.mean(t[:, 0]))

    captured = agree(model_of(keras, function, None, 4), [normal(2, 3, 4)], [normal(1, 5, 4) - 1])
    bodies = [b for n in captured.graph.nodes for b in n.op.bodies()]
    while bodies:
        body = bodies.pop()
        known = {s for v in body.inputs for s in value_symbols(v.type.shape)}
        assert body.symbols() <= known
        bodies += [b for n in body.nodes for b in n.op.bodies()]


def test_scan(keras: Any) -> None:
    ops = keras.ops

    def function(t: Any) -> Any:
        forward = ops.scan(lambda c, x: (c + x, c * x), t[0], t)
        back = ops.scan(lambda c, x: (c * 0.5 + x, c - x), t[0], t, reverse=True)
        several = ops.scan(
            lambda c, x: ((c[0] + x["a"], c[1] * x["b"]), (c[1], c[0])), (t[0], t[1]), {"a": t, "b": t * 2}
        )
        counted = ops.scan(lambda c, x: (c * 0.5, c), t[0], None, length=3)
        silent = ops.scan(lambda c, x: (c * 0.5 + x, None), t[0], t)
        rest = forward[0] + back[0] + several[0][0] + several[0][1] + counted[1][2] + silent[0]
        return forward[1] + back[1] * 2 + several[1][0] * 3 + several[1][1] * 4 + rest

    x = keras.Input((4,), batch_size=3)
    captured = agree(keras.Model(x, layer_of(keras, function, "scans")(x)), [normal(3, 4)])
    counts = op_counts(captured)
    assert (counts["scan"], counts["while"]) == (4, 1)


def test_map(keras: Any) -> None:
    ops = keras.ops

    def function(t: Any) -> Any:
        pairs = ops.map(lambda x: {"s": x[0] * ops.sum(x[1]), "d": x[0] - x[1]}, (t, t * t))
        return ops.map(lambda x: x / ops.max(ops.abs(x)), t) + pairs["s"] + pairs["d"]

    captured = agree(model_of(keras, function, 4), *BATCHES)
    assert op_counts(captured)["scan"] == 2
    assert op_counts(captured)["while"] == 0


def test_vectorized_map(keras: Any) -> None:
    ops = keras.ops
    captured = agree(model_of(keras, lambda t: ops.vectorized_map(lambda x: x * ops.sum(x), t), 4), *BATCHES)
    assert not {"scan", "while"} & op_counts(captured).keys()


def test_associative_scan(keras: Any) -> None:
    """Keras' own way traces with no more than three elements: beyond, the result is compared with an eager call."""

    class Scans(keras.layers.Layer):
        def call(self, t: Any) -> Any:
            scan = keras.ops.associative_scan
            pair = scan(lambda a, b: (a[0] * b[0], b[0] * a[1] + b[1]), (t, t + 1), axis=1)
            return scan(lambda a, b: a + b, t, axis=-1), scan(lambda a, b: a * b, t, reverse=True, axis=1), *pair

        def compute_output_spec(self, t: Any) -> Any:
            return tuple(keras.KerasTensor(t.shape, t.dtype) for _ in range(4))

    for length in (None, 3, 6):
        x = keras.Input((length,), name="x")
        model = keras.Model(x, Scans()(x))
        captured = capture(model)
        for size in (3, 6) if length is None else (length,):
            batch = normal(2, size)
            found = evaluate(captured.graph, {"x": batch})
            for got, want in zip(found.values(), model(batch), strict=True):
                np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
        assert op_counts(captured)["scan"] == (0 if length == 3 else 3)


def test_raw_loops(keras: Any) -> None:
    import tensorflow as tf

    def pairs(t: Any) -> Any:
        return tf.map_fn(lambda x: (x[0] * 2, tf.stack([x[1], x[0]])), (t, t + 1), fn_output_signature=(t.dtype,) * 2)

    functions = [
        lambda t: tf.while_loop(lambda i, v: i < 5, lambda i, v: (i + 1, v * 0.5 + t), (tf.constant(0), t))[1],
        lambda t: tf.map_fn(lambda x: x * tf.reduce_sum(x), t),
        lambda t: tf.scan(lambda a, x: a + x, t),
        lambda t: tf.scan(lambda a, x: a * 0.5 + x, t, initializer=tf.zeros([4]), reverse=True),
        lambda t: pairs(t)[0] + pairs(t)[1][:, 1],
    ]
    x = keras.Input((4,))
    outputs = [layer_of(keras, f, f"f{i}")(x) for i, f in enumerate(functions)]
    captured = agree(keras.Model(x, outputs), *BATCHES)
    assert op_counts(captured)["while"] == 6
    assert not [n for n in captured.graph.nodes if "list" in n.op.name]


def test_python_loops_under_autograph(keras: Any) -> None:
    import tensorflow as tf

    @tf.function
    def running(t: Any) -> Any:
        rows = tf.TensorArray(tf.float32, size=tf.shape(t)[1])
        total = tf.zeros_like(t[:, 0])
        for i in tf.range(tf.shape(t)[1]):
            total = total * 0.5 + t[:, i]
            if tf.reduce_sum(total) > 0:
                total -= 1.0
            rows = rows.write(i, total)
        return tf.ensure_shape(tf.transpose(rows.stack()), t.shape)

    agree(model_of(keras, running, None), [normal(2, 5)], [normal(3, 2)])


def test_python_counts_to_a_size_that_is_open(keras: Any) -> None:
    import tensorflow as tf

    ops = keras.ops

    class Running(keras.layers.Layer):
        def call(self, t: Any) -> Any:
            steps = ops.shape(t)[1]
            total = ops.zeros_like(t[:, 0])
            rows = tf.TensorArray(tf.float32, size=steps)
            for i in range(steps):
                total = total * 0.5 + t[:, i]
                rows = rows.write(i, total)
            return ops.transpose(rows.stack())

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    x = keras.Input((None,))
    captured = agree(keras.Model(x, Running()(x)), [normal(2, 5)], [normal(3, 2)], [normal(2, 4)])
    assert op_counts(captured)["while"] == 1


def test_a_list_that_grows_in_python(keras: Any) -> None:
    import tensorflow as tf

    def function(t: Any) -> Any:
        rows = tf.TensorArray(tf.float32, size=3)
        for i in range(3):
            rows = rows.write(i, t * float(i))
        return tf.reduce_sum(rows.stack(), 0) + tf.cast(rows.size(), tf.float32) + rows.gather([2, 0])[1]

    captured = agree(model_of(keras, function, 4), BATCHES[0])
    assert "while" not in op_counts(captured)


def test_what_is_wrong_inside_a_body_is_reported_with_its_path(keras: Any) -> None:
    import tensorflow as tf

    ops = keras.ops

    def solved(t: Any) -> Any:
        return ops.cond(ops.sum(t) > 0, lambda: tf.linalg.qr(t)[0], lambda: t)

    def growing(t: Any) -> Any:
        shapes = (tf.TensorShape([]), tf.TensorShape([None, 4, 4]))
        loop = tf.while_loop(
            lambda i, v: i < 3, lambda i, v: (i + 1, tf.concat([v, v], 0)), (tf.constant(0), t), shapes
        )
        return tf.ensure_shape(loop[1], [None, 4, 4])[:1]

    x = keras.Input((4, 4))
    outputs = [layer_of(keras, solved, "solved")(x), layer_of(keras, growing, "growing")(x)]
    with pytest.raises(UnsupportedError) as e:
        capture(keras.Model(x, outputs))
    found = {i.where: (i.op, i.reason) for i in e.value.items}
    assert found["solved"][0] == "Qr"
    assert found["solved"][1].startswith("this linear algebra on data has no form in the exported formats")
    assert found["growing"][0] in ("While", "StatelessWhile")
    assert "body turns the state" in found["growing"][1]


def test_a_list_of_tensors_of_different_shapes_is_refused(keras: Any) -> None:
    import tensorflow as tf

    def function(t: Any) -> Any:
        rows = tf.TensorArray(tf.float32, size=2, infer_shape=False, element_shape=tf.TensorShape([None]))
        return t * tf.reduce_sum(rows.write(0, t[0, :2]).write(1, t[0]).concat())

    with pytest.raises(UnsupportedError, match="f: TensorListSetItem"):
        capture(model_of(keras, function, 4))


def test_other_python_functions_are_still_refused(keras: Any) -> None:
    import tensorflow as tf

    def function(t: Any) -> Any:
        call = tf.raw_ops.PyFuncStateless(input=[t], token="mine", Tout=[tf.float32])
        return tf.ensure_shape(call[0], t.shape)

    with pytest.raises(UnsupportedError, match="f: PyFuncStateless: a Python function runs inside the model"):
        capture(model_of(keras, function, 4))
