"""What a microcontroller has to know of a file: its operators, its inputs and outputs, and whether sizes are open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kexport_tflite.emission import SIGNATURE
from kexport_tflite.reader import opened
from kexport_tflite.writer import schema


@dataclass(frozen=True)
class End:
    """An input or output. Integers stand for the real numbers `scale * (integer - zero_point)`; 0 is no scale."""

    name: str
    type: str
    """The element type, as the schema calls it: `INT8`."""
    shape: tuple[int, ...]
    scale: float = 0.0
    zero_point: int = 0


@dataclass(frozen=True)
class Outline:
    """A file in brief. Inputs and outputs are in the order in which TFLite Micro numbers them."""

    operators: tuple[str, ...]
    """Each that is used, once, in alphabetical order."""
    inputs: tuple[End, ...]
    outputs: tuple[End, ...]
    open: tuple[str, ...]
    """The tensors that have a dynamic size."""
    subgraphs: int
    computes_integers: bool
    """Whether quantized integers go from one operator to the next."""

    @staticmethod
    def read(path: Path) -> Outline:
        """The outline of a file, whoever wrote it.

        Raises:
            EmitError: it is damaged.
        """
        with opened(path) as (model, _):
            return _outline(model)


def _outline(model: Any) -> Outline:
    graphs = [model.Subgraphs(i) for i in range(model.SubgraphsLength())]
    graph = graphs[0]
    names = _signature(model)
    return Outline(
        operators=tuple(sorted({operator_name(model, o) for g in graphs for o in _operators(g)})),
        inputs=tuple(_end(graph, graph.Inputs(i), names) for i in range(graph.InputsLength())),
        outputs=tuple(_end(graph, graph.Outputs(i), names) for i in range(graph.OutputsLength())),
        open=tuple(tensor_name(t) for g in graphs for t in _tensors(g) if _is_open(t)),
        subgraphs=len(graphs),
        computes_integers=any(_is_integer(g.Tensors(t)) for g in graphs for o in _operators(g) for t in _results(o)),
    )


def operator_calls(path: Path) -> list[str]:
    """The operator of each call in a file, bodies of loops and branches included.

    Raises:
        EmitError: it is damaged.
    """
    with opened(path) as (model, _):
        graphs = (model.Subgraphs(i) for i in range(model.SubgraphsLength()))
        return [operator_name(model, o) for g in graphs for o in _operators(g)]


def operator_name(model: Any, operator: Any) -> str:
    """The builtin operator that is called, or the name of a custom one."""
    code = model.OperatorCodes(operator.OpcodeIndex())
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if number == schema().BuiltinOperator.CUSTOM:
        return (code.CustomCode() or b"CUSTOM").decode(errors="replace")
    known = {v: k for k, v in vars(schema().BuiltinOperator).items() if isinstance(v, int)}
    return known.get(number, f"operator {number}")


def tensor_name(tensor: Any) -> str:
    """The name of a tensor."""
    return (tensor.Name() or b"").decode(errors="replace")


def tensor_shape(tensor: Any) -> tuple[int, ...]:
    """The shape of a tensor, with default sizes where they are dynamic."""
    return tuple(tensor.Shape(i) for i in range(tensor.ShapeLength()))


def _operators(graph: Any) -> Iterator[Any]:
    return (graph.Operators(i) for i in range(graph.OperatorsLength()))


def _tensors(graph: Any) -> Iterator[Any]:
    return (graph.Tensors(i) for i in range(graph.TensorsLength()))


def _results(operator: Any) -> Iterator[int]:
    return (operator.Outputs(i) for i in range(operator.OutputsLength()))


def _is_open(tensor: Any) -> bool:
    return any(tensor.ShapeSignature(i) < 0 for i in range(tensor.ShapeSignatureLength()))


def _is_integer(tensor: Any) -> bool:
    quantized = tensor.Quantization() is not None and tensor.Quantization().ScaleLength() > 0
    return quantized and tensor.Type() in (schema().TensorType.INT8, schema().TensorType.INT16)


def _end(graph: Any, index: int, names: dict[int, str]) -> End:
    tensor = graph.Tensors(index)
    types = {v: k for k, v in vars(schema().TensorType).items() if isinstance(v, int)}
    given = tensor.Quantization()
    scale = float(given.Scale(0)) if given is not None and given.ScaleLength() else 0.0
    zero_point = int(given.ZeroPoint(0)) if given is not None and given.ZeroPointLength() else 0
    name = names.get(index) or tensor_name(tensor)
    return End(name, types.get(tensor.Type(), "?"), tensor_shape(tensor), scale, zero_point)


def _signature(model: Any) -> dict[int, str]:
    """The public names of tensors, where the file has our signature."""
    found: dict[int, str] = {}
    for i in range(model.SignatureDefsLength()):
        signature = model.SignatureDefs(i)
        if signature.SignatureKey() == SIGNATURE.encode() and signature.SubgraphIndex() == 0:
            ends = [signature.Inputs(k) for k in range(signature.InputsLength())]
            ends += [signature.Outputs(k) for k in range(signature.OutputsLength())]
            found |= {e.TensorIndex(): e.Name().decode(errors="replace") for e in ends}
    return found
