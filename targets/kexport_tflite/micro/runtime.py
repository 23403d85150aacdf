"""TFLite Micro, the interpreter for microcontrollers, with its portable kernels. Imported when a model is loaded."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kexport.errors import EmitError, NotApplicable
from kexport.ir.op import Array
from kexport.target import Runtime, Session
from kexport_tflite.micro.outline import Outline, tensor_name, tensor_shape
from kexport_tflite.micro.resolver import ADDS
from kexport_tflite.micro.sizes import fixed
from kexport_tflite.writer import schema

PACKAGE = "tflite-micro"
LARGEST = 4 << 20
"""Bytes of the largest file that it runs unasked: what the flash of larger microcontrollers holds."""
_ROOM = 16 << 20
"""Bytes of the arena beyond four times all tensors, which stay untouched where they are not needed."""
_WORDS = 300
"""How many characters of what it prints are told."""


class TflmSession(Session):
    """A model in TFLite Micro; for inputs of other sizes it is loaded anew, with these sizes in the file."""

    def __init__(self, path: Path, outline: Outline, tensors: Sequence[str] | None = None):
        self._path = path
        self._outline = outline
        self._tensors = tensors
        self._shapes: list[tuple[int, ...]] | None = None
        self._interpreter: Any = None
        self._content = b""

    @property
    def note(self) -> str:
        """Whether what ran is the file itself."""
        return "with the sizes of each batch written into the file" if self._outline.open else ""

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name, or the inner tensors that were asked for."""
        arrays = [np.asarray(inputs[e.name], order="C") for e in self._outline.inputs]
        shapes = [a.shape for a in arrays]
        if shapes != self._shapes:
            self._content = fixed(self._path, self._outline, inputs)
            self._interpreter = interpreter(self._content, keep=self._tensors is not None)
            self._shapes = shapes
        run_once(self._interpreter, arrays)
        return self._inner() if self._tensors is not None else self._outer()

    def _outer(self) -> dict[str, Array]:
        ends = self._outline.outputs
        return {e.name: np.array(self._interpreter.get_output(i)) for i, e in enumerate(ends)}

    def _inner(self) -> dict[str, Array]:
        graph = schema().Model.GetRootAs(self._content, 0).Subgraphs(0)
        wanted = set(self._tensors or ())
        tensors = [graph.Tensors(i) for i in range(graph.TensorsLength())]
        found = {tensor_name(t): (i, t) for i, t in enumerate(tensors) if tensor_name(t) in wanted}
        return {name: _real(self._interpreter.GetTensor(i, 0)["tensor_data"], t) for name, (i, t) in found.items()}


class Tflm(Runtime):
    """TFLite Micro on this machine."""

    name = "tflm"
    extra = "mcu"
    saturates = True
    max_threads = 1

    @property
    def how_to_install(self) -> str:
        if sys.platform != "linux" or platform.machine() != "x86_64":
            return "its package is for Linux on x86-64 alone"
        return super().how_to_install

    def version(self) -> str | None:
        return installed()

    def volunteers(self, path: Path) -> bool:
        """Whether it runs a file unasked: one of integers that fits a microcontroller, or with C sources beside it."""
        if installed() is None or not path.is_file():
            return False
        if path.with_suffix(".cc").is_file():
            return True
        if path.stat().st_size > LARGEST:
            return False
        try:
            outline = Outline.read(path)
        except EmitError:
            return False
        can_be_fixed = not outline.open or outline.subgraphs == 1
        return outline.computes_integers and can_be_fixed and not unknown(outline)

    def load(self, path: Path, threads: int = 1) -> Session:
        """Load a model.

        Raises:
            NotApplicable: TFLite Micro cannot run it.
        """
        return TflmSession(path, _known(path))

    def tap(self, path: Path, tensors: Sequence[str], threads: int = 1) -> Session:
        """Load a model so that its inner tensors are kept.

        Raises:
            NotApplicable: TFLite Micro cannot run it.
        """
        return TflmSession(path, _known(path), tuple(tensors))


def installed() -> str | None:
    """The version that is installed."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return None


def unknown(outline: Outline) -> list[str]:
    """The operators that TFLite Micro does not have."""
    return [name for name in outline.operators if name not in ADDS]


def interpreter(content: bytes, *, keep: bool = False, arena: int | None = None) -> Any:
    """An interpreter of a file's bytes; with `keep` it keeps inner tensors, else it records what it allocates.

    Raises:
        NotApplicable: TFLite Micro refuses the file.
    """
    from tflite_micro.python.tflite_micro.runtime import (  # pyright: ignore[reportMissingImports]  an extra
        Interpreter,
        InterpreterConfig,
    )

    config = InterpreterConfig.kPreserveAllTensors if keep else InterpreterConfig.kAllocationRecording
    with _declining("load"):
        return Interpreter.from_bytes(content, arena_size=arena or _enough(content), intrepreter_config=config)


def run_once(loaded: Any, inputs: Sequence[Array]) -> None:
    """Run an interpreter on inputs, in their order.

    Raises:
        NotApplicable: TFLite Micro cannot.
    """
    with _declining("run"):
        for index, array in enumerate(inputs):
            loaded.set_input(array, index)
        loaded.invoke()


@contextmanager
def heard() -> Iterator[BinaryIO]:
    """What libraries print to stderr while the block runs, in a file."""
    sys.stderr.flush()
    before = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield file
        finally:
            os.dup2(before, 2)
            os.close(before)


def _known(path: Path) -> Outline:
    """The outline of a file that has known operators only."""
    outline = Outline.read(path)
    if lacking := unknown(outline):
        raise NotApplicable(f"TFLite Micro has no {', '.join(lacking)}")
    return outline


@contextmanager
def _declining(what: str) -> Iterator[None]:
    """Turn what TFLite Micro raises and prints into NotApplicable: there are few types and forms that it takes."""
    with heard() as printed:
        try:
            yield
        except (RuntimeError, ValueError, TypeError) as e:
            printed.seek(0)
            words = " ".join(printed.read().decode(errors="replace").split())[:_WORDS]
            raise NotApplicable(f"TFLite Micro cannot {what} it: {words or e}") from e


def _enough(content: bytes) -> int:
    """Bytes of an arena that is large enough for a file."""
    model = schema().Model.GetRootAs(content, 0)
    total = 0
    for i in range(model.SubgraphsLength()):
        graph = model.Subgraphs(i)
        tensors = [graph.Tensors(k) for k in range(graph.TensorsLength())]
        total += sum(prod(tensor_shape(t)) * 8 for t in tensors if not model.Buffers(t.Buffer()).DataLength())
    return 4 * total + _ROOM


def _real(array: Array, tensor: Any) -> Array:
    """The numbers that integers stand for; other arrays as they are."""
    given = tensor.Quantization()
    if given is None or not given.ScaleLength():
        return np.array(array)
    shape = [1] * array.ndim
    if given.ScaleLength() > 1:
        shape[given.QuantizedDimension()] = given.ScaleLength()
    zeros = given.ZeroPointAsNumpy() if given.ZeroPointLength() else np.zeros(given.ScaleLength(), np.int64)
    return (array.astype(np.float32) - zeros.reshape(shape)) * given.ScaleAsNumpy().reshape(shape)
