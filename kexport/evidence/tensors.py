"""Stores named arrays as safetensors: written whole or not at all, equal bytes for equal content."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kexport.documents.malformed import Malformed
from kexport.documents.read import parse_json
from kexport.errors import ConfigError, GraphError, VerifyError
from kexport.evidence.plain import canonical_json
from kexport.evidence.safetensors_file import read_file, write_file
from kexport.ir.op import Array
from kexport.ir.types import DType

_LONGEST_HEADER = 100_000_000
"""Bytes; the format's own limit."""
KEY = "kexport"
"""The one metadata entry: safetensors keeps several in no fixed order."""
_STORED: dict[DType, Any] = {DType.BF16: np.float32, DType.I4: np.int8, DType.U4: np.uint8}
"""Types that NumPy alone does not have -> a type that holds their values."""


def save_tensors(path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, Any]) -> None:
    """Write arrays and a JSON object to `path`; an old file stays as it was until the new one is complete.

    Raises:
        ConfigError: an array of objects other than text.
        VerifyError: the disk refuses.
    """
    stored = {name: _stored(name, array) for name, array in sorted(tensors.items())}
    dtypes = {name: str(DType.of(tensors[name].dtype)) for name in stored}
    facts = {"dtypes": dtypes, "sha256": _digest(stored), "metadata": metadata}
    shapes = {name: list(tensors[name].shape) for name in stored if dtypes[name] == str(DType.STRING)}
    header = canonical_json(facts | ({"shapes": shapes} if shapes else {}))
    try:
        _write_whole(path, stored, header)
    except OSError as e:
        raise VerifyError(f"cannot write: {e}", where=str(path)) from e


def load_tensors(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read the arrays and the JSON object of a file that `save_tensors` wrote.

    Raises:
        VerifyError: no file, a truncated or foreign file, content that does not fit its hash.
    """
    try:
        stored, strings = read_file(path)
        header = parse_json(strings[KEY], "tensors", _LONGEST_HEADER)
        dtypes = header["dtypes"]
        metadata = header["metadata"]
        digest = header["sha256"]
    except FileNotFoundError:
        raise VerifyError("there is no such file", where=str(path)) from None
    except KeyError:
        raise VerifyError("not a file of kexport: its header has no entry 'kexport'", where=str(path)) from None
    except (OSError, ValueError) as e:
        raise VerifyError(f"truncated or damaged: {e}", where=str(path), hint="record it again") from e
    if sorted(stored) != sorted(dtypes) or _digest(stored) != digest:
        raise VerifyError("the content does not fit its hash", where=str(path), hint="record it again")
    try:
        shapes = header.get("shapes", {})
        return {
            name: _restored(array, DType(dtypes[name]), shapes.get(name)) for name, array in stored.items()
        }, metadata
    except ValueError as e:
        raise VerifyError(f"damaged: {e}", where=str(path), hint="record it again") from e


def _stored(name: str, array: Array) -> Array:
    try:
        dtype = DType.of(array.dtype)
    except GraphError as e:
        raise ConfigError(f"{name!r} cannot be stored: {e.what}") from e
    if dtype is DType.STRING:
        return _bytes_of_text(name, array)
    return np.ascontiguousarray(array.astype(_STORED.get(dtype, array.dtype), copy=False)).reshape(array.shape)


def _bytes_of_text(name: str, array: Array) -> Array:
    """Encode text as the bytes of a JSON list."""
    texts = array.reshape(-1).tolist()
    if not all(isinstance(t, str) for t in texts):
        raise ConfigError(f"{name!r} holds objects that are no text")
    return np.frombuffer(json.dumps(texts, ensure_ascii=False).encode(), np.uint8)


def _restored(array: Array, dtype: DType, shape: Sequence[int] | None) -> Array:
    kept = np.dtype(np.uint8) if dtype is DType.STRING else np.dtype(_STORED.get(dtype, dtype.numpy))
    if array.dtype != kept:
        raise Malformed(f"a tensor of {dtype} is stored as {array.dtype}")
    if dtype is not DType.STRING:
        return array.astype(dtype.numpy, copy=False)
    texts = parse_json(array.tobytes())
    if not isinstance(texts, list) or not all(isinstance(t, str) for t in texts):
        raise Malformed("a tensor of text is no list of text")
    restored: Array = np.empty(len(texts), object)
    restored[:] = texts
    return restored.reshape(shape or ())


def _digest(stored: Mapping[str, Array]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(stored.items()):
        digest.update(f"{name}\0{array.dtype.name}\0{list(array.shape)}\0".encode())
        digest.update(array.reshape(-1).view(np.uint8).data if array.size else b"")
    return digest.hexdigest()


def _write_whole(path: Path, stored: Mapping[str, Array], header: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o644)
            write_file(file, stored, {KEY: header})
            file.flush()
            os.fsync(handle)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
