"""What a file or folder is that holds no Keras model, by its name and how it begins, so that a refusal can say it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Stranger(NamedTuple):
    """Something that is not a Keras model: what it is, and a command that does something with it."""

    what: str
    command: str = ""


_LOOK = "to look at it: kexport inspect {path}"
_CHECK = "to check what it holds: kexport verify {path}"
_ARTIFACTS = {
    ".onnx": "an ONNX model",
    ".tflite": "a TF Lite model",
    ".mlpackage": "a Core ML package",
    ".tfjs": "a TensorFlow.js model",
}
_OTHERS = {
    ".ort": "a model of ONNX Runtime's own format",
    ".mlmodel": "a Core ML model",
    ".mlmodelc": "a compiled Core ML model",
    ".pt": "a PyTorch model",
    ".pth": "a PyTorch model",
    ".pt2": "a PyTorch model",
    ".engine": "a TensorRT engine",
    ".gguf": "a GGUF model",
    ".pb": "a frozen TensorFlow graph",
    ".ckpt": "a checkpoint, weights alone",
    ".index": "a checkpoint, weights alone",
    ".npz": "a file of arrays",
    ".npy": "an array",
    ".kx": "the text of a graph",
    ".py": "Python code",
    ".json": "JSON",
    ".pkl": "a pickle",
    ".pickle": "a pickle",
}
_MORE = {
    ".py": "name a function in it that returns a model: {path}:NAME",
    ".json": "it has no weights: build the model in Python, load its weights, and save it: model.save('model.keras')",
    ".kx": "it has no weights, and is read by kexport report",
}
_BEGINNINGS: tuple[tuple[int, bytes, Stranger], ...] = (
    (4, b"TFL3", Stranger(_ARTIFACTS[".tflite"], "name it NAME.tflite, then: kexport inspect NAME.tflite")),
    (8, b'{"__metadata__"', Stranger("a safetensors file, tensors alone")),
    (0, b"{", Stranger("JSON")),
    (0, b"\x80", Stranger("a pickle")),
)
"""Offset, bytes found there, and what that makes of the file."""


def stranger(path: Path) -> Stranger | None:
    """What is known of a path that holds no Keras model."""
    suffix = path.suffix.lower()
    if suffix in _ARTIFACTS:
        return Stranger(_ARTIFACTS[suffix], _LOOK.format(path=path))
    if suffix == ".safetensors":
        return Stranger("a safetensors file, tensors alone")
    if suffix in _OTHERS:
        return Stranger(_OTHERS[suffix], _MORE.get(suffix, "").format(path=path))
    if path.is_dir():
        return _folder(path)
    return _bundle(path) if suffix == ".zip" else _beginning(path)


def _folder(path: Path) -> Stranger | None:
    if (path / "kexport.json").is_file():
        return Stranger("a folder that kexport export wrote", _CHECK.format(path=path))
    if (path / "model.json").is_file():
        return Stranger(_ARTIFACTS[".tfjs"], "name it NAME.tfjs, then: kexport inspect NAME.tfjs")
    models = sorted(p.name for p in path.iterdir() if p.suffix in (".keras", ".h5", ".hdf5"))
    return Stranger("a folder, no model", f"export what is in it: {path / models[0]}") if models else None


def _bundle(path: Path) -> Stranger | None:
    with path.open("rb") as file:
        is_ours = b"__main__.py" in file.read(64)
    return Stranger("a bundle of kexport", _CHECK.format(path=path)) if is_ours else None


def _beginning(path: Path) -> Stranger | None:
    with path.open("rb") as file:
        start = file.read(64)
    return next((found for at, magic, found in _BEGINNINGS if start[at:].startswith(magic)), None)
