"""The TensorFlow ops that hold functions, or that stand for a loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kexport.capture import lowering
from kexport.capture.lowering.context import Context, Found
from kexport.capture.lowering.scope import Scope
from kexport.capture.not_lowered import NotLowered
from kexport.capture.regions.branches import branch
from kexport.capture.regions.recurrent import lower_cells
from kexport.capture.regions.scans import lower_steps
from kexport.capture.regions.whiles import while_loop
from kexport.capture.tracing.standins import STAND_IN, CellLoop, Whole
from kexport.ir.graph import Value


def stand_in(scope: Scope, ctx: Context, op: Any, inputs: Sequence[Found]) -> tuple[Value, ...]:
    """A loop or a call that a stand-in was placed for."""
    loop = scope.run.trace.stand_ins.get(op.get_attr("token").decode())
    if loop is None:
        raise NotLowered(lowering.reason(op))
    if isinstance(loop, CellLoop):
        return lower_cells(ctx, loop, [ctx.value(v) for v in inputs])
    if isinstance(loop, Whole):
        return (loop.lower(ctx),)
    return lower_steps(scope, ctx, op, loop, inputs)


REGIONS = {
    STAND_IN: stand_in,
    "If": branch,
    "StatelessIf": branch,
    "Case": branch,
    "StatelessCase": branch,
    "While": while_loop,
    "StatelessWhile": while_loop,
}
"""The lowering of each."""
