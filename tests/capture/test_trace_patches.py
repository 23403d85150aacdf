"""Patches are undone, touch only the tracing thread, and say so where Keras is not the tested one."""

from __future__ import annotations

import importlib
import threading
from typing import Any

import numpy as np
import pytest

from kexport.capture.load import load
from kexport.capture.trace import trace
from kexport.errors import CaptureError


def originals() -> dict[tuple[str, str], Any]:
    """What stands now at every patched place."""
    from kexport.capture.patches import KERAS2_PATCHES, PATCHES, function_patches

    found = {}
    for patch in (*PATCHES, *KERAS2_PATCHES, *function_patches()):
        module, _, cls = patch.owner.partition(":")
        owner = importlib.import_module(module)
        found[patch.owner, patch.attribute] = vars(getattr(owner, cls) if cls else owner)[patch.attribute]
    return found


def recorder() -> Any:
    from tensorflow.python.framework.func_graph import FuncGraph

    from kexport.capture.recorder import Recorder

    return Recorder(FuncGraph("test"), None)


def test_patches_are_undone(keras: Any, tf_keras: Any, dense_file: Any) -> None:
    from kexport.capture.patches import PATCHES, function_patches, patched

    before = originals()
    named = {
        ("keras.src.backend", "cond"),
        ("keras.src.backend.tensorflow", "cond"),
        ("keras.src.backend.tensorflow.nn", "gelu"),
    }
    assert named <= before.keys()
    trace(load(dense_file))
    assert originals() == before
    everything = (*PATCHES, *function_patches())
    with patched(recorder(), everything):
        assert originals() != before
    assert originals() == before


def test_patches_are_undone_when_a_layer_fails(keras: Any) -> None:
    class Failing(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            raise RuntimeError("no")

        def compute_output_spec(self, x: Any) -> Any:
            return keras.KerasTensor(x.shape, x.dtype)

    x = keras.Input((3,))
    before = originals()
    with pytest.raises(CaptureError, match="RuntimeError"):
        trace(load(keras.Model(x, Failing(name="failing")(x))))
    assert originals() == before


def test_every_patch_has_its_place(keras: Any, tf_keras: Any) -> None:
    labels = {key[1] for key in originals()}
    assert {"einsum", "conv", "gelu", "resize", "top_k", "cond", "rnn", "lstm"} <= labels
    assert not {"convert_to_tensor", "cast", "is_tensor", "shape"} & labels


def test_a_missing_place_is_an_error(keras: Any) -> None:
    from kexport.capture.patches import Patch, answer, patched

    for owner in ("keras.src.backend.tensorflow.nn", "keras.src.absent", "keras.src.ops.operation:Absent"):
        before = originals()
        patches = (Patch("keras.src.backend.tensorflow.nn", "relu", answer(1)), Patch(owner, "absent", answer(1)))
        with pytest.raises(CaptureError, match=r"absent does not exist in Keras \d"), patched(recorder(), patches):
            pytest.fail("the block was entered")
        assert originals() == before


def test_an_untested_version_is_told(keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from kexport.capture import patches

    monkeypatch.setitem(patches.TESTED, "keras", ("3.0", "3.1"))
    with pytest.warns(UserWarning, match=r"tested with keras 3\.0, 3\.1, this is 3\."), patches.patched(recorder(), ()):
        pass


def test_no_gpu_is_seen_while_tracing(keras: Any) -> None:
    from kexport.capture.patches import PATCHES, patched

    nn, rnn = (importlib.import_module(f"keras.src.backend.tensorflow.{name}") for name in ("nn", "rnn"))
    with patched(recorder(), PATCHES):
        assert nn._cpu_only() is True
        assert rnn._is_gpu_available() is False


def test_other_threads_are_not_recorded(keras: Any) -> None:
    import tensorflow as tf

    from kexport.capture.patches import PATCHES, function_patches, patched

    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    here = recorder()
    made: list[Any] = []

    def elsewhere() -> None:
        function = tf.function(lambda x: keras.ops.relu(layer(x)))
        made.append(function(np.ones((1, 3), "float32")).numpy())

    with patched(here, (*PATCHES, *function_patches())):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert made[0].shape == (1, 2)
    assert (here.count, [len(t) for t in here.tags.values()]) == (1, [0])
