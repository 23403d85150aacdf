"""What is no Keras model is refused as what it is, with a command that does something with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kexport.capture.load import load
from kexport.errors import ConfigError

FILES: dict[str, tuple[bytes, str, str]] = {
    "m.onnx": (b"\x08\x07", "this is an ONNX model", "kexport inspect {}"),
    "M.ONNX": (b"\x08\x07", "this is an ONNX model", "kexport inspect {}"),
    "m.tflite": (b"\x18\0\0\0TFL3", "this is a TF Lite model", "kexport inspect {}"),
    "m.bin": (b"\x18\0\0\0TFL3", "this is a TF Lite model", "name it NAME.tflite"),
    "m.ref.safetensors": (b"", "this is a safetensors file", ""),
    "m.weights": (b'\x10\0\0\0\0\0\0\0{"__metadata__":{}}', "this is a safetensors file", ""),
    "m.pt": (b"PK\x03\x04", "this is a PyTorch model", ""),
    "m.json": (b"{}", "this is JSON", "it has no weights"),
    "m": (b"{}", "this is JSON", ""),
    "m.py": (b"def build(): ...", "this is Python code", "{}:NAME"),
    "frozen.pb": (b"\n", "a frozen TensorFlow graph", ""),
    "check.zip": (b"PK\x03\x04" + bytes(26) + b"__main__.py", "this is a bundle of kexport", "kexport verify {}"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_kind_is_called_what_it_is(name: str, tmp_path: Path) -> None:
    content, what, command = FILES[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=what) as caught:
        load(path)
    assert command.format(path) in str(caught.value.hint)
    assert "give a .keras file" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "member", "what", "command"),
    [
        ("m.mlpackage", "Manifest.json", "this is a Core ML package", "kexport inspect {}"),
        ("m.tfjs", "model.json", "this is a TensorFlow.js model", "kexport inspect {}"),
        ("web", "model.json", "this is a TensorFlow.js model", "name it NAME.tfjs"),
        ("dist", "kexport.json", "this is a folder that kexport export wrote", "kexport verify {}"),
        ("models", "b.keras", "this is a folder, no model", "export what is in it: {}/b.keras"),
    ],
)
def test_so_is_a_folder(name: str, member: str, what: str, command: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.mkdir()
    (path / member).write_bytes(b"{}")
    with pytest.raises(ConfigError, match=what) as caught:
        load(path)
    assert command.format(path) in str(caught.value.hint)


def test_a_mistyped_file_is_answered_with_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "model.keras").touch()
    with pytest.raises(ConfigError, match="there is no file") as caught:
        load(tmp_path / "modle.keras")
    assert f"did you mean {tmp_path / 'model.keras'}?" in str(caught.value.hint)


def test_a_mistyped_function_is_answered_with_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "models_of_mine.py").write_text("def build(): ...\n")
    with pytest.raises(ConfigError, match="has no function 'bild'") as caught:
        load(f"{tmp_path / 'models_of_mine.py'}:bild")
    assert caught.value.hint == "did you mean 'build'? it has: build"
