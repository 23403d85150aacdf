"""Makes inner tensors of a saved model its outputs, so that any engine shows them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def with_outputs(path: Path, tensors: Sequence[str]) -> tuple[bytes, list[str]]:
    """The bytes of a model that gives these tensors as well, and those of them that it has.

    Weights beside the model stay there. The outputs are declared without types: shape inference finds them.
    """
    import onnx

    model: Any = onnx.load(path, load_external_data=False)
    made = {name for node in model.graph.node for name in node.output} | {i.name for i in model.graph.input}
    found = [name for name in dict.fromkeys(tensors) if name in made]
    known = {o.name for o in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in found if name not in known)
    return model.SerializeToString(), found
