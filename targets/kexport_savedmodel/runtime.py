"""TensorFlow itself. It is imported when an artifact is loaded, not before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from kexport.errors import VerifyError
from kexport.ir.op import Array
from kexport.target import Runtime, Session
from kexport_savedmodel.lint import check_origin
from kexport_savedmodel.reader import read_inputs
from kexport_savedmodel.writer import SIGNATURE


class TensorFlowSession(Session):
    """A SavedModel loaded in TensorFlow."""

    def __init__(self, loaded: Any, signature: Any, constant: Any):
        self._loaded = loaded  # the signature alone does not keep it alive
        self._signature = signature
        self._constant = constant

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        found = self._signature(**{name: self._constant(array) for name, array in inputs.items()})
        return {name: _array(tensor) for name, tensor in found.items()}


def _array(tensor: Any) -> Array:
    """A result; text, of which TensorFlow gives the bytes, as `str`."""
    found = np.asarray(tensor.numpy())
    if found.dtype.kind not in "OS":
        return found
    text = [t.decode("utf-8", "replace") for t in found.reshape(-1).tolist()]
    return np.array(text, object).reshape(found.shape)


class TappedSession(Session):
    """A SavedModel cut so that it gives inner tensors."""

    def __init__(self, loaded: Any, cut: Any, inputs: Sequence[str], names: Sequence[str], constant: Any):
        self._loaded = loaded
        self._cut = cut
        self._inputs = list(inputs)
        self._names = list(names)
        self._constant = constant

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        found = self._cut(*(self._constant(inputs[name]) for name in self._inputs))
        return {name: _array(tensor) for name, tensor in zip(self._names, found, strict=True)}


class TensorFlowCpu(Runtime):
    """`tf.saved_model.load` on the CPU."""

    name = "tensorflow-cpu"
    engine = "tensorflow"
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
        tf, loaded = _loaded(path, threads)
        return TensorFlowSession(loaded, loaded.signatures[SIGNATURE], tf.constant)

    def tap(self, path: Path, tensors: Sequence[str], threads: int = 1) -> TappedSession:
        """Load a model and cut it at inner tensors.

        Raises:
            VerifyError: TensorFlow refuses it, or there is no such signature.
        """
        tf, loaded = _loaded(path, threads)
        graph = loaded.graph
        known = {node.name for node in graph.get_operations()}
        names = [name for name in dict.fromkeys(tensors) if name.partition(":")[0] in known]
        feeds = read_inputs(path)
        fetches = [graph.get_tensor_by_name(name if ":" in name else f"{name}:0") for name in names]
        cut = loaded.prune([graph.get_tensor_by_name(name) for name in feeds.values()], fetches)
        return TappedSession(loaded, cut, list(feeds), names, tf.constant)


def _loaded(path: Path, threads: int) -> tuple[Any, Any]:
    """TensorFlow, and the model loaded in it, after it was found to be one of ours."""
    check_origin(path)
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
    return tf, loaded
