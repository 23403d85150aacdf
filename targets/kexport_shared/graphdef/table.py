"""The table of emitters that the targets of GraphDefs begin with."""

from __future__ import annotations

from kexport_shared.emit.table import Emitters
from kexport_shared.graphdef.context import Context
from kexport_shared.graphdef.nodes import Ref

OpTable = Emitters[Context, Ref]
COMMON = OpTable()
"""Ops that TensorFlow and TensorFlow.js have in one and the same form."""


def activate(e: Context, name: str | None, x: Ref) -> Ref:
    """Apply what the `activation` attribute of an op names, by the table of the target that is written for."""
    return e.table.activate(e, name, x)
