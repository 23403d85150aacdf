"""Transposed convolutions over two and three axes."""

from __future__ import annotations

from kexport import ops
from kexport.ir.graph import Node
from kexport_savedmodel.context import Context
from kexport_savedmodel.emit.table import EMIT
from kexport_shared.graphdef.emit.conv import conv_transpose as of_images
from kexport_shared.graphdef.emit.conv import finish, window_attributes
from kexport_shared.graphdef.nodes import Ref


@EMIT.emits(ops.ConvTranspose)
def conv_transpose(e: Context, op: ops.ConvTranspose, node: Node) -> Ref:
    if len(op.strides) < 3:
        return of_images(e, op, node)
    x, kernel, *bias = e.refs(node)
    sizes = e.dims(node.output.type.shape)
    y = e.op("Conv3DBackpropInputV2", sizes, kernel, x, main=1, **window_attributes(op, "NDHWC"))
    return finish(e, op, y, bias)
