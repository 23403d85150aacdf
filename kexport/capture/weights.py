"""The values of variables, without copying them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kexport.errors import CaptureError

Array = np.ndarray[Any, Any]
CHUNK = 1 << 22


def read_tensor(tensor: Any, where: str = "") -> Array:
    """The value of an eager tensor, or of the variable whose resource handle it is: a read-only view of TF's buffer.

    Raises:
        CaptureError: a computed tensor, or a resource that is no variable.
    """
    import tensorflow as tf

    if not hasattr(tensor, "_numpy"):
        raise CaptureError(
            f"a tensor is kept from another graph, in which a layer was built, and cannot be read: {tensor.name}",
            where=where or None,
            hint="Keras cannot run such a model either: save it, and export the file or what it loads as",
        )
    if tensor.dtype != tf.resource:
        return _read_only(as_text(tensor._numpy()))
    known = tensor._handle_data
    if known is None or not known.is_set or not known.shape_and_type:
        raise CaptureError(
            "the model holds a resource that is not a variable (a lookup table or an iterator)",
            where=where or None,
            hint="cut such preprocessing off the model and export the rest",
        )
    dtype = tf.as_dtype(known.shape_and_type[0].dtype)
    try:
        return _read_only(as_text(tf.raw_ops.ReadVariableOp(resource=tensor, dtype=dtype)._numpy()))
    except tf.errors.OpError as e:
        raise CaptureError(f"a variable cannot be read: {e.message}", where=where or None) from e


def read_table(tensor: Any, key: Any, value: Any) -> tuple[Array, Array] | None:
    """Keys and values of the lookup table of this handle, in no order; None where it was not filled.

    `key` and `value` are its TensorFlow dtypes: TensorFlow aborts the process on others.
    """
    import tensorflow as tf

    try:
        found = tf.raw_ops.LookupTableExportV2(table_handle=tensor, Tkeys=key, Tvalues=value)
    except tf.errors.FailedPreconditionError:
        return None
    return as_text(found.keys), as_text(found.values)


def as_text(array: Any) -> Array:
    """Bytes, as TensorFlow has text, as `str`; other arrays as they are.

    Raises:
        CaptureError: bytes that are no UTF-8.
    """
    array = np.asarray(array)
    if array.dtype.kind not in "OS":
        return array
    result = np.empty(array.size, object)
    try:
        result[:] = [t.decode() if isinstance(t, bytes) else t for t in array.reshape(-1).tolist()]
    except UnicodeDecodeError as e:
        raise CaptureError(f"the model holds text that is no UTF-8: {e}") from e
    return result.reshape(array.shape)


def weights_of(model: Any) -> Iterator[tuple[str, Array]]:
    """Path and value of each weight of a Keras model, or of a signature's function, in its own order."""
    for weight in getattr(model, "weights", None) or model.variables:
        variable = getattr(weight, "_value", weight)
        if not hasattr(variable, "handle"):
            yield from _words_of(variable)
            continue
        yield getattr(weight, "path", None) or weight.name, read_tensor(variable.handle, model.name)


def _words_of(handler: Any) -> Iterator[tuple[str, Array]]:
    """The words of a lookup of Keras 2, which counts them among its weights."""
    for i, tensor in enumerate(handler.get_tensors()):
        yield f"vocabulary_{i}", as_text(tensor)


def check_weights(model: Any) -> None:
    """Refuse weights that are not finite.

    Raises:
        CaptureError: NaN or Inf among the weights; names them all.
    """
    bad = []
    for path, array in weights_of(model):
        nan, inf = _count_nonfinite(array)
        if nan or inf:
            counts = [f"{n} {what}" for n, what in ((nan, "NaN"), (inf, "Inf")) if n]
            bad.append(f"  {path}: {' and '.join(counts)} of {array.size}")
    if bad:
        raise CaptureError(
            "\n".join(["the model has weights that are not finite:", *bad]),
            hint="the training diverged: export an earlier checkpoint",
        )


def _count_nonfinite(array: Array) -> tuple[int, int]:
    """How many NaN and Inf there are."""
    if array.dtype.kind not in "fc" and array.dtype.name not in ("bfloat16",):
        return 0, 0
    nan = inf = 0
    flat = array.reshape(-1)
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK]
        if np.isfinite(part).all():
            continue
        nan += int(np.isnan(part).sum())
        inf += int(np.isinf(part).sum())
    return nan, inf


def _read_only(array: Any) -> Array:
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view
