"""Reads the user's own inputs: an .npz, .npy or .safetensors file, or a folder of them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kexport.errors import ConfigError, GraphError
from kexport.evidence.batches import Batch
from kexport.evidence.safetensors_file import read_file
from kexport.ir.contract import Contract, Port
from kexport.ir.dim import is_symbol
from kexport.ir.evaluator import bind_inputs
from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport.names import suggest

ROWS = 8
"""Samples per batch if the batch is dynamic."""
LIMIT = 32
"""Samples read unless the caller says otherwise."""
SUFFIXES = (".npz", ".npy", ".safetensors")


@dataclass(frozen=True)
class Samples:
    """The user's own inputs: their file, and whether to use no others."""

    path: Path | None = None
    only: bool = False


def load_samples(path: Path, contract: Contract, limit: int = LIMIT) -> list[Batch]:
    """Read batches from a file, or from a folder's files in order of name.

    Each file has one array per input, with samples on the first axis; a missing batch axis is added, and numbers are
    converted if only precision is lost.

    Raises:
        ConfigError: nothing to read, a broken file, missing or unknown inputs, shapes or types that do not fit.
    """
    files = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES) if path.is_dir() else [path]
    if not files or not files[0].exists():
        raise ConfigError("there are no samples", where=str(path), hint=f"give a file, or a folder of {SUFFIXES}")
    batches: list[Batch] = []
    for file in files:
        if limit <= 0:
            break
        arrays = _fit(_read(file, contract), contract, file)
        for i, part in enumerate(_parts(arrays, contract, limit, file)):
            sizes = {k: int(v) for k, v in _bind(part, contract, file).items()}  # type: ignore[arg-type]
            batches.append(Batch(f"{file.stem}-{i}", "sample", sizes, part))
            first = next(iter(part.values()))
            limit -= first.shape[0] if first.ndim else 1
    return batches


def _read(file: Path, contract: Contract) -> Mapping[str, Array]:
    try:
        if file.suffix == ".safetensors":
            return read_file(file)[0]
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return dict.fromkeys([contract.inputs[0].name], loaded)
        with loaded:
            return {k: loaded[k] for k in loaded.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as e:
        raise ConfigError(f"the samples cannot be read: {e}", where=str(file)) from e


def _fit(arrays: Mapping[str, Array], contract: Contract, file: Path) -> dict[str, Array]:
    names = [p.name for p in contract.inputs]
    if sorted(arrays) != sorted(names):
        what = f"the samples are called {', '.join(sorted(arrays)) or 'nothing'}, the inputs {', '.join(names)}"
        strangers = [f"; {suggest(n, names, 'inputs')}" for n in sorted(arrays) if n not in names]
        hint = "give one array per input, by its name" + "".join(strangers[:1])
        raise ConfigError(what, where=str(file), hint=hint)
    return {p.name: _convert(arrays[p.name], p, file) for p in contract.inputs}


def _convert(array: Array, port: Port, file: Path) -> Array:
    wanted = port.type.dtype.numpy
    array = np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
    is_text = array.dtype.kind == "U", port.type.dtype is DType.STRING
    if len(set(is_text)) > 1 or not (array.dtype == wanted or np.can_cast(array.dtype, wanted, "same_kind")):
        raise ConfigError(
            f"input {port.name!r} is {port.type}, the samples are {array.dtype}", where=str(file), hint="convert them"
        )
    converted = array.astype(wanted)
    if array.dtype.kind in "iu" and not np.array_equal(converted, array):
        raise ConfigError(f"samples of input {port.name!r} do not fit into {port.type.dtype}", where=str(file))
    return converted[None] if converted.ndim == port.type.rank - 1 else converted


def _bind(arrays: Mapping[str, Array], contract: Contract, file: Path) -> Mapping[str, object]:
    try:
        return bind_inputs([(p.name, p.type) for p in contract.inputs], [arrays[p.name] for p in contract.inputs])
    except GraphError as e:
        raise ConfigError(e.what, where=str(file)) from e


def _parts(arrays: Mapping[str, Array], contract: Contract, limit: int, file: Path) -> Iterator[dict[str, Array]]:
    """Slice along the batch axis, by its fixed size or by `ROWS`; without one return everything at once."""
    leading = {p.type.shape[0] if p.type.rank else None for p in contract.inputs}
    dim = leading.pop() if len(leading) == 1 else None
    counts = {a.shape[0] if a.ndim else 0 for a in arrays.values()}
    if len(counts) != 1 or dim is None or not (isinstance(dim, int) or is_symbol(dim)):
        yield dict(arrays)
        return
    total = min(counts.pop(), limit)
    step = dim if isinstance(dim, int) else ROWS
    if isinstance(dim, int) and total < dim:
        raise ConfigError(f"the model takes batches of {dim}, there are {total} samples", where=str(file))
    stop = total - total % dim if isinstance(dim, int) else total
    for start in range(0, stop, step):
        yield {k: v[start : min(start + step, stop)] for k, v in arrays.items()}
