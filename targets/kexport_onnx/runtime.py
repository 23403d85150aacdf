"""ONNX Runtime, on the CPU and on NVIDIA GPUs. It is imported when an artifact is loaded, not before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

from kexport.errors import VerifyError
from kexport.ir.op import Array
from kexport.target import Runtime, Session

_CUDA_OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
"""Full float32, and an algorithm that does not depend on timings."""


class OnnxSession(Session):
    """A model loaded in ONNX Runtime."""

    def __init__(self, session: Any):
        self._session = session
        self._outputs = [o.name for o in session.get_outputs()]

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return dict(zip(self._outputs, self._session.run(self._outputs, dict(inputs)), strict=True))


class OnnxRuntime(Runtime):
    """ONNX Runtime with one execution provider."""

    packages: ClassVar[Sequence[str]]
    """The distributions that bring it."""
    provider: ClassVar[str]
    settings: ClassVar[Mapping[str, str]] = {}

    def version(self) -> str | None:
        for package in self.packages:
            try:
                return version(package)
            except PackageNotFoundError:
                continue
        return None

    def load(self, path: Path, threads: int = 1) -> OnnxSession:
        """Load a model with ONNX Runtime's default optimizations.

        Raises:
            VerifyError: it is refused, or this provider is not there (ONNX Runtime would silently take the CPU).
        """
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        available = ort.get_available_providers()
        if self.provider not in available:
            raise VerifyError(f"ONNX Runtime has no {self.provider} here", hint=f"it has {', '.join(available)}")
        providers = [(self.provider, dict(self.settings)), "CPUExecutionProvider"]
        try:
            session = ort.InferenceSession(path, options, providers=providers[: 1 if self.device == "cpu" else 2])
        except Exception as e:  # its errors share no base class
            raise VerifyError(f"ONNX Runtime refuses the model: {e}", where=str(path)) from e
        if session.get_providers()[0] != self.provider:
            raise VerifyError(f"ONNX Runtime could not start {self.provider}", where=str(path))
        return OnnxSession(session)


class OnnxRuntimeCpu(OnnxRuntime):
    """ONNX Runtime on the CPU."""

    name = "onnxruntime-cpu"
    extra = "onnx"
    packages = ("onnxruntime", "onnxruntime-gpu")
    provider = "CPUExecutionProvider"


class OnnxRuntimeCuda(OnnxRuntime):
    """ONNX Runtime on an NVIDIA GPU."""

    name = "onnxruntime-cuda"
    extra = "onnx-gpu"
    device = "cuda"
    packages = ("onnxruntime-gpu",)
    provider = "CUDAExecutionProvider"
    settings = _CUDA_OPTIONS
