"""Tells what a model's `predict()` does besides `call()`: artifacts compute the call and are compared with it."""

from __future__ import annotations

from typing import Any

from kexport.capture.sources.biases import remarks_on_biases

METHODS = ("predict", "predict_step", "predict_on_batch", "make_predict_function")
"""The methods that classes override to do more than their call: preprocess text, decode boxes, divide by 255."""
OWN = ("keras", "tf_keras")
"""The packages whose own methods only call the model."""


def own_predict(model: Any) -> tuple[str, str] | None:
    """The class and the method by which `predict()` of a model is more than its call; None if it is not."""
    for cls in type(model).__mro__:
        for method in METHODS:
            if method in vars(cls) and cls.__module__.partition(".")[0] not in OWN:
                return cls.__name__, method
    own = next((m for m in METHODS if m in getattr(model, "__dict__", {})), None)
    return (type(model).__name__, own) if own else None


def remarks_of(model: Any) -> list[str]:
    """Return the remark on what part of a model its artifacts do not contain."""
    found: list[str] = []
    own = own_predict(model)
    if own is not None:
        cls, method = own
        named = type(getattr(model, "preprocessor", None)).__name__
        with_it = f", and its preprocessor {named}" if named != "NoneType" else ""
        found.append(
            f"what {cls}.{method}() does before and after the model{with_it} is not in the artifacts: they compute the "
            "model's call, were verified against it, and take what goes into it"
        )
    stateful = [layer.name for layer in _layers(model) if getattr(layer, "stateful", False) and layer is not model]
    if stateful:
        names = ", ".join(dict.fromkeys(stateful))
        found.append(f"the state of {names} is not carried on: every run of an artifact starts from the present one")
    return [*found, *remarks_on_biases(_layers(model))]


def _layers(model: Any) -> list[Any]:
    return list(model._flatten_layers()) if hasattr(model, "_flatten_layers") else []
