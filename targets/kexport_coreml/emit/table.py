"""The table of emitters: its keys are the ops that this target supports."""

from __future__ import annotations

from kexport.ir.graph import Node
from kexport.ir.op import Op
from kexport.ir.types import DType
from kexport.ops.text import ABOUT_TEXT
from kexport.passes.channels_first import ChannelsFirst
from kexport.target import NO_TEXT
from kexport_coreml.context import Context
from kexport_coreml.dtypes import NARROW
from kexport_coreml.refs import Ref
from kexport_shared.emit.recurrent import TimeFirst
from kexport_shared.emit.table import Emitters


class MilEmitters(Emitters[Context, Ref]):
    """Emitters whose results are brought back into the range of narrow integer types."""

    def __init__(self) -> None:
        super().__init__()
        self._wrapping: set[type[Op]] = set()

    def wraps(self, *kinds: type[Op]) -> None:
        """State that the results of these ops may leave the range of a narrow integer type."""
        self._wrapping.update(kinds)

    def finish(self, e: Context, node: Node, results: tuple[Ref, ...]) -> None:
        if type(node.op) in self._wrapping:
            results = tuple(wrap(e, r, v.type.dtype) for r, v in zip(results, node.outputs, strict=True))
        super().finish(e, node, results)


def wrap(e: Context, x: Ref, dtype: DType) -> Ref:
    """int32 reduced to the bits of a narrow integer type: what does not fit comes round, as in numpy."""
    if dtype not in NARROW:
        return x
    span = 1 << NARROW[dtype]
    shift = 0 if dtype.value[0] == "u" else 1 << (NARROW[dtype] - 1)
    shifted = e.elementwise("add", x, e.const(shift, DType.I32)) if shift else x
    rest = e.elementwise("mod", shifted, e.const(span, DType.I32))
    return e.elementwise("sub", rest, e.const(shift, DType.I32)) if shift else rest


EMIT = MilEmitters()
EMIT.unsupported(NO_TEXT, *ABOUT_TEXT)
EMIT.unwrap(ChannelsFirst, TimeFirst)
