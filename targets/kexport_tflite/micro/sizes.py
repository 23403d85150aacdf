"""Fixes the sizes of a file: a copy whose tensors have the shapes that they have for certain inputs.

TFLite Micro reads the shapes that a file gives, and changes none. LiteRT tells what they become.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

from kexport.errors import NotApplicable
from kexport.ir.op import Array
from kexport_tflite.micro.outline import Outline
from kexport_tflite.runtime import shapes_for
from kexport_tflite.writer import schema

_SHAPE = 4
"""The vtable slot of the field of Tensor."""


def fixed(path: Path, outline: Outline, inputs: Mapping[str, Array]) -> bytes:
    """The bytes of a file with the shapes that its tensors have for these inputs.

    Raises:
        NotApplicable: they cannot be written into it.
    """
    content = path.read_bytes()
    if not outline.open or all(inputs[e.name].shape == e.shape for e in outline.inputs):
        return content
    if outline.subgraphs > 1:
        raise NotApplicable("TFLite Micro has no dynamic sizes, and the bodies of loops and branches cannot be fixed")
    order = [inputs[e.name] for e in outline.inputs]
    return _with_shapes(content, shapes_for(path, order))


def _with_shapes(content: bytes, shapes: Mapping[int, tuple[int, ...]]) -> bytes:
    """The file with other shapes, of the same ranks, by tensor."""
    changed = bytearray(content)
    written = dict[int, tuple[int, ...]]()
    graph = schema().Model.GetRootAs(content, 0).Subgraphs(0)
    for index in range(graph.TensorsLength()):
        shape = shapes[index]
        table = graph.Tensors(index)._tab
        field = table.Offset(_SHAPE)
        place, rank = (table.Vector(field), table.VectorLen(field)) if field else (0, 0)
        if rank != len(shape) or written.setdefault(place, shape) != shape:
            raise NotApplicable("TFLite Micro has no dynamic sizes, and the rank of a tensor changes with its input")
        struct.pack_into(f"<{rank}i", changed, place, *shape)
    return bytes(changed)
