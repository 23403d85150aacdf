"""Runs packages: in Core ML on macOS, and in the evaluator of ML programs elsewhere. Imports both on use."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import kexport
from kexport.errors import VerifyError
from kexport.ir.op import Array
from kexport.target import Runtime, Session, pip_install
from kexport_coreml.absent import absent
from kexport_coreml.border import Border
from kexport_coreml.description import PRECISION_KEY
from kexport_coreml.reader import read_contract, read_model
from kexport_coreml.weight_files import check_weight_files

LOADER_HINT = "this is a bug in kexport: please report it"
SHOWN = 8
"""The most operations named in a note."""
_UNWANTED = ("torch", "tensorflow", "sklearn", "transformers")
"""Packages that coremltools imports if installed, which takes seconds, although loading needs none of them."""


class CoremlSession(Session):
    """A package loaded in Core ML."""

    def __init__(self, model: Any, border: Border):
        self._model = model
        self._border = border

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return self._border.leave(self._model.predict(self._border.enter(inputs, pictures=True)))


class CoremlRuntime(Runtime):
    """Core ML on macOS, with all compute units."""

    name = "coreml"
    extra = "coreml"
    device = "all"
    units: ClassVar[str] = "ALL"

    @property
    def how_to_install(self) -> str:
        return super().how_to_install if sys.platform == "darwin" else "Core ML is a part of macOS"

    def version(self) -> str | None:
        return platform.mac_ver()[0] if sys.platform == "darwin" and find_spec("coremltools") else None

    def load(self, path: Path, threads: int = 1) -> CoremlSession:
        """Load a package.

        Raises:
            VerifyError: Core ML is not installed, or refuses the package.
        """
        if self.version() is None:
            raise VerifyError("Core ML runs on macOS only", hint="the runtime mil-evaluator simulates it elsewhere")
        model = read_model(path)
        check_weight_files(path, model)
        import coremltools

        try:
            units = getattr(coremltools.ComputeUnit, self.units)
            loaded = coremltools.models.MLModel(str(path), compute_units=units)
        except Exception as e:  # its errors share no base class
            raise VerifyError(f"Core ML refuses the package: {e}", where=str(path)) from e
        return CoremlSession(loaded, Border(model, read_contract(path)))


class CoremlCpu(CoremlRuntime):
    """Core ML on the CPU alone."""

    name = "coreml-cpu"
    device = "cpu"
    units = "CPU_ONLY"


class CoremlGpu(CoremlRuntime):
    """Core ML on CPU and GPU."""

    name = "coreml-gpu"
    device = "gpu"
    units = "CPU_AND_GPU"


class CoremlNeuralEngine(CoremlRuntime):
    """Core ML on CPU and Neural Engine."""

    name = "coreml-ne"
    device = "neural-engine"
    units = "CPU_AND_NE"


class EvaluatorSession(Session):
    """A package read back by the evaluator of ML programs."""

    def __init__(self, program: Any, border: Border, mode: str):
        self._program = program
        self._border = border
        self._mode = mode
        self._runs = 0
        self._overflows: dict[str, float] = {}

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return self._border.leave(self._run(inputs))

    def _run(self, inputs: Mapping[str, Array], keep: Sequence[str] = ()) -> dict[str, Any]:
        """Return the program's own outputs; random numbers differ in every run."""
        self._runs += 1
        results = self._program.run(self._border.enter(inputs), mode=self._mode, seed=self._runs, keep=keep)
        for overflow in self._program.overflows:
            self._overflows[overflow.op] = max(overflow.peak, self._overflows.get(overflow.op, 0.0))
        return results

    @property
    def note(self) -> str:
        """A note on results that float16 could not hold."""
        names = [f"{op} ({peak:.3g})" for op, peak in list(self._overflows.items())[:SHOWN]]
        more = f" and {len(self._overflows) - SHOWN} more" if len(self._overflows) > SHOWN else ""
        return f"float16 overflowed in {', '.join(names)}{more}" if names else ""

    @property
    def overflows(self) -> list[Any]:
        """What float16 could not hold in the last run: operation, value, and the magnitude."""
        return list(self._program.overflows)


class TappedSession(EvaluatorSession):
    """A package read back by the evaluator, which tells inner values."""

    def __init__(self, program: Any, border: Border, mode: str, tensors: Sequence[str]):
        super().__init__(program, border, mode)
        self._tensors = tuple(tensors)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        self._run(inputs, self._tensors)
        return dict(self._program.kept)


class MilEvaluator(Runtime):
    """Every operation of the saved package, computed in numpy by Apple's published semantics.

    It shows what the file means, but not how Core ML itself rounds, nor whether a device accepts the file.
    """

    name = "mil-evaluator"
    extra = "coreml"
    engine = "kexport_shared.mil"
    simulated = True

    def version(self) -> str | None:
        return kexport.__version__ if find_spec("kexport_shared.mil") and find_spec("coremltools") else None

    def load(self, path: Path, threads: int = 1) -> EvaluatorSession:
        """Read a package, after coremltools' own loader has accepted it.

        Raises:
            VerifyError: one of them refuses it.
        """
        return EvaluatorSession(*_program(path))

    def tap(self, path: Path, tensors: Sequence[str], threads: int = 1) -> TappedSession:
        """Read a package, and keep inner values while it runs.

        Raises:
            VerifyError: coremltools' loader or the evaluator refuses it.
        """
        return TappedSession(*_program(path), tensors)


def _program(path: Path) -> tuple[Any, Border, str]:
    """The program, what brings inputs to it, and the mode that it was made for."""
    import kexport_shared.mil

    model = read_model(path)
    check_weight_files(path, model)
    load_with_coremltools(path)
    half = model.description.metadata.userDefined.get(PRECISION_KEY) == "float16"
    return kexport_shared.mil.load(path), Border(model, read_contract(path)), "float16" if half else "float32"


def load_with_coremltools(path: Path) -> Any:
    """The program as coremltools' MIL frontend reads it: it infers every type anew, and compares.

    Raises:
        VerifyError: it refuses the package; says why.
    """
    _version("coremltools")
    with absent(*_UNWANTED):
        from coremltools.converters.mil.frontend.milproto.load import load
        from coremltools.models.utils import load_spec
    spec: Any = load_spec(str(path))
    weights = path / "Data" / "com.apple.CoreML" / "weights"
    try:
        return load(spec, spec.specificationVersion, str(weights))
    except Exception as e:  # its errors share no base class
        raise VerifyError(f"coremltools refuses the package: {e}", where=str(path), hint=LOADER_HINT) from e


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError as e:
        raise VerifyError(f"{package} is not installed", hint=pip_install("coreml")) from e
