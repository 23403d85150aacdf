"""Patches are undone, touch only the tracing thread, and say so where Keras is not the tested one."""

from __future__ import annotations

import importlib
import threading
import warnings
from typing import Any

import numpy as np
import pytest

from kexport.capture.load import load
from kexport.capture.tracing.start import trace
from kexport.errors import CaptureError, KexportWarning
from tests.capture.agree import agree, normal, randomize


def originals() -> dict[tuple[str, str], Any]:
    """What stands now at every patched place of the versions that are here."""
    from kexport.capture.tracing.patches import KERAS2_PATCHES, PATCHES, function_patches

    patches = (*PATCHES, *KERAS2_PATCHES, *function_patches())
    return {(p.owner, p.attribute): found[1] for p in patches if (found := p.find()) is not None}


def recorder() -> Any:
    from tensorflow.python.framework.func_graph import FuncGraph

    from kexport.capture.tracing.recorder import Recorder

    return Recorder(FuncGraph("test"), None)


def test_patches_are_undone(keras: Any, tf_keras: Any, dense_file: Any) -> None:
    from kexport.capture.tracing.patches import PATCHES, function_patches, patched

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
    from kexport.capture.tracing.patches import KERAS2_PATCHES, PATCHES, takes_the_same
    from kexport.capture.versions import running

    labels = {key[1] for key in originals()}
    assert {"einsum", "conv", "gelu", "resize", "top_k", "cond", "rnn", "lstm"} <= labels
    assert not {"convert_to_tensor", "cast", "is_tensor", "shape"} & labels
    for patch in (*PATCHES, *KERAS2_PATCHES):
        due = patch.exists_in(running(patch.owner.partition(".")[0]))
        found = patch.find()
        assert due == (found is not None) or patch.attribute == "resize", patch.place
        if due and found is not None:
            replacement = patch.replace(found[1], recorder())
            assert takes_the_same(replacement, found[1], bound=":" in patch.owner), patch.place


@pytest.mark.parametrize("owner", ["keras.src.backend.tensorflow.nn", "keras.src.absent", "keras.src.ops.operation:No"])
def test_a_missing_place_is_told_and_passed_over(owner: str, keras: Any) -> None:
    from kexport.capture.tracing.patches import Patch, answer, patched

    before = originals()
    patches = (Patch("keras.src.backend.tensorflow.nn", "relu", frame_all), Patch(owner, "absent", answer(1)))
    told = pytest.warns(
        KexportWarning, match=r"Keras 3\.\d+ does not have\b.*: \S+\.absent; what calls them is lowered"
    )
    with told, patched(recorder(), patches):
        assert importlib.import_module(patches[0].owner).relu.__name__ == "frame_all"
    assert originals() == before


def test_a_place_with_other_arguments_is_told_and_passed_over(keras: Any) -> None:
    from kexport.capture.tracing.patches import Patch, patched

    before = originals()
    patches = (Patch("keras.src.backend.tensorflow.nn", "relu", lambda original, recorder: lambda x, slope: x),)
    told = pytest.warns(KexportWarning, match=r"not with these arguments: keras\.src\.backend\.tensorflow\.nn\.relu")
    with told, patched(recorder(), patches):
        assert originals() == before


@pytest.mark.parametrize(("since", "until"), [((4, 0), None), ((0, 0), (3, 0)), ((3, 0), (3, 1))])
def test_a_place_of_other_versions_is_passed_over(since: Any, until: Any, keras: Any) -> None:
    from kexport.capture.tracing.patches import Patch, patched

    with warnings.catch_warnings(), patched(recorder(), (Patch("keras.src.nn", "no", frame_all, since, until),)):
        warnings.simplefilter("error")


def frame_all(original: Any, recorder: Any) -> Any:
    """A replacement that takes whatever the original does."""

    def frame_all(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs)

    return frame_all


def test_a_model_is_traced_without_what_is_missing(keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is lowered whole stands elsewhere, as in a Keras to come: the ops tell what it does."""
    from kexport.capture.tracing import patches

    vital = {"_create_op_internal", "__call__"}
    moved = tuple(p if p.attribute in vital else p._replace(attribute="moved") for p in patches.PATCHES)
    monkeypatch.setattr(patches, "PATCHES", moved)
    monkeypatch.setattr("kexport.capture.tracing.run.PATCHES", moved)
    x = keras.Input((8, 8, 3))
    y = keras.layers.Conv2D(4, 3, activation="gelu")(x)
    y = keras.layers.BatchNormalization()(y)
    y = keras.layers.LayerNormalization()(keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(y)))
    with pytest.warns(KexportWarning, match="does not have, or"):
        agree(randomize(keras.Model(x, y)), [normal(2, 8, 8, 3)])


def test_an_untested_version_is_told(keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from kexport.capture import versions
    from kexport.capture.tracing import patches

    monkeypatch.setitem(versions.TESTED, "keras", ((3, 0), (3, 1)))  # pyright: ignore[reportArgumentType]
    told = pytest.warns(KexportWarning, match=r"^Keras 3\.\S+ is newer than tested \(tested: 3\.0, 3\.1\): .*its ops")
    with told, patches.patched(recorder(), ()):
        pass


def test_no_gpu_is_seen_while_tracing(keras: Any) -> None:
    from kexport.capture.tracing.patches import PATCHES, patched

    nn, rnn = (importlib.import_module(f"keras.src.backend.tensorflow.{name}") for name in ("nn", "rnn"))
    with patched(recorder(), PATCHES):
        assert getattr(nn, "_cpu_only", lambda: True)() is True
        assert rnn._is_gpu_available() is False


def test_other_threads_are_not_recorded(keras: Any) -> None:
    import tensorflow as tf

    from kexport.capture.tracing.patches import PATCHES, function_patches, patched

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
