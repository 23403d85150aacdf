"""The bytes: the same every time, with nothing of this machine in them, in both forms of weights."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kexport import ops
from kexport.errors import EmitError
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.lowered import contract_of
from kexport_tflite import writer
from kexport_tflite.emission import emit
from kexport_tflite.lint import validate
from kexport_tflite.model import Content
from kexport_tflite.reader import read_contract
from kexport_tflite.writer import schema, write_model
from tests.tflite.helper import RUNTIMES, assert_matches, export, legalized, operators, run
from tests.tflite.nets import BATCH, conv_net, encoder

_EXPORT = """
import sys
from pathlib import Path
from tests.tflite.helper import export
from tests.tflite.nets import BATCH, conv_net
export(conv_net(BATCH), Path(sys.argv[1]))
"""


def _fresh(path: Path, seed: str) -> bytes:
    env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([".", "targets"])}
    subprocess.run([sys.executable, "-c", _EXPORT, str(path)], env=env, check=True, capture_output=True)
    return path.read_bytes()


def test_the_same_bytes_whatever_the_hash_seed_and_the_folder(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first = _fresh(tmp_path / "a.tflite", "0")
    second = _fresh(tmp_path / "other" / "b.tflite", "4242")
    assert first == second
    assert str(tmp_path).encode() not in first
    assert len(first) == (tmp_path / "a.tflite").stat().st_size


def test_weights_lie_behind_the_tables_and_are_aligned(tmp_path: Path) -> None:
    path = export(conv_net(BATCH), tmp_path / "model.tflite")
    data = path.read_bytes()
    model = schema().Model.GetRootAs(data, 0)
    places = []
    for i in range(model.BuffersLength()):
        buffer = model.Buffers(i)
        if buffer.DataLength():
            places.append(buffer._tab.Vector(buffer._tab.Offset(4)))
    assert all(place % 16 == 0 for place in places)
    assert places == sorted(places)
    assert struct.unpack_from("<I", data, 0)[0] < min(places)


@pytest.mark.parametrize("make", [conv_net, encoder])
def test_weights_outside_of_the_flatbuffer(make: object, tmp_path: Path) -> None:
    """The form for files above 2 GB, forced on a small model: same numbers in every engine, same contract."""
    graph: Graph = make(BATCH)  # type: ignore[operator]
    path = tmp_path / "model.tflite"
    write_model(emit(legalized(graph), contract_of(graph)), path, inline_limit=0)
    validate(path)
    assert read_contract(path) == contract_of(graph)
    model = schema().Model.GetRootAs(path.read_bytes(), 0)
    buffers = [model.Buffers(i) for i in range(1, model.BuffersLength())]
    assert all(b.Offset() % 64 == 0 and b.Size() > 0 and b.DataLength() == 0 for b in buffers)
    shape = tuple(2 if d == BATCH else int(d) for d in graph.inputs[0].type.shape)  # type: ignore[arg-type]
    inputs = {"x": np.random.default_rng(0).normal(size=shape).astype(np.float32)}
    expected = evaluate(graph, inputs, wide=True)
    for runtime in RUNTIMES:
        assert_matches(run(path, inputs, runtime), expected, 5e-6)


def test_small_files_keep_weights_inside(tmp_path: Path) -> None:
    path = export(conv_net(BATCH), tmp_path / "model.tflite")
    model = schema().Model.GetRootAs(path.read_bytes(), 0)
    assert {model.Buffers(i).Offset() for i in range(model.BuffersLength())} == {0}


@pytest.mark.slow
def test_above_two_gigabytes(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Real size: nine dense layers of 256 MiB each, whose product is known."""
    if pytestconfig.getoption("markexpr") != "slow":
        pytest.skip("writes and loads a file of 2.25 GiB, half a minute and 7 GiB of memory: pytest -m slow")
    width = 8192
    layers = 9
    graph = Graph("large")
    x = y = graph.input("x", TensorType(DType.F32, (BATCH, width)))
    for i in range(layers):
        w = np.zeros((width, width), np.float32)
        np.fill_diagonal(w, 1 + i / 8)
        w[0, 1] = 1
        y = graph.add(ops.Dense(), y, graph.constant(w, f"w{i}"), origin=f"dense_{i}").output
    graph.output("y", y)
    path = export(graph, tmp_path / "model.tflite")
    assert path.stat().st_size > 1 << 31
    inputs = {"x": np.random.default_rng(0).normal(size=(2, width)).astype(np.float32)}
    want = inputs["x"].astype(np.float64)
    for i in range(layers):
        carried = want[:, 0].copy()
        want = want * (1 + i / 8)
        want[:, 1] += carried
    assert x.type.rank == 2
    for runtime in ("litert-xnnpack", "litert-compiled"):
        np.testing.assert_allclose(run(path, inputs, runtime)["y"], want, rtol=1e-5)


def test_equal_constants_are_stored_once(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (BATCH, 64)))
    shared = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    y = x
    for i in range(3):
        y = graph.add(ops.Dense(), y, graph.constant(shared, f"w{i}"), graph.constant(np.ones(64, np.float32))).output
    graph.output("y", y)
    path = export(graph, tmp_path / "model.tflite")
    assert path.stat().st_size < 2 * shared.nbytes
    assert operators(path) == {"FULLY_CONNECTED": 3}


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a,
        lambda a: a.T,
        lambda a: a[::2, 1:],
        lambda a: a[:, ::-1],
        lambda a: np.broadcast_to(a[:1], (5, 6)),
        lambda a: a[0, 0],
        lambda a: a[:0],
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_content_is_laid_out_while_it_is_written(view: object, dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kexport_tflite.model._CHUNK", 40)
    array = view(np.arange(24, dtype=np.float32).reshape(4, 6))  # type: ignore[operator]
    content = Content(array, np.dtype(dtype))
    wanted = np.ascontiguousarray(array).astype(dtype).tobytes()
    assert b"".join(map(bytes, content.chunks())) == wanted
    assert content.nbytes == len(wanted)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EmitError, match="the model cannot be written: No such file or directory"):
        export(conv_net(BATCH), tmp_path / "nowhere" / "model.tflite")


def test_a_field_that_the_schema_lacks_is_an_error() -> None:
    with pytest.raises(EmitError, match="Pool2DOptionsT of the schema has no field strideX"):
        writer._fill(schema().Pool2DOptionsT(), strideX=1)
