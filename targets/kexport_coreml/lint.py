"""Finds what Core ML's parser refuses but coremltools' loader overlooks.

It reads the saved package: the manifest, the description against the program, every operation against its signature,
and every weight against the weight file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kexport.errors import EmitError
from kexport_coreml.dtypes import ARRAY_DTYPES
from kexport_coreml.lint_operations import Scope, check_operation
from kexport_coreml.lint_weights import WeightFile
from kexport_coreml.reader import model_path, read_model
from kexport_coreml.signatures import OPSETS
from kexport_coreml.values import Type
from kexport_coreml.weight_files import check_weight_files
from kexport_coreml.writer import WEIGHT_FILE

_SHOWN = 5
_IOS = {version: ios for ios, (_, version) in OPSETS.items()}


def validate(path: Path) -> None:
    """Check a package.

    Raises:
        EmitError: says what is wrong, the first few findings.
    """
    found = list(lint(path))
    if found:
        more = f" (and {len(found) - _SHOWN} more)" if len(found) > _SHOWN else ""
        raise EmitError("the package is not valid: " + "; ".join(found[:_SHOWN]) + more, where=str(path))


def lint(path: Path) -> Iterator[str]:
    """Everything that is wrong with a package.

    Raises:
        EmitError: it cannot even be read.
    """
    model = read_model(path)
    ios = _IOS.get(model.specificationVersion)
    if ios is None:
        yield f"specification version {model.specificationVersion} has no ML programs"
        return
    functions = model.mlProgram.functions
    if model.mlProgram.version != 1 or list(functions) != ["main"]:
        yield "the program must be of version 1 and have the function main alone"
        return
    function = functions["main"]
    opset = OPSETS[ios][0]
    if function.opset != opset or list(function.block_specializations) != [opset]:
        yield f"specification version {model.specificationVersion} goes with opset {opset}, not {function.opset}"
        return
    check_weight_files(path, model)
    weights = WeightFile.read(model_path(path).parent / "weights" / WEIGHT_FILE)
    yield from weights.problems
    yield from _lint_function(model, function, function.block_specializations[opset], ios, weights)


def _lint_function(model: Any, function: Any, block: Any, ios: int, weights: WeightFile) -> Iterator[str]:
    scope = Scope(ios, weights)
    for value in function.inputs:
        yield from scope.define(value, constant=False)
    for operation in block.operations:
        yield from check_operation(scope, operation)
    for name in block.outputs:
        if name not in scope.types:
            yield f"the program returns {name!r}, which nothing makes"
    yield from _lint_features("input", model.description.input, [v.name for v in function.inputs], scope)
    yield from _lint_features("output", model.description.output, list(block.outputs), scope)
    yield from _lint_classifier(model.description)


def _lint_features(word: str, features: Any, names: list[str], scope: Scope) -> Iterator[str]:
    declared = [f.name for f in features]
    if declared != names:
        yield f"the description has the {word}s {declared}, the program {names}"
        return
    for feature in features:
        kind = feature.type.WhichOneof("Type")
        type = scope.types.get(feature.name)
        if type is None:
            continue
        if kind == "multiArrayType":
            yield from _lint_array(word, feature.name, feature.type.multiArrayType, type)
        elif kind == "imageType":
            wanted = (1, 1 if feature.type.imageType.colorSpace == 10 else 3)
            if len(type.shape) != 4 or type.shape[:2] != wanted:
                yield f"{word} {feature.name!r} is an image, but of type {type}"


def _lint_array(word: str, name: str, array: Any, type: Type) -> Iterator[str]:
    dtype = ARRAY_DTYPES.get(array.dataType)
    if dtype is not type.dtype:
        yield f"{word} {name!r} is described as {dtype}, and is {type} in the program"
    shapes = [list(array.shape), *(list(s.shape) for s in array.enumeratedShapes.shapes)]
    if array.shapeRange.sizeRanges:
        for word2 in ("lowerBound", "upperBound"):
            shapes.append([getattr(r, word2) for r in array.shapeRange.sizeRanges])
    dynamic = None in type.shape
    if word == "input" and dynamic and not (array.shapeRange.sizeRanges or array.enumeratedShapes.shapes):
        yield f"input {name!r} of type {type} is described without a range of shapes"
    for shape in shapes:
        if not shape and (dynamic or not type.shape) and word == "output":
            continue
        fits = len(shape) == len(type.shape) and all(
            s >= 1 and t in (None, s) for s, t in zip(shape, type.shape, strict=True)
        )
        if not fits:
            yield f"{word} {name!r} is described with shape {shape}, and is {type} in the program"


def _lint_classifier(description: Any) -> Iterator[str]:
    outputs = {f.name: f.type.WhichOneof("Type") for f in description.output}
    for field, kind in (("predictedFeatureName", "stringType"), ("predictedProbabilitiesName", "dictionaryType")):
        name = getattr(description, field)
        if name and outputs.get(name) != kind:
            yield f"{field} is {name!r}, which is no output of type {kind}"
