"""Tables of words: resources that are filled once, when the model is loaded."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport_shared.graphdef.context import Context
from kexport_shared.graphdef.nodes import Ref

KINDS = (DType.BOOL, DType.F32, DType.F64, DType.I32, DType.I64, DType.STRING)
"""What the values of a table may be. Source: REGISTER_KERNEL in tensorflow/core/kernels/lookup_table_op.cc."""


class Table(NamedTuple):
    """A table from text to values; two with the same words and values are one."""

    keys: Array
    values: Array
    dtype: DType

    @property
    def name(self) -> str:
        """By what they hold: TensorFlow shares tables by name, and with everything else in the process."""
        held = repr((self.dtype.value, self.keys.tolist(), self.values.tolist()))
        return f"kexport_{hashlib.sha256(held.encode()).hexdigest()[:32]}"


def find(e: Context, table: Table, x: Ref, default: Ref) -> Ref:
    """The values of the words in x."""
    e.shared.on_load.setdefault(table.name, lambda main: _fill(main, table))
    return e.op("LookupTableFindV2", _handle(e, table), x, default, main=1, dtype=table.dtype)


def _fill(e: Context, table: Table) -> Ref:
    keys = e.const(table.keys, DType.STRING, "keys")
    values = e.const(table.values, table.dtype, "values")
    return e.op("LookupTableImportV2", _handle(e, table), keys, values, main=1)


def _handle(e: Context, table: Table) -> Ref:
    """The table itself; its element type means nothing. Without node names `tf.saved_model.load` shares no table."""
    return e.op(
        "HashTableV2",
        dtype=DType.STRING,
        container="",
        shared_name=table.name,
        use_node_name_sharing=True,
        key_dtype=DType.STRING,
        value_dtype=table.dtype,
    )
