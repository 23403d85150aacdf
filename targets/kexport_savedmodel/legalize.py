"""Brings an optimized graph to the forms that TensorFlow has."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Graph
from kexport.ir.op import Op
from kexport.rewrite import Log, Rule
from kexport_savedmodel.options import SavedModelOptions
from kexport_savedmodel.rules import window
from kexport_savedmodel.text import refuse_text
from kexport_shared.graphdef import legalize as common

DECOMPOSED: tuple[type[Op], ...] = (ops.BatchNorm, ops.Prelu, ops.Scan)
"""Ops that TensorFlow lacks, or that grow no faster in one piece, besides those that no engine has."""
RULES: tuple[Rule, ...] = common.rules(DECOMPOSED, window.RULES)
"""What legalization runs."""


def legalize(graph: Graph, options: SavedModelOptions, log: Log | None = None) -> None:
    """Edit `graph` in place.

    Raises:
        UnsupportedError: text that TensorFlow's operations cannot work on.
    """
    refuse_text(graph)
    common.legalize(graph, (), RULES, log)
