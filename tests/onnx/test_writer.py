"""The file, byte by byte: what onnx reads back, where the weights lie, that bytes do not change."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import GraphProto, ModelProto, numpy_helper

import kexport
from kexport import ops
from kexport.errors import EmitError
from kexport.ir.contract import Contract
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.lowered import contract_of
from kexport_onnx import dtypes, writer
from kexport_onnx.wire import fields, number_field, varint
from kexport_onnx.writer import ALIGN, INLINE, Weight, write_model
from tests.onnx import nets
from tests.onnx.helper import export, run

ARRAYS = {
    "f32": np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7,
    "f16": np.arange(5).astype(np.float16),
    "bf16": np.arange(5).astype(ml_dtypes.bfloat16),
    "f64": np.array(np.pi),
    "i64": np.array([[-1, 2**40]]),
    "bool": np.array([True, False, True]),
    "u8": np.zeros((0, 3), np.uint8),
    "i4": np.arange(-7, 8).astype(ml_dtypes.int4),
    "u4": np.arange(16).astype(ml_dtypes.uint4).reshape(4, 4),
    "view": np.arange(60, dtype=np.float32).reshape(3, 4, 5).transpose(2, 0, 1),
    "reversed": np.arange(9, dtype=np.int32)[::-2],
    "spread": np.broadcast_to(np.float32(3), (4, 5)),
}


def parts() -> tuple[ModelProto, GraphProto]:
    model = ModelProto(ir_version=12, producer_name="test")
    model.opset_import.add(domain="", version=24)
    return model, GraphProto(name="g")


def written(path: Path, weights: list[Weight], external: bool = False) -> ModelProto:
    write_model(path, *parts(), weights, external)
    return onnx.load(path)


@pytest.mark.parametrize("external", [False, True])
def test_onnx_reads_the_same_tensors(external: bool, tmp_path: Path) -> None:
    weights = [Weight(k, a, a.shape) for k, a in ARRAYS.items()]
    model = written(tmp_path / "m.onnx", weights, external)
    assert model.graph.name == "g"
    assert model.ir_version == 12
    found = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_a_weight_may_have_another_shape_in_the_file(tmp_path: Path) -> None:
    data = ARRAYS["view"]
    (tensor,) = written(tmp_path / "m.onnx", [Weight("w", data, (15, 1, 4))]).graph.initializer
    np.testing.assert_array_equal(numpy_helper.to_array(tensor), data.reshape(15, 1, 4))


def test_large_views_are_copied_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dtypes, "CHUNK", 64)
    data = np.arange(2 * 3 * 5 * 7 * 11, dtype=np.float32).reshape(2, 3, 5, 7, 11)
    for perm in [(4, 3, 0, 1, 2), (1, 0, 2, 3, 4), (0, 1, 2, 4, 3)]:
        view = data.transpose(perm)
        pieces = list(dtypes.raw_chunks(view))
        assert len(pieces) > 5
        assert b"".join(pieces) == view.tobytes()
    nibbles = np.arange(333).astype(ml_dtypes.int4).reshape(9, 37).T
    assert len(list(dtypes.raw_chunks(nibbles))) > 3
    (tensor,) = written(tmp_path / "m.onnx", [Weight("w", nibbles, nibbles.shape)]).graph.initializer
    np.testing.assert_array_equal(numpy_helper.to_array(tensor), nibbles)


def test_external_tensors_are_aligned_and_small_ones_stay(tmp_path: Path) -> None:
    arrays = {"a": np.ones(1000, np.float32), "small": np.ones(3), "b": np.full(5000, 2, np.float32)}
    write_model(tmp_path / "m.onnx", *parts(), [Weight(k, v, v.shape) for k, v in arrays.items()], external=True)
    model = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    entries = {t.name: {e.key: e.value for e in t.external_data} for t in model.graph.initializer}
    assert entries["a"] == {"location": "m.data", "offset": "0", "length": "4000"}
    assert entries["b"] == {"location": "m.data", "offset": str(ALIGN), "length": "20000"}
    assert entries["small"] == {}
    assert arrays["small"].nbytes < INLINE
    assert (tmp_path / "m.data").stat().st_size == ALIGN + 20000


def test_a_model_beyond_the_limit_goes_external_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = nets.plain()
    whole = export(graph, tmp_path / "whole.onnx")
    monkeypatch.setattr(writer, "MODEL_LIMIT", whole.stat().st_size - 1)
    path = export(graph, tmp_path / "net.onnx")
    assert not (tmp_path / "whole.data").exists()
    assert (tmp_path / "net.data").is_file()
    x = {"image": np.random.default_rng(0).random((1, 16, 16, 3), np.float32)}
    np.testing.assert_array_equal(run(path, x)["out0"], run(whole, x)["out0"])


def test_exactly_the_limit_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = [Weight("w", np.ones(2000, np.float32), (2000,))]
    write_model(tmp_path / "a.onnx", *parts(), weights)
    size = (tmp_path / "a.onnx").stat().st_size
    for limit, external in ((size, False), (size - 1, True)):
        monkeypatch.setattr(writer, "MODEL_LIMIT", limit)
        write_model(tmp_path / "b.onnx", *parts(), weights)
        assert (tmp_path / "b.data").exists() is external


def test_a_graph_beyond_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MODEL_LIMIT", 100)
    with pytest.raises(EmitError, match="without its weights takes more than 2 GiB"):
        export(nets.plain(), tmp_path / "net.onnx")


@pytest.mark.parametrize("external", [False, True])
def test_text_is_stored_in_the_model(external: bool, tmp_path: Path) -> None:
    words = np.array([["a", "", "日本"], ["\n", "x" * writer.INLINE, "z"]], object)
    write_model(tmp_path / "m.onnx", *parts(), [Weight("w", words.T, (3, 2))], external)
    (tensor,) = onnx.load(tmp_path / "m.onnx").graph.initializer
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensor), words.T)
    assert not (tmp_path / "m.data").exists()


def test_a_shared_constant_is_stored_once(tmp_path: Path) -> None:
    n = nets.Net(8, 8)
    kernel = n.weight(3, 3, 3, 3)
    same = ops.Conv((1, 1), "same", (1, 1))
    graph = n.done(n.add(same, n.add(same, n.x, kernel), kernel))
    model = onnx.load(export(graph, tmp_path / "net.onnx"))
    assert [t.name for t in model.graph.initializer] == ["w0"]


def test_names_metadata_and_versions(tmp_path: Path) -> None:
    graph = nets.plain()
    model = onnx.load(export(graph, tmp_path / "net.onnx"))
    assert (model.ir_version, model.opset_import[0].version) == (8, 18)
    assert (model.producer_name, model.producer_version) == ("kexport", kexport.__version__)
    facts = {p.key: p.value for p in model.metadata_props}
    assert facts["kexport.version"] == kexport.__version__
    assert Contract.from_json(json.loads(facts["kexport.contract"])) == contract_of(graph)
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    paths = {node.origin for node in graph.nodes}
    assert {name.split(":")[0] for name in names} <= paths
    assert [i.name for i in model.graph.input] == ["image"]
    assert [o.name for o in model.graph.output] == ["out0"]


_AGAIN = """
import sys
from pathlib import Path
from tests.onnx import nets
from tests.onnx.helper import export
for net in nets.NETS:
    export(net(), Path(sys.argv[1]) / f"{net.__name__}.onnx", external_data=True)
