"""The reference: inputs, the outputs of Keras, and those of the captured graph in float64 and float32.

One `.reference.safetensors` file holds it. It is replayed anywhere, without Keras.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kexport.documents.malformed import Malformed
from kexport.documents.read import validator
from kexport.errors import GraphError, VerifyError
from kexport.evidence.batches import Batch
from kexport.evidence.tensors import load_tensors, save_tensors
from kexport.ir.contract import Contract, Port
from kexport.ir.op import Array
from kexport.ir.types import DType

SUFFIX = ".reference.safetensors"
FORMAT = 1
"""The version of the file's layout."""
Arrays = Mapping[str, Array]
_PARTS = ("input", "output", "oracle", "eval32", "layer", "draw", "doubt")
"""The first step of a tensor's name: `output/random-0/probabilities`."""


@dataclass(frozen=True)
class Environment:
    """Where and how Keras ran."""

    backend: str = ""
    device: str = "cpu"
    device_name: str = ""
    driver: str = ""
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    flags: Mapping[str, str] = field(default_factory=dict[str, str])
    """Settings that change results, such as TF32."""
    model: str = ""
    """The fingerprint of the model: a hash of its file or of its config and weights."""


@dataclass(frozen=True)
class Recording:
    """One batch and its outputs by public name. `oracle` and `eval32` are None until a graph was evaluated."""

    batch: Batch
    outputs: Arrays
    oracle: Arrays | None = None
    eval32: Arrays | None = None
    layers: Arrays = field(default_factory=dict[str, Array])
    """Keras' activations by layer path, if they were recorded."""
    draws: Arrays = field(default_factory=dict[str, Array])
    """The random numbers that Keras drew, by the number of the draw in the captured graph."""
    doubtful: Arrays = field(default_factory=dict[str, Array])
    """Masks of the output elements that rounding decides, such as boxes whose scores tie."""


@dataclass(frozen=True)
class Reference:
    """The recorded outputs of Keras.

    `compute` is the coarsest float type used inside the model, `random` the outputs that depend on random numbers.
    """

    contract: Contract
    recordings: tuple[Recording, ...]
    environment: Environment = Environment()
    compute: str = "f32"
    random: tuple[str, ...] = ()

    @property
    def has_oracle(self) -> bool:
        return all(r.oracle is not None and r.eval32 is not None for r in self.recordings)


def save_reference(reference: Reference, path: Path) -> None:
    """Write a reference; the bytes do not depend on time or place.

    Raises:
        VerifyError: the reference contradicts itself, or the disk refuses.
    """
    _check(reference, str(path))
    tensors: dict[str, Array] = {}
    for r in reference.recordings:
        groups = (r.batch.inputs, r.outputs, r.oracle or {}, r.eval32 or {}, r.layers, r.draws, r.doubtful)
        for part, arrays in zip(_PARTS, groups, strict=True):
            tensors |= {f"{part}/{r.batch.name}/{name}": array for name, array in arrays.items()}
    batches = [
        {k: getattr(r.batch, k) for k in ("name", "kind", "sizes", "seed")} | {"layers": list(r.layers)}
        for r in reference.recordings
    ]
    metadata = {
        "format": FORMAT,
        "contract": reference.contract.to_json(),
        "compute": reference.compute,
        "environment": reference.environment,
        "batches": batches,
        "random": reference.random,
    }
    save_tensors(path, tensors, metadata)


def load_reference(path: Path) -> Reference:
    """Read a reference and check it completely.

    Raises:
        VerifyError: no file, a truncated or changed one, missing tensors, shapes that do not fit the contract.
    """
    tensors, data = load_tensors(path)
    if data.get("format") != FORMAT:
        raise VerifyError(
            f"the file has format {data.get('format')!r}, this kexport reads {FORMAT}",
            where=str(path),
            hint="record it again",
        )
    try:
        validator("reference")(data)
        contract = Contract.from_json(data["contract"])
        recordings = tuple(_recording(tensors, b, contract, str(path)) for b in data["batches"])
        environment = Environment(**data["environment"])
        random = tuple(data.get("random", ()))
        reference = Reference(contract, recordings, environment, data["compute"], random)
    except (Malformed, GraphError) as e:
        what = f"the description of the tensors is damaged: {getattr(e, 'what', e)}"
        raise VerifyError(what, where=str(path), hint="record it again") from e
    _check(reference, str(path))
    return reference


