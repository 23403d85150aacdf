"""Small int8 models, written with the schema's own classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kexport_tflite.emission import SIGNATURE
from kexport_tflite.writer import IDENTIFIER, SCHEMA_VERSION, schema


def dense(path: Path, *, name: str = "x", batch: int = 1, units: int = 4) -> Path:
    """A fully connected layer of int8 and a softmax: 8 inputs, 4 outputs; a batch of -1 is dynamic."""
    s = schema()
    rng = np.random.default_rng(0)
    kernel = rng.integers(-127, 128, (units, 8)).astype(np.int8)
    bias = rng.integers(-900, 900, units).astype(np.int32)
    tensors = [
        _tensor(name, "INT8", (batch, 8), 0, 0.5, 3),
        _tensor("kernel", "INT8", kernel.shape, 1, 0.01, 0),
        _tensor("bias", "INT32", bias.shape, 2, 0.005, 0),
        _tensor("dense", "INT8", (batch, units), 0, 0.25, -5),
        _tensor("y", "INT8", (batch, units), 0, 1 / 256, -128),
    ]
    options = s.FullyConnectedOptionsT()
    operators = [
        _operator(0, (0, 1, 2), 3, s.BuiltinOptions.FullyConnectedOptions, options),
        _operator(1, (3,), 4, s.BuiltinOptions.SoftmaxOptions, s.SoftmaxOptionsT(beta=1.0)),
    ]
    graph = s.SubGraphT(tensors=tensors, operators=operators, inputs=_ints(0), outputs=_ints(4))
    return _write(path, graph, [_code("FULLY_CONNECTED", 4), _code("SOFTMAX", 2)], [kernel, bias], {name: 0}, {"y": 4})


def _write(
    path: Path, graph: Any, codes: list[Any], contents: list[Any], inputs: dict[str, int], outputs: dict[str, int]
) -> Path:
    import flatbuffers

    s = schema()
    signature = s.SignatureDefT(signatureKey=SIGNATURE, subgraphIndex=0, inputs=_maps(inputs), outputs=_maps(outputs))
    buffers = [s.BufferT(), *(s.BufferT(data=np.frombuffer(c.tobytes(), np.uint8)) for c in contents)]
    model = s.ModelT(
        version=SCHEMA_VERSION, operatorCodes=codes, subgraphs=[graph], buffers=buffers, signatureDefs=[signature]
    )
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    path.write_bytes(bytes(builder.Output()))
    return path


def _tensor(name: str, kind: str, shape: tuple[int, ...], buffer: int, scale: float, zero_point: int) -> Any:
    s = schema()
    quantized = s.QuantizationParametersT(
        scale=np.array([scale], np.float32), zeroPoint=np.array([zero_point], np.int64)
    )
    return s.TensorT(
        name=name,
        type=getattr(s.TensorType, kind),
        shape=_ints(*(abs(d) for d in shape)),
        buffer=buffer,
        shapeSignature=_ints(*shape) if -1 in shape else None,
        quantization=quantized,
        hasRank=True,
    )


def _operator(code: int, inputs: tuple[int, ...], output: int, kind: int, options: Any) -> Any:
    return schema().OperatorT(
        opcodeIndex=code, inputs=_ints(*inputs), outputs=_ints(output), builtinOptionsType=kind, builtinOptions=options
    )


def _code(name: str, version: int) -> Any:
    number = getattr(schema().BuiltinOperator, name)
    return schema().OperatorCodeT(builtinCode=number, deprecatedBuiltinCode=number, version=version)


def _maps(names: dict[str, int]) -> list[Any]:
    return [schema().TensorMapT(name=name, tensorIndex=index) for name, index in names.items()]


def _ints(*values: int) -> Any:
    return np.array(values, np.int32)
