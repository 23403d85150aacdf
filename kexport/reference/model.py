"""Loads a .keras file on Keras' current backend, and describes its inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kexport.capture.fingerprint import fingerprint_of, keras_config
from kexport.capture.reading import Custom
from kexport.capture.sources.archive import read_archive
from kexport.capture.sources.config import references
from kexport.capture.sources.custom import custom_objects, name_objects, named_by_file
from kexport.capture.sources.guard import refuse
from kexport.capture.sources.judge3 import keras3_judge
from kexport.capture.sources.keras3_limits import limited
from kexport.capture.sources.lambdas import with_config
from kexport.capture.sources.limits import within
from kexport.capture.sources.live import functional_of, functional_plan, output_names
from kexport.capture.sources.newer import for_this_keras
from kexport.capture.sources.structure import flatten, unique
from kexport.capture.sources.subclassed import subclassed_plan
from kexport.capture.symbols import Symbols
from kexport.errors import CaptureError, ConfigError
from kexport.evidence.ranges import PIXELS, Range
from kexport.evidence.words import Words
from kexport.ir.contract import Contract, Port
from kexport.ir.dim import Dim, symbol
from kexport.ir.types import DType, TensorType

SAVE_HINT = "load it in Keras 3 and save it with model.save('model.keras')"


@dataclass(frozen=True)
class Plan:
    """How to call a model with flat arrays. `by_name`: the packed nest is keyword arguments of `call`."""

    contract: Contract
    pack: Callable[[Sequence[Any]], Any]
    by_name: bool = False


def load_model(path: Path, *, trust: bool = False, custom: Custom = ()) -> Any:
    """Load the model of a .keras file; code in the file is refused unless `trust` is given.

    Raises:
        ConfigError: there is no such file, or it is of another kind.
        CaptureError: it is damaged, carries code, or Keras cannot load it.
    """
    import keras

    if path.suffix != ".keras" or not path.is_file():
        what = "is no .keras file" if path.exists() else "does not exist"
        raise ConfigError(f"a reference is recorded from a .keras file, this {what}", where=str(path), hint=SAVE_HINT)
    archive = read_archive(path)
    if archive.keras_version.startswith("2."):
        raise ConfigError(f"the file is of Keras {archive.keras_version}", where=str(path), hint=SAVE_HINT)
    present = for_this_keras(archive.config, archive.keras_version, path)
    found = references(present)
    objects = custom_objects(custom)
    if trust:
        objects = {**named_by_file(r for r in found if r.name not in objects), **objects}
    objects = name_objects(objects, found)
    note = f"the file was written by Keras {archive.keras_version}, this is Keras {keras.__version__}"
    refuse(found, keras3_judge(keras, objects), str(path), note, trust=trust)
    place = nullcontext(path) if present is archive.config else with_config(path, present)
    try:
        with within(str(path)), limited(keras, path), place as file:
            return keras.models.load_model(file, custom_objects=objects, compile=False, safe_mode=not trust)
    except Exception as e:
        first = next((line.strip() for line in str(e).splitlines() if line.strip()), "")
        where = f"Keras {keras.__version__} on {keras.backend.backend()}"
        raise CaptureError(f"{where} cannot load it: {type(e).__name__}: {first}", where=str(path)) from e


def plan_model(model: Any, contract: Contract | None, dims: Mapping[str, int | str] | None = None) -> Plan:
    """Describe how to call a model. The contract is read off the Keras model unless it is given.

    Inputs and outputs are called as capture calls them. The sizes of outputs that are open get symbols of their own.

    Raises:
        ConfigError: a subclassed model without a contract, or a contract with other inputs.
        CaptureError: a subclassed model that was not built.
    """
    functional = functional_of(model)
    if functional is None:
        if contract is None:
            raise ConfigError(
                "the outputs of a subclassed model are known only after it was exported",
                where=model.name,
                hint="export it first and give the reference that was written, so that its batches are run again",
            )
        specs, _, pack, by_name = subclassed_plan(model, None)
    else:
        specs, structure, pack = functional_plan(model, functional)
        by_name = False
        contract = contract or _contract(functional, Symbols(specs, dims).types(), [s.name for s in specs], structure)
    names = [p.name for p in contract.inputs]
    if [s.name for s in specs] != names:
        given = ", ".join(s.name for s in specs)
        raise ConfigError(f"the inputs are {given}; the reference has {', '.join(names)}", where=model.name)
    return Plan(contract, pack, by_name)


def model_fingerprint(model: Any) -> str:
    """The fingerprint that capture gives the same model on TensorFlow."""
    import keras

    return fingerprint_of(
        keras_config(model), ((w.path, np.asarray(keras.ops.convert_to_numpy(w))) for w in model.weights)
    )


def guess_ranges(model: Any) -> dict[str, Range | Words]:
    """Return the values that an input may hold if an Embedding, a Rescaling or a text layer reads it, by input name."""
    found: dict[str, Range | Words] = {}
    for layer in getattr(model, "layers", ()):
        limits = _limits(layer)
        for node in layer._inbound_nodes if limits else ():
            for tensor in node.input_tensors:
                found[tensor._keras_history.operation.name] = limits
    return found


def _limits(layer: Any) -> Any:
    match type(layer).__name__:
        case "Embedding":
            return Range("integers", 0, layer.input_dim - 1)
        case "Rescaling":
            return PIXELS
        case "TextVectorization" | "StringLookup" as kind if not getattr(layer, "invert", False):
            known = tuple(t for t in layer.get_vocabulary(include_special_tokens=False) if t)
            return Words(known, kind == "TextVectorization", closed=getattr(layer, "num_oov_indices", 1) == 0)
        case _:
            return None


def _contract(functional: Any, types: Sequence[TensorType], names: Sequence[str], structure: Any) -> Contract:
    inputs = tuple(Port(n, t) for n, t in zip(names, types, strict=True))
    batch = next((t.shape[0] for t in types if t.rank), 1)
    wanted = unique(output_names(functional), names)
    outputs = tuple(_output(n, t, batch) for n, t in zip(wanted, functional.outputs, strict=True))
    return Contract(inputs, outputs, structure, flatten(functional._outputs_struct)[1])


def _output(name: str, tensor: Any, batch: Dim) -> Port:
    stem = re.sub(r"\W", "_", f"_{name}" if name[:1].isdigit() else name)
    dims = [
        size if size is not None else batch if axis == 0 else symbol(f"{stem}_{axis}")
        for axis, size in enumerate(tensor.shape)
    ]
    element = DType.STRING if tensor.dtype == "string" else DType.of(tensor.dtype)
    return Port(name, TensorType(element, tuple(dims)))
