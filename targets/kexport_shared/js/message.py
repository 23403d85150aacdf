"""Messages between Python and JavaScript: a header in JSON, and the bytes of tensors."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from kexport.errors import VerifyError
from kexport.ir.op import Array

DTYPES = {
    **{name: np.dtype(name) for name in ("float16", "float32", "float64", "int8", "int16", "int32", "int64")},
    **{name: np.dtype(name) for name in ("bool", "uint8", "uint16", "uint32", "uint64")},
}
"""The element types that messages carry, by the name they have there."""
_NAMES = {np.dtype(d): name for name, d in DTYPES.items()}


def pack(header: Mapping[str, Any], tensors: Mapping[str, Array]) -> bytes:
    """A request: four bytes with the length of the header, the header, the tensors in order.

    Raises:
        VerifyError: an element type that JavaScript lacks.
    """
    arrays = {name: np.ascontiguousarray(a) for name, a in tensors.items()}
    strange = [f"{name!r} has {a.dtype}" for name, a in arrays.items() if a.dtype not in _NAMES]
    if strange:
        raise VerifyError(f"tensors that cannot go to JavaScript: {', '.join(strange)}")
    listed = [{"name": n, "dtype": _NAMES[a.dtype], "shape": list(tensors[n].shape)} for n, a in arrays.items()]
    head = json.dumps({**header, "tensors": listed}).encode()
    return b"".join([struct.pack("<I", len(head)), head, *(a.tobytes() for a in arrays.values())])


def unpack(message: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """The header and the tensors of an answer.

    Raises:
        VerifyError: it is cut off or malformed.
    """
    try:
        (length,) = struct.unpack_from("<I", message)
        header = json.loads(message[4 : 4 + length])
        at = 4 + length
        found = dict[str, Array]()
        for tensor in header["tensors"]:
            dtype = np.dtype(DTYPES[tensor["dtype"]])
            shape = tensor["shape"]
            array = np.frombuffer(message, dtype, prod(shape), at).reshape(shape)
            found[tensor["name"]] = array.copy()
            at += array.nbytes
    except (struct.error, ValueError, KeyError, TypeError) as e:
        raise VerifyError(f"the engine gave an answer that cannot be read: {e}") from e
    return header, found
