"""Makes a layer that computes an expression, replacing one that carried bytecode."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from kexport.capture.lambdas.evaluate import apply
from kexport.capture.lambdas.functions import Modules
from kexport.capture.lambdas.read import Function, NotUnderstood
from kexport.errors import CaptureError


def layer_class(base: type, name: str, function: Function, given: Mapping[str, Any], modules: Modules) -> type:
    """A subclass of a framework's Layer called `name`; `given` are the layer's own values for parameters."""

    @modules.tf.autograph.experimental.do_not_convert
    def call(self: Any, inputs: Any, mask: Any = None, training: Any = False) -> Any:
        try:
            return apply(function, {"mask": mask, "training": training, **given}, inputs, modules)
        except NotUnderstood as e:
            raise CaptureError(
                f"its lambda is not understood: {e}", where=self.name, hint=replace_hint(self.name)
            ) from e

    def compute_mask(self: Any, inputs: Any, mask: Any = None) -> None:
        """As a Lambda layer does without a mask of its own."""

    def get_config(self: Any) -> dict[str, Any]:
        """What it computes is part of what the model is."""
        values = {k: repr(v) for k, v in {**function.defaults, **function.closure, **given}.items()}
        return {**base.get_config(self), "expression": str(function), "values": values}  # type: ignore[attr-defined]

    return type(name, (base,), {"call": call, "compute_mask": compute_mask, "get_config": get_config})


def replace_hint(layer: str) -> str:
    """The hint that tells a user how to describe what a layer computes."""
    name = layer.rpartition("/")[2] or "LAYER"
    return f'--replace "{name}=x/127.5-1" says what it computes, and --replace {name}=module:function takes yours'


def keras2_modules() -> Modules:
    """Where functions come from for a model of Keras 2."""
    import keras
    import tensorflow as tf
    import tf_keras

    return Modules(tf_keras.backend, tf, keras.ops, tf_keras.activations)


def keras3_modules() -> Modules:
    """Where functions come from for a model of Keras 3: it keeps the old ones of its backend."""
    import keras
    import tensorflow as tf
    from keras.src.legacy import backend

    settings = {name: getattr(keras.backend, name) for name in ("epsilon", "floatx", "image_data_format")}
    return Modules(SimpleNamespace(**{**vars(backend), **settings}), tf, keras.ops, keras.activations)
