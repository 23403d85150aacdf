"""LiteRT three ways: with XNNPACK, with its plain kernels, through CompiledModel. Imported when a model is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from kexport.errors import NotApplicable, VerifyError
from kexport.ir.op import Array
from kexport.target import Runtime, Session
from kexport_tflite.emission import SIGNATURE
from kexport_tflite.outputs import with_outputs
from kexport_tflite.processor import lacks_atomics

PACKAGE = "ai-edge-litert"
_TRANSFERRED = ("float32", "float16", "bfloat16", "int32", "int8", "uint8", "bool")
"""Element types that tensor buffers take; others go through as bytes."""
_DECLINES = {
    "Failed to set custom allocation for output": "gives no outputs whose size is known only while it runs",
    "must have all static dimensions": "gives no empty tensors",
}
"""What CompiledModel cannot do with some right models: a part of its message, and the reason."""
_NOT_IN_REFERENCE = "Didn't find op for builtin opcode"
"""The resolver of reference kernels leaves out a few operators and versions."""


class InterpreterSession(Session):
    """A model in an Interpreter. Tensors are found by the names of the signature."""

    def __init__(self, interpreter: Any):
        self._interpreter = interpreter
        runner = interpreter._get_full_signature_list()[SIGNATURE]
        self._inputs: dict[str, int] = dict(runner["inputs"])
        names = {index: name for name, index in runner["outputs"].items()}  # in alphabetical order
        details = interpreter.get_output_details()
        self._outputs = {names[d["index"]]: d["index"] for d in details if d["index"] in names}
        self._shapes = {d["index"]: tuple(d["shape"]) for d in interpreter.get_input_details()}
        self._allocated = False

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name; inputs of another size than before change the size of the model."""
        self._resize(inputs)
        for name, index in self._inputs.items():
            self._interpreter.set_tensor(index, inputs[name])
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(index) for name, index in self._outputs.items()}

    def _resize(self, inputs: Mapping[str, Array]) -> None:
        for name, index in self._inputs.items():
            shape = inputs[name].shape
            if shape != self._shapes[index]:
                self._interpreter.resize_tensor_input(index, list(shape), strict=True)
                self._shapes[index] = shape
                self._allocated = False
        if not self._allocated:
            self._interpreter.allocate_tensors()
            self._allocated = True


class TappedSession(InterpreterSession):
    """A model whose outputs are inner tensors, found by their names; quantized ones come as real numbers."""

    def __init__(self, interpreter: Any, indices: Mapping[str, int]):
        super().__init__(interpreter)
        self._outputs = dict(indices)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        found = super().run(inputs)
        details = {d["index"]: d["quantization_parameters"] for d in self._interpreter.get_output_details()}
        return {name: _real(array, details[self._outputs[name]]) for name, array in found.items()}


class LitertXnnpack(Runtime):
    """The Interpreter as apps use it: XNNPACK takes what it can."""

    name = "litert-xnnpack"
    engine = "ai_edge_litert.interpreter"
    extra = "tflite"
    package = PACKAGE

    def version(self) -> str | None:
        return _installed()

    def load(self, path: Path, threads: int = 1) -> Session:
        """Load a model.

        Raises:
            VerifyError: LiteRT refuses it.
        """
        return InterpreterSession(_interpreter(path, threads, "AUTO"))

    def tap(self, path: Path, tensors: Sequence[str], threads: int = 1) -> Session:
        """Load a model whose inner tensors became outputs, which XNNPACK then keeps.

        Raises:
            VerifyError: LiteRT refuses it.
        """
        content, indices = with_outputs(path, tensors)
        return TappedSession(_interpreter(path, threads, "AUTO", content), indices)


class LitertReference(Runtime):
    """The Interpreter without delegates: reference kernels, or the optimized ones where an operator has no others."""

    name = "litert-reference"
    engine = "ai_edge_litert.interpreter"
    extra = "tflite"
    package = PACKAGE
    saturates = True

    def version(self) -> str | None:
        return _installed()

    def load(self, path: Path, threads: int = 1) -> Session:
        """Load a model.

        Raises:
            VerifyError: LiteRT refuses it.
        """
        return InterpreterSession(_reference_interpreter(path, threads))

    def tap(self, path: Path, tensors: Sequence[str], threads: int = 1) -> Session:
        """Load a model whose inner tensors became outputs.

        Raises:
            VerifyError: LiteRT refuses it.
        """
        content, indices = with_outputs(path, tensors)
        return TappedSession(_reference_interpreter(path, threads, content), indices)


