"""ONNX Runtime, on the CPU and on NVIDIA GPUs. It is imported when an artifact is loaded, not before."""

from __future__ import annotations

import ctypes
import json
import math
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from kexport.errors import VerifyError
from kexport.ir.op import Array
from kexport.ir.types import DType
from kexport.target import Runtime, Session
from kexport.temporary import temporary_folder
from kexport_onnx.bfloat16 import named
from kexport_onnx.dtypes import CODES
from kexport_onnx.emission import CONTRACT_KEY
from kexport_onnx.origin import check_origin
from kexport_onnx.outputs import with_outputs
from kexport_onnx.profile import layer_seconds, node_names

_CUDA_OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
"""Full float32, and an algorithm that does not depend on timings."""


_FLOAT = "tensor(float)"
_BFLOAT16 = "tensor(bfloat16)"
_EXTERNAL_FOLDER = "session.model_external_initializers_file_folder_path"
"""Where weights beside a model are, when the model itself comes as bytes."""


WARM_RUNS = 3
"""Runs before those that a profile counts."""


class OnnxSession(Session):
    """A model loaded in ONNX Runtime."""

    def __init__(self, session: Any, outputs: Sequence[str] | None = None):
        self._session = session
        self._outputs = [o.name for o in session.get_outputs()] if outputs is None else list(outputs)
        types = [v.type for v in (*session.get_inputs(), *session.get_outputs())]
        self._halves = named(session.get_modelmeta().custom_metadata_map.get(CONTRACT_KEY))
        floats = {v.name for v in (*session.get_inputs(), *session.get_outputs()) if v.type == _FLOAT}
        self._halves &= floats
        self._run = self._run_values if _BFLOAT16 in types else self._run_arrays

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        if not self._halves:
            return dict(zip(self._outputs, self._run(inputs), strict=True))
        given = {k: v.astype(np.float32) if k in self._halves else v for k, v in inputs.items()}
        found = dict(zip(self._outputs, self._run(given), strict=True))
        return {k: v.astype(DType.BF16.numpy) if k in self._halves else v for k, v in found.items()}

    def _run_arrays(self, inputs: Mapping[str, Array]) -> list[Array]:
        return self._session.run(self._outputs, dict(inputs))

    def _run_values(self, inputs: Mapping[str, Array]) -> list[Array]:
        """By way of its own tensors: it takes no numpy array of bfloat16, but the bits as 16-bit integers."""
        values = {name: _to_value(np.ascontiguousarray(array)) for name, array in inputs.items()}
        return [_from_value(v) for v in self._session.run_with_ort_values(self._outputs, values)]


def _to_value(array: Array) -> Any:
    from onnxruntime import OrtValue

    if array.dtype != DType.BF16.numpy:
        return OrtValue.ortvalue_from_numpy(array)
    return OrtValue.ortvalue_from_numpy_with_onnx_type(array.view(np.uint16), CODES[DType.BF16])


def _from_value(value: Any) -> Array:
    if value.data_type() != _BFLOAT16:
        return value.numpy()
    bits = (ctypes.c_uint16 * math.prod(value.shape())).from_address(value.data_ptr())
    return np.array(bits, np.uint16).view(DType.BF16.numpy).reshape(value.shape())


class OnnxRuntime(Runtime):
    """ONNX Runtime with one execution provider."""

    engine = "onnxruntime"
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
        return OnnxSession(self._session(path, path, threads))

    def tap(self, path: Path, tensors: Sequence[str], threads: int = 1) -> OnnxSession:
        """Load a model whose inner tensors became outputs, with the same optimizations as far as these allow."""
        model, found = with_outputs(path, tensors)
        return OnnxSession(self._session(model, path, threads), found)

    def profile(self, path: Path, inputs: Mapping[str, Array], runs: int, threads: int = 1) -> dict[str, float]:
        """Seconds by layer, from its own profiler, after runs that are not counted."""
        names = node_names(path)
        with temporary_folder() as folder:
            session = self._session(path, path, threads, profile=f"{folder}/profile")
            loaded = OnnxSession(session)
            for _ in range(WARM_RUNS + runs):
                loaded.run(inputs)
            events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        return layer_seconds(events, names, skip=WARM_RUNS)

    def _session(self, model: Path | bytes, path: Path, threads: int, profile: str = "") -> Any:
        check_origin(path)
        import onnxruntime as ort

        options = ort.SessionOptions()
        if profile:
            options.enable_profiling = True
            options.profile_file_prefix = profile
        if isinstance(model, bytes):
            options.add_session_config_entry(_EXTERNAL_FOLDER, str(path.absolute().parent))
        options.intra_op_num_threads = threads
        options.log_severity_level = 4  # what it refuses is raised
        available = ort.get_available_providers()
        if self.provider not in available:
            raise VerifyError(f"ONNX Runtime has no {self.provider} here", hint=f"it has {', '.join(available)}")
        providers = [(self.provider, dict(self.settings)), "CPUExecutionProvider"]
        try:
            session = ort.InferenceSession(model, options, providers=providers[: 1 if self.device == "cpu" else 2])
        except Exception as e:  # its errors share no base class
            raise VerifyError(f"ONNX Runtime refuses the model: {e}", where=str(path)) from e
        if session.get_providers()[0] != self.provider:
            raise VerifyError(f"ONNX Runtime could not start {self.provider}", where=str(path))
        return session


class OnnxRuntimeCpu(OnnxRuntime):
    """ONNX Runtime on the CPU."""

    name = "onnxruntime-cpu"
    extra = "onnx"
    package = "onnxruntime"
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
