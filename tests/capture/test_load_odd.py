"""Models as people have them: with words among their weights, phases of TensorFlow 1, functions without a source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.capture.capturing import Captured, capture
from kexport.capture.fingerprint import fingerprint
from kexport.capture.weights import check_weights
from kexport.errors import UnsupportedError
from kexport.ir.evaluator import evaluate

X = np.array([[1.0, -2.0, 3.0, 0.5]], "float32")


def run(captured: Captured, *arrays: Any) -> Any:
    named = {v.name: a for v, a in zip(captured.graph.inputs, arrays, strict=True)}
    (result,) = evaluate(captured.graph, named).values()
    return result


@pytest.fixture(params=[False, True], ids=["switches", "branches"])
def phased(request: pytest.FixtureRequest, tf_keras: Any, tmp_path: Path) -> Any:
    """A function that saves what `body(x, phase)` makes, in the control flow of TensorFlow 1 or 2."""
    import tensorflow as tf

    v1 = tf.compat.v1

    def save(body: Any, fed: bool = False) -> Path:
        (v1.enable_control_flow_v2 if request.param else v1.disable_control_flow_v2)()
        try:
            with tf.Graph().as_default(), v1.Session() as session:
                x = v1.placeholder(tf.float32, [None, 4], "x")
                phase = v1.placeholder_with_default(False, [], "phase") if not fed else x[0, 0] > 0
                v1.saved_model.simple_save(session, str(tmp_path / "m"), {"x": x}, {"y": body(x, phase)})
        finally:
            v1.enable_control_flow_v2()
        return tmp_path / "m"

    return save


def test_a_phase_that_is_not_fed_is_known(phased: Any) -> None:
    import tensorflow as tf

    path = phased(lambda x, phase: tf.cond(phase, lambda: tf.nn.dropout(x, rate=0.5), lambda: x + 1.0) * 2.0)
    np.testing.assert_allclose(run(capture(path), X), (X + 1) * 2)


def test_phases_within_phases(phased: Any) -> None:
    import tensorflow as tf

    def body(x: Any, phase: Any) -> Any:
        inner = tf.logical_not(phase)
        return tf.cond(phase, lambda: x, lambda: tf.cond(inner, lambda: x * 3.0, lambda: x - 1.0)) + 1.0

    np.testing.assert_allclose(run(capture(phased(body)), X), X * 3 + 1)


def test_a_condition_on_an_input_is_captured_or_explained(phased: Any, request: pytest.FixtureRequest) -> None:
    import tensorflow as tf

    path = phased(lambda x, phase: tf.cond(phase, lambda: x * 2.0, lambda: -x), fed=True)
    if "branches" in request.node.name:
        np.testing.assert_allclose(run(capture(path), X), X * 2)
        return
    with pytest.raises(UnsupportedError, match="in the control flow of TensorFlow 1"):
        capture(path)


def test_a_variable_of_text(tf_keras: Any, tmp_path: Path) -> None:
    import tensorflow as tf

    class Titles(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.titles = tf.Variable(["a", "b", "ü"])

        @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
        def look_up(self, i: Any) -> Any:
            return {"title": tf.gather(self.titles, i)}

    model = Titles()
    tf.saved_model.save(model, tmp_path / "m", signatures=model.look_up)
    assert run(capture(tmp_path / "m"), np.array([2, 0], "int32")).tolist() == ["ü", "a"]


@pytest.mark.parametrize("kind", ["IntegerLookup", "StringLookup"])
def test_words_of_an_adapted_lookup_of_keras_2_count_as_weights(tf_keras: Any, tmp_path: Path, kind: str) -> None:
    texts = [np.array(["a", second], object) for second in "bc"]
    words = {"IntegerLookup": [np.arange(5), np.arange(6)], "StringLookup": texts}
    prints = set()
    for i, values in enumerate(words[kind]):
        layer = getattr(tf_keras.layers, kind)()
        layer.adapt(values)
        x = tf_keras.Input((1,), dtype="int64" if kind == "IntegerLookup" else "string")
        path = tmp_path / f"{i}.keras"
        tf_keras.Model(x, layer(x)).save(path)
        captured = capture(path)
        check_weights(captured.source.model)
        prints.add(fingerprint(captured.source))
        assert run(captured, values[:2, None]).shape == (2, 1)
    assert len(prints) == 2


def test_functions_without_a_source_are_captured(keras: Any) -> None:
    scope: dict[str, Any] = {"K": keras.ops}
    exec("f = lambda x: K.map(lambda a: a * 2 + 1, x)", scope)  # noqa: S102
    x = keras.Input((4,))
    captured = capture(keras.Model(x, scope["f"](x)))
    assert len(fingerprint(captured.source)) == 64
    np.testing.assert_allclose(run(captured, X), X * 2 + 1)


def test_what_a_lambda_computes_is_part_of_what_a_model_is(tf_keras: Any, tmp_path: Path) -> None:
    prints = set()
    for i, function in enumerate((lambda v: v * 2, lambda v: v * 3, lambda v, by=2: v * by, lambda v, by=3: v * by)):
        x = tf_keras.Input((4,), name="x")
        tf_keras.Model(x, tf_keras.layers.Lambda(function, name="l")(x), name="m").save(tmp_path / f"{i}.keras")
        prints.add(fingerprint(capture(tmp_path / f"{i}.keras").source))
    assert len(prints) == 4