"""


def test_bytes_are_the_same_in_every_process(tmp_path: Path, root: Path) -> None:
    digests = set()
    for seed in ("0", "1"):
        folder = tmp_path / seed
        folder.mkdir()
        subprocess.run(
            [sys.executable, "-c", _AGAIN, str(folder)],
            check=True,
            cwd=root,
            env={"PYTHONPATH": f"{root}:{root / 'targets'}", "PYTHONHASHSEED": seed, "PATH": ""},
        )
        files = sorted(folder.iterdir())
        assert len(files) > len(nets.NETS)
        digests.add(hashlib.sha256(b"".join(f.name.encode() + f.read_bytes() for f in files)).hexdigest())
    assert len(digests) == 1


def test_outputs_that_are_no_node_of_their_own(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (2,)))
    y = graph.add(ops.Relu(), x, origin="relu").output
    for name, value in {"a": y, "b": y, "c": x, "d": graph.constant(np.float32([3, 4]))}.items():
        graph.output(name, value)
    found = run(export(graph, tmp_path / "m.onnx"), {"x": np.float32([-1, 2])})
    assert {k: v.tolist() for k, v in found.items()} == {"a": [0, 2], "b": [0, 2], "c": [-1, 2], "d": [3, 4]}


def test_an_input_and_an_output_of_one_name_are_refused(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (2,)))
    graph.output("x", graph.add(ops.Relu(), x).output)
    with pytest.raises(EmitError, match="two inputs or outputs called 'x'"):
        export(graph, tmp_path / "m.onnx")


def test_a_contract_of_another_graph_is_refused(tmp_path: Path) -> None:
    from kexport_onnx import TARGET
    from kexport_onnx.options import OnnxOptions

    with pytest.raises(EmitError, match="different inputs or outputs"):
        TARGET.write(nets.plain(), Contract((), ()), tmp_path / "m.onnx", OnnxOptions())


def test_wire_format() -> None:
    assert varint(0) == b"\x00"
    assert varint(300) == b"\xac\x02"
    (field,) = fields(memoryview(number_field(16, 150)))
    assert (field.number, field.value) == (16, 150)
    for damaged, message in (
        (b"\x0b", "wire type 3"),
        (b"\x0a\x05ab", "cut off"),
        (b"\xff" * 11, "does not end"),
        (b"\x80", "cut off"),
    ):
        with pytest.raises(EmitError, match=message):
            list(fields(memoryview(damaged)))
