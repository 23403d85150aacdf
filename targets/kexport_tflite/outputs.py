"""Makes inner tensors of a saved model its outputs, so that a delegate keeps them.

The list of outputs is written again behind the file, and the one reference to the old list is bent to it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from kexport.errors import NotApplicable
from kexport_tflite.writer import INLINE_LIMIT, schema

_OUTPUTS = 8  # vtable slot of the field of SubGraph


def with_outputs(path: Path, tensors: Sequence[str]) -> tuple[bytes, dict[str, int]]:
    """The bytes of a model that gives these tensors as well, and the indices of those of them that it has.

    Raises:
        NotApplicable: the file is too large to refer to what stands behind it.
    """
    content = bytearray(path.read_bytes())
    graph = schema().Model.GetRootAs(content, 0).Subgraphs(0)
    wanted = set(tensors)
    names = {graph.Tensors(i).Name().decode(): i for i in range(graph.TensorsLength())}
    found = {name: index for name, index in names.items() if name in wanted}
    outputs = list(dict.fromkeys([*(graph.Outputs(i) for i in range(graph.OutputsLength())), *found.values()]))
    content += bytes(-len(content) % 4)
    table = graph._tab
    field = table.Pos + table.Offset(_OUTPUTS)
    if len(content) - field > INLINE_LIMIT:
        raise NotApplicable("inner values of models of more than 2 GiB are not shown")
    struct.pack_into("<I", content, field, len(content) - field)
    content += struct.pack(f"<I{len(outputs)}i", len(outputs), *outputs)
    return bytes(content), found