class CompiledSession(Session):
    """A model in a CompiledModel, with buffers of the sizes of the last inputs."""

    def __init__(self, model: Any):
        self._model = model
        self._sizes: dict[str, tuple[int, ...]] | None = None
        self._buffers: tuple[dict[str, Any], dict[str, Any]] = {}, {}

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name; inputs of another size than before change the size of the model."""
        self._resize(inputs)
        given, made = self._buffers
        for name, buffer in given.items():
            buffer.write(_storable(inputs[name]))
        try:
            self._model.run_by_name(SIGNATURE, given, made)
        except RuntimeError as e:
            raise _declined(e) from e
        return {name: self._read(name, buffer) for name, buffer in made.items()}

    def _resize(self, inputs: Mapping[str, Array]) -> None:
        sizes = {name: array.shape for name, array in inputs.items()}
        if sizes == self._sizes:
            return
        details = self._model.get_input_tensor_details(SIGNATURE)
        for name, shape in sizes.items():
            if 0 in shape:
                raise NotApplicable("CompiledModel takes no empty tensors")
            if tuple(details[name]["shape"]) != shape:
                self._model.resize_input_tensor_by_name(SIGNATURE, name, list(shape))
        names = self._model.get_signature_list()[SIGNATURE]
        try:
            self._buffers = (
                {name: self._model.create_input_buffer_by_name(SIGNATURE, name) for name in names["inputs"]},
                {name: self._model.create_output_buffer_by_name(SIGNATURE, name) for name in names["outputs"]},
            )
        except RuntimeError as e:
            raise _declined(e) from e
        self._sizes = sizes

    def _read(self, name: str, buffer: Any) -> Array:
        details = buffer.get_tensor_details()
        shape = tuple(details["shape"])
        dtype = np.dtype(details["dtype"])
        if dtype.name in _TRANSFERRED:
            return buffer.read(math.prod(shape), dtype).reshape(shape)
        return buffer.read(math.prod(shape) * dtype.itemsize, np.int8).view(dtype).reshape(shape)


class LitertCompiled(Runtime):
    """CompiledModel, LiteRT's newer interface, on the CPU."""

    name = "litert-compiled"
    engine = "ai_edge_litert.compiled_model"
    extra = "tflite"
    package = PACKAGE

    def version(self) -> str | None:
        return _installed()

    def load(self, path: Path, threads: int = 1) -> Session:
        """Load a model.

        Raises:
            NotApplicable: its library would end the process on this processor.
            VerifyError: LiteRT refuses it.
        """
        if lacks_atomics():
            raise NotApplicable("CompiledModel needs Armv8.1's atomic instructions, which this processor lacks")
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.hardware_accelerator import HardwareAccelerator
        from ai_edge_litert.options import CpuOptions, Options

        options = Options(hardware_accelerators=HardwareAccelerator.CPU, cpu_options=CpuOptions(num_threads=threads))
        try:
            return CompiledSession(CompiledModel.from_file(str(path), options=options))
        except (RuntimeError, ValueError) as e:
            raise VerifyError(f"CompiledModel refuses the model: {e}", where=str(path)) from e


def shapes_for(path: Path, inputs: Sequence[Array]) -> dict[int, tuple[int, ...]]:
    """The shape of each tensor of the first subgraph, by index, when it is run on these inputs, in their order.

    After those of the file come temporary ones of the kernels.

    Raises:
        VerifyError: LiteRT refuses the model.
    """
    interpreter = _reference_interpreter(path, 1)
    details = interpreter.get_input_details()
    for detail, array in zip(details, inputs, strict=True):
        interpreter.resize_tensor_input(detail["index"], list(array.shape))
    interpreter.allocate_tensors()
    for detail, array in zip(details, inputs, strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return {d["index"]: tuple(int(n) for n in d["shape"]) for d in interpreter.get_tensor_details()}


def _installed() -> str | None:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return None


def _reference_interpreter(path: Path, threads: int, content: bytes | None = None) -> Any:
    try:
        return _interpreter(path, threads, "BUILTIN_REF", content)
    except VerifyError as e:
        if _NOT_IN_REFERENCE not in e.what:
            raise
        return _interpreter(path, threads, "BUILTIN_WITHOUT_DEFAULT_DELEGATES", content)


def _interpreter(path: Path, threads: int, resolver: str, content: bytes | None = None) -> Any:
    """An interpreter of a file, or of what stands for it."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    try:
        return Interpreter(
            model_path=str(path) if content is None else None,
            model_content=content,
            num_threads=threads,
            experimental_op_resolver_type=OpResolverType[resolver],
        )
    except (RuntimeError, ValueError) as e:
        raise VerifyError(f"LiteRT refuses the model: {e}", where=str(path)) from e


def _real(array: Array, quantization: Mapping[str, Any]) -> Array:
    """The numbers that integers stand for; other arrays as they are."""
    scales = quantization["scales"]
    zeros = quantization["zero_points"]
    if not len(scales):
        return array
    shape = [1] * array.ndim
    if len(scales) > 1:
        shape[quantization["quantized_dimension"]] = len(scales)
    return (array.astype(np.float32) - zeros.reshape(shape)) * scales.reshape(shape)


def _declined(error: RuntimeError) -> Exception:
    """What to raise for an error of CompiledModel: NotApplicable for what it cannot do, else the error itself."""
    reason = next((why for part, why in _DECLINES.items() if part in str(error)), None)
    return NotApplicable(f"CompiledModel {reason}") if reason else error


def _storable(array: Array) -> Array:
    """The array, as bytes where a tensor buffer does not take its element type."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat if flat.dtype.name in _TRANSFERRED else flat.view(np.int8)