def with_recordings(reference: Reference, recordings: Iterable[Recording]) -> Reference:
    """Return the same reference with other recordings."""
    return dataclasses.replace(reference, recordings=tuple(recordings))


def _recording(tensors: Arrays, data: Mapping[str, Any], contract: Contract, where: str) -> Recording:
    parts: dict[str, dict[str, Array]] = {}
    for part in _PARTS:
        head = f"{part}/{data['name']}/"
        parts[part] = {k.removeprefix(head): v for k, v in tensors.items() if k.startswith(head)}

    def ordered(part: str, ports: Sequence[Port]) -> dict[str, Array]:
        missing = [p.name for p in ports if p.name not in parts[part]]
        if missing:
            raise VerifyError(f"batch {data['name']!r} lacks {part} {', '.join(missing)}", where=where)
        return {p.name: parts[part][p.name] for p in ports}

    batch = Batch(data["name"], data["kind"], data["sizes"], ordered("input", contract.inputs), data["seed"])
    oracle, eval32 = (ordered(p, contract.outputs) if parts[p] else None for p in ("oracle", "eval32"))
    missing = [path for path in data["layers"] if path not in parts["layer"]]
    if missing:
        raise VerifyError(f"batch {data['name']!r} lacks the values of layer {missing[0]!r}", where=where)
    layers = {path: parts["layer"][path] for path in data["layers"]}
    outputs = ordered("output", contract.outputs)
    return Recording(batch, outputs, oracle, eval32, layers, parts["draw"], _masks(parts["doubt"], outputs, where))


def _masks(found: Arrays, outputs: Arrays, where: str) -> Arrays:
    """Return the doubtful elements of outputs."""
    for name, mask in found.items():
        if name not in outputs or mask.dtype != bool or mask.shape != outputs[name].shape:
            raise VerifyError(f"the doubtful elements of {name!r} do not fit the output", where=where)
    return found


def _check(reference: Reference, where: str) -> None:
    if not reference.recordings or not reference.contract.outputs:
        raise VerifyError("a reference without batches or outputs proves nothing", where=where)
    names = [r.batch.name for r in reference.recordings]
    if len(set(names)) != len(names) or any("/" in n for n in names):
        raise VerifyError(f"batch names must differ and have no slash: {', '.join(names)}", where=where)
    for r in reference.recordings:
        contract = reference.contract.bind(r.batch.sizes)
        _check_arrays("input", r.batch, contract.inputs, r.batch.inputs, where)
        _check_arrays("output", r.batch, contract.outputs, r.outputs, where)
        for part, arrays in (("oracle", r.oracle), ("eval32", r.eval32)):
            if arrays is not None:
                _check_arrays(part, r.batch, _like(r.outputs, contract.outputs), arrays, where, exact=False)


def _like(outputs: Arrays, ports: Sequence[Port]) -> list[Port]:
    """Return the ports with the shapes of Keras' outputs."""
    return [Port(p.name, p.type.with_shape(outputs[p.name].shape)) for p in ports]


def _check_arrays(
    part: str, batch: Batch, ports: Sequence[Port], arrays: Arrays, where: str, exact: bool = True
) -> None:
    place = f"batch {batch.name!r}, {part}"
    if list(arrays) != [p.name for p in ports]:
        raise VerifyError(f"{place}: has {list(arrays)}, the contract says {[p.name for p in ports]}", where=where)
    for port in ports:
        array = arrays[port.name]
        sizes = [d for d in port.type.shape if isinstance(d, int)]
        given = [n for n, d in zip(array.shape, port.type.shape, strict=False) if isinstance(d, int)]
        dtype_fits = DType.of(array.dtype) is port.type.dtype or (not exact and port.type.dtype.is_float)
        if array.ndim != port.type.rank or given != sizes or not dtype_fits:
            got = f"{array.dtype.name}{list(array.shape)}"
            raise VerifyError(f"{place} {port.name!r}: the contract says {port.type}, the array is {got}", where=where)
