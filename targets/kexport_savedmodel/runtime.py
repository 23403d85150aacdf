"""TensorFlow itself. It is imported when an artifact is loaded, not before."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from kexport.errors import VerifyError
from kexport.ir.op import Array
from kexport.target import Runtime, Session
from kexport_savedmodel.writer import SIGNATURE


class TensorFlowSession(Session):
    """A SavedModel loaded in TensorFlow."""

    def __init__(self, loaded: Any, signature: Any, constant: Any):
        self._loaded = loaded  # the signature alone does not keep it alive
        self._signature, self._constant = signature, constant

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        found = self._signature(**{name: self._constant(array) for name, array in inputs.items()})
        return {name: tensor.numpy() for name, tensor in found.items()}


class TensorFlowCpu(Runtime):
    """`tf.saved_model.load` on the CPU."""

    name = "tensorflow-cpu"
    extra = "savedmodel"

    def version(self) -> str | None:
        for package in ("tensorflow", "tensorflow-cpu"):
            try:
                return version(package)
            except PackageNotFoundError:
                continue
        return None

    def load(self, path: Path, threads: int = 1) -> TensorFlowSession:
        """Load a model and find its signature.

        Raises:
            VerifyError: TensorFlow refuses it, or there is no such signature.
        """
        import tensorflow as tf

        try:
            tf.config.set_visible_devices([], "GPU")
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        except RuntimeError:
            pass  # it has been used in this process: its devices and threads are set
        try:
            loaded = tf.saved_model.load(str(path))
        except Exception as e:  # its errors share no base class
            raise VerifyError(f"TensorFlow refuses the model: {e}", where=str(path)) from e
        if SIGNATURE not in loaded.signatures:
            raise VerifyError(f"there is no signature {SIGNATURE}", where=str(path))
        return TensorFlowSession(loaded, loaded.signatures[SIGNATURE], tf.constant)
