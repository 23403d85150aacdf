"""Reads packages back: the model message, and the contract that inputs, outputs and metadata tell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kexport.errors import EmitError
from kexport.ir.contract import Contract, Port
from kexport.ir.dim import Dim, symbol
from kexport.ir.types import TensorType
from kexport.paths import inside
from kexport_coreml import proto
from kexport_coreml.description import CONTRACT_KEY, NAMES_KEY
from kexport_coreml.dtypes import ARRAY_DTYPES, at_the_border

MANIFEST = "Manifest.json"
DATA = "Data"


def model_path(path: Path) -> Path:
    """The model file that the manifest of a package names.

    Raises:
        EmitError: there is no manifest, it is damaged, or what it names is not there.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        items = manifest["itemInfoEntries"]
        data = inside(path, DATA, EmitError)
        files = {key: inside(data, entry["path"], EmitError) for key, entry in items.items()}
        root = files[manifest["rootModelIdentifier"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise EmitError(f"the manifest cannot be read: {e}", where=str(path)) from e
    lost = [str(f.relative_to(path)) for f in files.values() if not f.exists()]
    if lost:
        raise EmitError(f"the manifest names {', '.join(lost)}, which is not there", where=str(path))
    return root


def read_model(path: Path) -> Any:
    """The `Model` message of a package.

    Raises:
        EmitError: it is damaged, or no ML program.
    """
    from google.protobuf.message import DecodeError

    try:
        model = proto.model().Model.FromString(model_path(path).read_bytes())
    except DecodeError as e:
        raise EmitError(f"this is no Core ML model: {e}", where=str(path)) from e
    if model.WhichOneof("Type") != "mlProgram":
        raise EmitError("this is no ML program", where=str(path))
    return model


def read_contract(path: Path) -> Contract:
    """The contract kept in the metadata, after it was found in the model itself; else what the model declares.

    Raises:
        EmitError: the package is damaged, or its inputs and outputs are not those of the contract.
    """
    model = read_model(path)
    kept = model.description.metadata.userDefined
    try:
        text = kept.get(CONTRACT_KEY)
        names = json.loads(kept.get(NAMES_KEY, "{}"))
        contract = Contract.from_json(json.loads(text)) if text else None
    except (ValueError, KeyError, TypeError) as e:
        raise EmitError(f"the contract in the metadata is damaged: {e}", where=str(path)) from e
    if contract is None:
        return _declared(model)
    half = model.specificationVersion >= 7
    for word, ports in (("inputs", contract.inputs), ("outputs", contract.outputs)):
        features = _features(model, word[:-1])
        problem = _difference(features, ports, names.get(word, {}), half)
        if problem:
            raise EmitError(f"the {word} are not those of the contract: {problem}", where=str(path))
    return contract


def public_names(model: Any) -> dict[str, dict[str, str]]:
    """Names that Core ML doesn't allow, by those that stand for them: of `inputs` and of `outputs`."""
    return json.loads(model.description.metadata.userDefined.get(NAMES_KEY, "{}"))


def _features(model: Any, word: str) -> list[Any]:
    return [f for f in getattr(model.description, word) if f.type.WhichOneof("Type") in ("multiArrayType", "imageType")]


def _difference(features: list[Any], ports: Iterable[Port], names: Mapping[str, str], half: bool) -> str:
    found = [names.get(f.name, f.name) for f in features]
    wanted = [p.name for p in ports]
    if found != wanted:
        return f"{', '.join(found)} instead of {', '.join(wanted)}"
    for feature, port in zip(features, ports, strict=True):
        if feature.type.WhichOneof("Type") != "multiArrayType":
            continue
        dtype = ARRAY_DTYPES.get(feature.type.multiArrayType.dataType)
        if dtype is not at_the_border(port.type.dtype, half):
            return f"{port.name!r} is {dtype}, which cannot stand for {port.type.dtype}"
        shape = list(feature.type.multiArrayType.shape)
        sizes = port.type.shape or (1,)
        if shape and (
            len(shape) != len(sizes) or any(isinstance(d, int) and d != s for d, s in zip(sizes, shape, strict=True))
        ):
            return f"{port.name!r} has shape {shape}, which is not {port.type}"
    return ""


def _declared(model: Any) -> Contract:
    ports = {word: tuple(_port(f, i) for i, f in enumerate(_features(model, word))) for word in ("input", "output")}
    return Contract(ports["input"], ports["output"])


def _port(feature: Any, position: int) -> Port:
    array = feature.type.multiArrayType
    if feature.type.WhichOneof("Type") != "multiArrayType" or array.dataType not in ARRAY_DTYPES:
        raise EmitError(f"{feature.name!r} is of a type that kexport does not know")
    dims: list[Dim] = list(array.shape)
    ranges = [(r.lowerBound, r.upperBound) for r in array.shapeRange.sizeRanges]
    several = list(zip(*(s.shape for s in array.enumeratedShapes.shapes), strict=True)) or ranges
    for axis, sizes in enumerate(several):
        if len(set(sizes)) > 1:
            dims[axis] = symbol(f"dim_{position}_{axis}")
    return Port(feature.name, TensorType(ARRAY_DTYPES[array.dataType], tuple(dims)))
