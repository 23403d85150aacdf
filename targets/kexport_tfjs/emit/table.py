"""The table of emitters: its keys are the ops that this target supports."""

from __future__ import annotations

from kexport import ops
from kexport.ops.text import ABOUT_TEXT
from kexport.target import NO_TEXT
from kexport_shared.graphdef.emit import COMMON
from kexport_shared.graphdef.table import OpTable

EMIT = OpTable(COMMON)
EMIT.unsupported(NO_TEXT, *ABOUT_TEXT)
EMIT.withdraw("TensorFlow.js' executor loses the operands of its bitwise op", ops.BitAnd, ops.BitOr, ops.BitXor)
EMIT.without(ops.OneHot)  # the wasm backend writes beyond the row for an index out of range

FUSED = {"relu": "Relu", "relu6": "Relu6", "elu": "Elu", "sigmoid": "Sigmoid"}
"""Activations that the fused ops of every backend know, by the name that they have there."""
