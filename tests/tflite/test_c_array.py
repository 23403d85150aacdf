"""C++ sources for microcontrollers: they compile, hold the bytes of the file, and say what is in it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from kexport import ops
from kexport.errors import ConfigError, EmitError
from kexport.ir.dim import symbol
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.lowered import contract_of
from kexport_tflite.micro import arena, c_array
from kexport_tflite.micro.arena import measure
from kexport_tflite.micro.c_array import namespace, require_fixed, write_c_array
from kexport_tflite.micro.finishing import finish
from kexport_tflite.micro.resolver import ADDS
from kexport_tflite.micro.runtime import interpreter
from kexport_tflite.options import TfliteOptions
from tests.onnx.nets import NETS
from tests.tflite.helper import export
from tests.tflite.integers import dense
from tests.tflite.nets import BATCH

pytest.importorskip("tflite_micro", reason="the extra mcu is not installed")

STUBS = Path(__file__).parent / "stubs"
PLAIN = next(f for f in NETS if f.__name__ == "plain")


def resolver_header(folder: Path) -> Path:
    """A stub of TFLite Micro's header with a class that counts what is added."""
    place = folder / "tensorflow/lite/micro/micro_mutable_op_resolver.h"
    place.parent.mkdir(parents=True)
    methods = "".join(f"  TfLiteStatus {add}() {{ return Add(); }}\n" for add in ADDS.values())
    place.write_text(
        '#pragma once\n#include "tensorflow/lite/c/common.h"\nnamespace tflite {\n'
        "template <unsigned int kCount>\nclass MicroMutableOpResolver {\n public:\n"
        f"{methods}"
        "  unsigned int added = 0;\n\n private:\n"
        "  TfLiteStatus Add() { return ++added <= kCount ? kTfLiteOk : kTfLiteError; }\n};\n}  // namespace tflite\n"
    )
    return folder


def array(source: Path) -> bytes:
    """The bytes of the array in a source."""
    inside = source.read_text().partition("kModel[] = {")[2].partition("};")[0]
    return bytes(int(n) for n in re.findall(r"\d+", inside))


