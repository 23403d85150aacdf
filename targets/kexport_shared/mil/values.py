"""Decodes values of the program: immediate tensors, tensors in the weight file, strings, lists and dictionaries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kexport.errors import VerifyError
from kexport.paths import inside
from kexport_shared.mil.blob import WeightFile
from kexport_shared.mil.dtypes import STRING, DType, dtype_of, unpack

MODEL_PATH = "@model_path/"


class Weights:
    """The weight files of a package, opened when they are first needed."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._files: dict[str, WeightFile] = {}

    def read(self, name: str, offset: int, dtype: DType, shape: tuple[int, ...]) -> np.ndarray:
        """One tensor of the file the program names."""
        if name not in self._files:
            path = inside(self._folder, name.removeprefix(MODEL_PATH))
            if not name.startswith(MODEL_PATH) or not path.is_file():
                raise VerifyError(f"the program's weights {name} are not in the package", where=str(self._folder))
            self._files[name] = WeightFile(path)
        return self._files[name].read(offset, dtype, shape)


def decode(value: Any, weights: Weights) -> Any:
    """The value of a `Value` message: an array, a str, a list or a dict of them."""
    kind = value.type.WhichOneof("type")
    if value.WhichOneof("value") == "blobFileValue":
        tensor = value.type.tensorType
        blob = value.blobFileValue
        return weights.read(blob.fileName, blob.offset, dtype_of(tensor.dataType), _shape(tensor))
    content = value.immediateValue
    if kind == "tensorType":
        return _tensor(value.type.tensorType, content.tensor)
    if kind == "listType":
        return [decode(item, weights) for item in content.list.values]
    if kind == "tupleType":
        return [decode(item, weights) for item in content.tuple.values]
    if kind == "dictionaryType":
        pairs = content.dictionary.values
        return {_key(decode(p.key, weights)): decode(p.value, weights) for p in pairs}
    raise VerifyError(f"a value of kind {kind} cannot be read")


def _key(value: Any) -> Any:
    return value.item() if isinstance(value, np.ndarray) else value


def _shape(tensor: Any) -> tuple[int, ...]:
    sizes = [d.constant.size for d in tensor.dimensions if d.WhichOneof("dimension") == "constant"]
    if len(sizes) != len(tensor.dimensions):
        raise VerifyError("a stored value has a size that is not known")
    return tuple(sizes)


def _tensor(declared: Any, content: Any) -> Any:
    shape = _shape(declared)
    field = content.WhichOneof("value")
    if declared.dataType == STRING:
        texts = list(content.strings.values)
        return np.array(texts, dtype=object).reshape(shape) if shape else texts[0] if texts else ""
    dtype = dtype_of(declared.dataType)
    count = int(np.prod(shape, dtype=np.int64))
    if field is None or not count:
        return np.zeros(shape, dtype.holder)
    flat = _bytes(content, dtype, count) if field == "bytes" else np.array(getattr(content, field).values, dtype.holder)
    if flat.size != count:
        raise VerifyError(f"an immediate value holds {flat.size} elements, its type says {count}")
    return flat.reshape(shape)


def _bytes(content: Any, dtype: DType, count: int) -> np.ndarray:
    return unpack(content.bytes.values, dtype, count)
