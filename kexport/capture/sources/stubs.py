"""The beginning of a class that a model needs and nobody has: with the constructor that its config asks for."""

from __future__ import annotations

from collections.abc import Sequence

from kexport.capture.sources.config import Reference

INHERITED = {"name", "trainable", "dtype", "batch_input_shape", "batch_shape", "dtype_policy", "autocast"}
"""Options that Keras' own Layer takes."""
_STUB = """\
    class {name}({keras}.layers.Layer):
        def __init__(self{parameters}, **options):
            super().__init__(**options)
            {body}

        def call(self, inputs):
            ..."""


def stub(found: Sequence[Reference], keras: str) -> str:
    """A file to start from for the layers among references, each class once; empty if there is none.

    `keras` is the package that the model is of, `keras` or `tf_keras`.
    """
    layers = {r.name: r for r in found if r.kind == "class" and "name" in r.options and r.name.isidentifier()}
    if not layers:
        return ""
    classes = "\n\n".join(_class(r, keras) for r in layers.values())
    return f"\na file for --custom begins so:\n    import {keras}\n\n{classes}"


def _class(reference: Reference, keras: str) -> str:
    own = [o for o in reference.options if o not in INHERITED and o.isidentifier()]
    parameters = "".join(f", {o}" for o in own)
    body = "\n            ".join(f"self.{o} = {o}" for o in own) or "# make layers and weights here"
    return _STUB.format(name=reference.name, keras=keras, parameters=parameters, body=body)
