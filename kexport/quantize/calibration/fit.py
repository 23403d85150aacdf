"""Brings a batch of a user's arrays to what the inputs of a model are, or says what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kexport.errors import ConfigError, GraphError
from kexport.ir.contract import Port
from kexport.ir.dim import symbol
from kexport.ir.evaluator import bind_inputs
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport.names import suggest


def ports_of(graph: Graph) -> tuple[Port, ...]:
    """The inputs of a graph."""
    return tuple(Port(v.name, v.type) for v in graph.inputs)


def fit(arrays: Mapping[str, object], ports: Sequence[Port], where: str, first: int = 0) -> dict[str, Array]:
    """The arrays as the inputs take them, in the order of the inputs.

    A missing batch axis is added. Numbers are converted as long as nothing is lost but precision.

    Args:
        arrays: a batch by name.
        ports: the inputs.
        where: the file, or what else the data came from.
        first: the number of the first sample, for messages.

    Raises:
        ConfigError: wrong names, shapes or types, no samples, or numbers that are not finite.
    """
    _check_names(arrays, ports, where)
    found = {p.name: _convert(_array(arrays[p.name], p, where), p, where) for p in ports}
    try:
        bind_inputs([(p.name, p.type) for p in _any_number(ports)], list(found.values()))
    except GraphError as e:
        hint = "give arrays with samples on the first axis, in the shape that the model's input has"
        raise ConfigError(f"the calibration data does not fit: {e.what}", where=where, hint=hint) from e
    for name, array in found.items():
        _check_numbers(name, array, where, first)
    return found


def count_samples(arrays: Mapping[str, Array], ports: Sequence[Port]) -> int:
    """How many samples a batch has: the first axis where all inputs share it, else the batch is one sample."""
    return len(next(iter(arrays.values()))) if has_batch_axis(ports) else 1


def has_batch_axis(ports: Sequence[Port]) -> bool:
    """Whether the first axis of all inputs is the same one."""
    return len({p.type.shape[0] if p.type.rank else None for p in ports}) == 1 and ports[0].type.rank > 0


def _any_number(ports: Sequence[Port]) -> Sequence[Port]:
    """The inputs as if they took any number of samples."""
    if not has_batch_axis(ports) or not isinstance(ports[0].type.shape[0], int):
        return ports
    return [Port(p.name, p.type.with_shape((symbol("samples"), *p.type.shape[1:]))) for p in ports]


def _check_names(arrays: Mapping[str, object], ports: Sequence[Port], where: str) -> None:
    names = [p.name for p in ports]
    if sorted(arrays) == sorted(names):
        return
    what = f"the calibration data is called {', '.join(sorted(arrays)) or 'nothing'}, the inputs {', '.join(names)}"
    strangers = [suggest(n, names, "inputs") for n in sorted(arrays) if n not in names]
    hint = "give one array per input, by its name" + "".join(f"; {s}" for s in strangers[:1])
    raise ConfigError(what, where=where, hint=hint)


def _array(given: object, port: Port, where: str) -> Array:
    if hasattr(given, "numpy") and callable(given.numpy):  # type: ignore[attr-defined]  tensors of TensorFlow, PyTorch
        given = given.numpy()  # type: ignore[attr-defined]
    try:
        array = np.asarray(given)
    except ValueError as e:
        what = f"what is given for input {port.name!r} is no array: its rows differ in length"
        raise ConfigError(what, where=where, hint="pad the rows, or give one sample at a time") from e
    if array.dtype == object and port.type.dtype is not DType.STRING:
        what = f"input {port.name!r} is {port.type}, the calibration data holds {_kind(array)}"
        raise ConfigError(what, where=where, hint="give arrays of numbers")
    return array


def _kind(array: Array) -> str:
    return f"objects of type {type(array.flat[0]).__name__}" if array.size else "objects"


def _convert(array: Array, port: Port, where: str) -> Array:
    wanted = port.type.dtype.numpy
    type = port.type
    is_text = array.dtype.kind in "OUS", type.dtype is DType.STRING
    if len(set(is_text)) > 1 or not (all(is_text) or np.can_cast(array.dtype, wanted, "same_kind") or _whole(array)):
        what = f"input {port.name!r} is {type}, the calibration data is {array.dtype}"
        raise ConfigError(what, where=where, hint=f"convert it: array.astype({str(wanted)!r})")
    with np.errstate(all="ignore"):
        converted = array.astype(wanted)
    if array.dtype.kind in "iu" and type.dtype.is_int and not np.array_equal(converted, array):
        what = f"the calibration data of input {port.name!r} holds {array.min()} to {array.max()}, the input is {type}"
        raise ConfigError(what, where=where, hint="give numbers that the input's type holds")
    return converted[None] if converted.ndim == type.rank - 1 else converted


def _whole(array: Array) -> bool:
    """Whether these are integers, which fit by value or not at all."""
    return array.dtype.kind in "iub"


def _check_numbers(name: str, array: Array, where: str, first: int) -> None:
    if not array.size:
        hint = "give at least one sample; 100 to 500 are good"
        raise ConfigError(
            f"the calibration data of input {name!r} is empty: {list(array.shape)}", where=where, hint=hint
        )
    if array.dtype.kind not in "iubOUS" and not np.isfinite(array).all():
        bad = ~np.isfinite(array)
        at = first + int(np.argwhere(bad)[0][0]) if array.ndim else first
        what = f"the calibration data of input {name!r} holds {_which(array)} in sample {at}"
        raise ConfigError(what, where=where, hint="remove these samples, or put numbers in their place")


def _which(array: Array) -> str:
    nan = int(np.isnan(array).sum())
    other = int(np.isinf(array).sum())
    return " and ".join(f"{n} {word}" for n, word in ((nan, "NaN"), (other, "infinities")) if n)
