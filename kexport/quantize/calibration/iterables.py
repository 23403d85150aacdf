"""Calibration data from Python: arrays, and iterables of batches such as generators, `tf.data` and `PyDataset`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kexport.errors import ConfigError
from kexport.ir.contract import Port
from kexport.ir.op import Array
from kexport.quantize.calibration.fit import count_samples, fit
from kexport.quantize.calibration.regroup import Batches, regroup

MOST = 10_000
"""Samples that are read of an iterable unless the caller says otherwise: some never end."""


class ArraySource:
    """All data at once: one array, or arrays by the names of the inputs."""

    samples: int | None = None

    def __init__(self, data: Any, ports: Sequence[Port], limit: int | None = None):
        self._arrays = fit(by_name(data, ports, "calibration data"), ports, "calibration data")
        self._ports = ports
        self._limit = limit

    @property
    def digest(self) -> str:
        """A hash of the arrays."""
        digest = hashlib.sha256(f"arrays {self._limit}".encode())
        for name, array in sorted(self._arrays.items()):
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            text = array.dtype == object
            digest.update(repr(array.tolist()).encode() if text else np.ascontiguousarray(array).view(np.uint8).data)
        return digest.hexdigest()

    def batches(self, rows: int) -> Batches:
        """See `Source`."""
        return regroup([self._arrays], self._ports, rows, self._limit)


class BatchSource:
    """An iterable of batches, read once: each an array, a dict, or a tuple of inputs and labels, which are dropped."""

    samples: int | None = None
    digest = ""

    def __init__(self, batches: Iterable[Any], ports: Sequence[Port], limit: int | None = None):
        self._items = batches
        self._ports = ports
        self._limit = MOST if limit is None else limit

    def batches(self, rows: int) -> Batches:
        """See `Source`."""
        return regroup(self._parts(), self._ports, rows, self._limit)

    def _parts(self) -> Iterator[Mapping[str, Array]]:
        first = 0
        for i, item in enumerate(each(self._items)):
            where = f"batch {i} of the calibration data"
            part = fit(by_name(item, self._ports, where), self._ports, where, first)
            first += count_samples(part, self._ports)
            yield part


def each(items: Any) -> Iterator[Any]:
    """The items of an iterable, and of what has a length and an index only, as a `PyDataset` does."""
    if hasattr(items, "__iter__"):
        yield from items
    else:
        yield from (items[i] for i in range(len(items)))


def by_name(item: Any, ports: Sequence[Port], where: str) -> Mapping[str, Any]:
    """What is given for each input: by name, in order, or for the only one; labels and weights are dropped.

    A tuple is inputs, labels and weights as Keras has it, unless it has an array for each of several inputs.
    """
    names = [p.name for p in ports]
    if isinstance(item, Mapping):
        found = {str(k): v for k, v in item.items()}
        return {k: found[k] for k in names} if found.keys() >= set(names) else found
    if isinstance(item, tuple) and item and (_is_nested(item[0]) or len(names) == 1):
        return by_name(item[0], ports, where)
    if isinstance(item, tuple | list) and len(names) > 1:
        return _in_order(item, names, where)
    if isinstance(item, list) and len(item) == 1 and np.ndim(item[0]) >= ports[0].type.rank:
        item = item[0]
    if len(names) > 1:
        what = f"one array is given, the model has {len(names)} inputs: {', '.join(names)}"
        raise ConfigError(what, where=where, hint="give a dict with one array per input, by its name")
    return {names[0]: item}


def _in_order(item: Sequence[Any], names: Sequence[str], where: str) -> Mapping[str, Any]:
    if len(item) != len(names):
        what = f"{len(item)} arrays are given, the model has {len(names)} inputs: {', '.join(names)}"
        raise ConfigError(what, where=where, hint="give a dict with one array per input, by its name")
    return dict(zip(names, item, strict=True))


def _is_nested(item: Any) -> bool:
    return isinstance(item, Mapping | tuple) or (isinstance(item, list) and bool(item) and np.ndim(item[0]) > 0)