@pytest.mark.parametrize("make", ["floats", "integers"])
def test_the_bytes_are_those_of_the_file(make: str, tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path = export(PLAIN(), path) if make == "floats" else dense(path)
    write_c_array(path)
    assert array(path.with_suffix(".cc")) == path.read_bytes()
    assert f"kModelSize = {path.stat().st_size};" in path.with_suffix(".h").read_text()


def test_they_compile_and_run(tmp_path: Path) -> None:
    """As C++11, with every warning; the program checks alignment, bytes, ports and operators."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    path = dense(tmp_path / "2 odd-näme.tflite", name='x"\\\n0')
    write_c_array(path)
    (tmp_path / "main.cc").write_text(
        f'#include "{path.stem}.h"\n#include <cstdint>\n#include <cstring>\nusing namespace {namespace(path.stem)};\n'
        "int main() {\n  Resolver resolver;\n"
        "  if (RegisterOperators(resolver) != kTfLiteOk || resolver.added != kOperatorCount) return 1;\n"
        "  if (reinterpret_cast<std::uintptr_t>(kModel) % 16) return 2;\n"
        '  if (std::memcmp(kModel + 4, "TFL3", 4)) return 3;\n'
        '  if (kInputCount != 1 || std::strcmp(kInputs[0].name, "x\\"\\\\\\n0")) return 4;\n'
        "  if (kInputs[0].type != kTfLiteInt8 || kInputs[0].rank != 2 || kInputs[0].shape[1] != 8) return 5;\n"
        "  if (kInputs[0].scale != 0.5f || kInputs[0].zero_point != 3) return 6;\n"
        "  if (kOutputs[0].scale != 0.00390625f || kOutputs[0].zero_point != -128) return 7;\n"
        "  return kArenaSize % 16 ? 8 : 0;\n}\n"
    )
    stubs = resolver_header(tmp_path / "stubs")
    program = tmp_path / "program"
    command = [compiler, "-std=c++11", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{STUBS}", f"-I{stubs}"]
    sources = [str(tmp_path / "main.cc"), str(path.with_suffix(".cc"))]
    done = subprocess.run([*command, *sources, "-o", str(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert subprocess.run([program], check=False).returncode == 0


def test_the_arena_is_just_enough(tmp_path: Path) -> None:
    path = dense(tmp_path / "net.tflite")
    size = measure(path).size
    assert size % 16 == 0
    assert interpreter(path.read_bytes(), arena=size)
    assert f"kArenaSize = {size};" in c_array.header(path, c_array.Outline.read(path), measure(path))
    larger = dense(tmp_path / "larger.tflite", units=4000)
    assert measure(larger).size > size + 4000


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("small", "small_model"),
        ("my_model", "my_model"),
        ("class", "class_model"),
        ("2nd", "m2nd_model"),
        ("a--b  c", "a_b_c_model"),
        ("näme", "n_me_model"),
        ("模型", "model"),
        ("_x", "x_model"),
        ("tflite", "tflite_model"),
    ],
)
def test_namespaces_are_names_of_the_language(stem: str, expected: str) -> None:
    assert namespace(stem) == expected


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1 / 3, 1e-12, 3e30, 16777216.0])
def test_scales_keep_every_bit(value: float) -> None:
    text = c_array._number(value)
    assert text.endswith("f")
    assert "." in text or "e" in text
    assert np.float32(text[:-1]) == np.float32(value)


def test_open_sizes_are_refused_with_the_options_that_fix_them(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (BATCH, symbol("length"), 3)))
    graph.output("y", graph.add(ops.Relu(), x).output)
    path = export(graph, tmp_path / "net.tflite")
    with pytest.raises(EmitError, match="fixed sizes, and these are not: length") as caught:
        finish(path, contract_of(graph), TfliteOptions(c_array=True))
    assert caught.value.hint == "--dim length=SIZE"
    assert not path.with_suffix(".h").exists()
    require_fixed(contract_of(PLAIN()))


def test_what_no_microcontroller_runs_is_refused(tmp_path: Path) -> None:
    volume = next(f for f in NETS if f.__name__ == "volume")
    path = export(volume(), tmp_path / "net.tflite")
    with pytest.raises(EmitError, match="TFLite Micro has no CONV_3D") as caught:
        write_c_array(path)
    assert "leave out c_array" in str(caught.value.hint)


def test_an_open_batch_is_fixed_where_it_stands_in_the_way(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (BATCH, 3)))
    graph.output("y", graph.add(ops.Concat(1), x, graph.add(ops.Full((BATCH, 2), 1.5, DType.F32)).output).output)
    path = export(graph, tmp_path / "net.tflite")
    with pytest.raises(EmitError, match="no microcontroller can run this model: TFLite Micro") as caught:
        finish(path, contract_of(graph), TfliteOptions(c_array=True))
    assert str(caught.value.hint).endswith("--dim batch=1")
    fixed = graph.bind({"batch": 1})
    path = export(fixed, tmp_path / "fixed.tflite")
    assert finish(path, contract_of(fixed), TfliteOptions(c_array=True))["tflm"]["arena"] > 0


def test_without_the_package_there_is_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arena, "installed", lambda: None)
    with pytest.raises(ConfigError, match="not installed") as caught:
        write_c_array(dense(tmp_path / "net.tflite"))
    assert "pip install 'kexport[mcu]'" in str(caught.value.hint)


def test_a_process_that_dies_or_hangs_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = dense(tmp_path / "net.tflite")
    monkeypatch.setattr(arena, "TIMEOUT", 0.01)
    with pytest.raises(EmitError, match=r"no result after 0\.01 s"):
        measure(path)
    monkeypatch.setattr(arena, "TIMEOUT", 60)
    monkeypatch.setattr(arena.sys, "executable", "/bin/true")
    monkeypatch.setattr(arena, "leashed", lambda command: command)
    with pytest.raises(EmitError, match="ended without a result"):
        measure(path)
