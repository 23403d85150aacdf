"""What an artifact is made of: fused ops, names, weights, bytes; and that damage is found."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport import ops
from kexport.errors import ConfigError, EmitError, UnsupportedError
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.lowered import contract_of
from kexport_shared.js.engine import Engine
from kexport_tfjs import TARGET
from kexport_tfjs.options import TfjsOptions
from kexport_tfjs.weights import SHARD
from tests.tfjs.helper import export, run
from tests.tfjs.nets import BATCH, image_net, integers, twice


def document(path: Path) -> dict[str, Any]:
    return json.loads((path / "model.json").read_text())


def kinds(path: Path) -> Counter[str]:
    return Counter(n["op"] for n in document(path)["modelTopology"]["node"])


def image(size: int = 12) -> Any:
    return np.random.default_rng(0).standard_normal((2, size, size, 3)).astype(np.float32)


def test_bias_and_activation_are_fused(tmp_path: Path) -> None:
    found = kinds(export(image_net(), tmp_path / "m.tfjs"))
    del found["Const"]
    assert found == {
        "Placeholder": 1,
        "_FusedConv2D": 2,
        "FusedDepthwiseConv2dNative": 1,
        "Mean": 1,
        "_FusedMatMul": 1,
        "Softmax": 1,
        "Identity": 2,
    }


def test_a_net_computes_the_same(tmp_path: Path, node_wasm: Engine) -> None:
    graph = image_net()
    inputs = {"image": image()}
    found = run(node_wasm, export(graph, tmp_path / "m.tfjs"), inputs)
    for name, want in evaluate(graph, inputs, wide=True).items():
        np.testing.assert_allclose(found[name], want, atol=2e-6)


def test_what_is_written_at_indices_is_a_copy(tmp_path: Path, node_cpu: Engine) -> None:
    """A weight and an input are what they were, in the run and in the next one."""
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (3, 2)))
    weight = graph.constant(np.arange(8, dtype=np.float32).reshape(4, 2), "table")
    rows = graph.constant(np.array([[1]], np.int32))
    one = graph.constant(np.array([[9, 9]], np.float32))
    row = graph.add(ops.Slice((0, 0), (2, 2), (1, 1)), x).output
    graph.output("new", graph.add(ops.ScatterNd(), row, rows, one).output)
    first = graph.add(ops.Slice((0, 0), (1, 2), (1, 1)), x).output
    graph.output("table", graph.add(ops.ScatterNd(), weight, rows, first).output)
    graph.output("old", graph.add(ops.Neg(), x).output)
    graph.output("weight", graph.add(ops.Mul(), weight, graph.constant(np.float32(2))).output)
    path = export(graph, tmp_path / "m.tfjs")
    inputs = {"x": np.arange(6, dtype=np.float32).reshape(3, 2)}
    for _ in range(2):
        found = run(node_cpu, path, inputs)
        for name, want in evaluate(graph, inputs).items():
            np.testing.assert_array_equal(found[name], want, err_msg=name)


def test_same_graph_same_bytes(tmp_path: Path) -> None:
    paths = [export(image_net(), tmp_path / name) for name in ("a.tfjs", "b.tfjs")]
    first, second = ({f.name: f.read_bytes() for f in p.iterdir()} for p in paths)
    assert first == second


def test_no_two_outputs_are_one_tensor(tmp_path: Path, node_wasm: Engine) -> None:
    x = np.array([[1, 2, 3]], np.float32)
    found = run(node_wasm, export(twice(), tmp_path / "m.tfjs"), {"x": x})
    assert list(found) == ["y", "again", "same"]
    np.testing.assert_array_equal(found["again"], -x)
    np.testing.assert_array_equal(found["same"], x)


def test_an_output_may_be_called_like_a_number_or_like_the_input(tmp_path: Path, node_wasm: Engine) -> None:
    x = np.array([[1, 2, 3]], np.float32)
    for name in ("0", "x", "a b/c:0"):
        path = export(twice(name), tmp_path / f"{len(name)}{name[0]}.tfjs")
        np.testing.assert_array_equal(run(node_wasm, path, {"x": x})[name], -x)


@pytest.mark.parametrize("dtype", [DType.I64, DType.U8, DType.I16])
def test_integers_travel_as_int32(dtype: DType, tmp_path: Path, node_wasm: Engine) -> None:
    path = export(integers(dtype), tmp_path / "m.tfjs")
    assert document(path)["signature"]["inputs"]["ids"]["dtype"] == "DT_INT32"
    assert TARGET.read_contract(path) == contract_of(integers(dtype))
    ids = np.array([[0, 5, 2]], dtype.numpy)
    found = run(node_wasm, path, {"ids": ids})
    assert found["next"].dtype == dtype.numpy
    np.testing.assert_array_equal(found["next"], ids + 1)
    np.testing.assert_array_equal(found["rows"][0, 1], [10, 11])


def test_integers_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    g = Graph("large")
    x = g.input("x", TensorType(DType.I64, (BATCH,)))
    g.output("y", g.add(ops.Add(), x, g.constant(np.array([1 << 40])), origin="offset").output)
    with pytest.raises(EmitError, match="offset: a constant holds integers from 1099511627776"):
        export(g, tmp_path / "m.tfjs")


def test_complex_numbers_are_refused_by_layer(tmp_path: Path) -> None:
    g = Graph("complex")
    x = g.input("x", TensorType(DType.C64, (BATCH,)))
    g.output("y", g.add(ops.Neg(), x, origin="spectrum").output)
    with pytest.raises(UnsupportedError, match="spectrum: neg: there is no arithmetic on c64 here"):
        export(g, tmp_path / "m.tfjs")


def test_tensors_of_too_many_axes_are_refused(tmp_path: Path) -> None:
    g = Graph("deep")
    x = g.input("x", TensorType(DType.F32, (BATCH, 1, 2, 1, 2, 1, 2)))
    g.output("y", g.add(ops.Neg(), x, origin="neg").output)
    with pytest.raises(UnsupportedError, match=r"neg: neg: .* has tensors of up to 6 axes, not 7"):
        export(g, tmp_path / "m.tfjs")


@pytest.mark.parametrize(
    ("precision", "size", "error"), [("float16", 2, 2e-3), ("uint16", 2, 2e-3), ("uint8", 1, 0.05)]
)
def test_weights_in_reduced_precision(
    precision: str, size: int, error: float, tmp_path: Path, node_wasm: Engine
) -> None:
    graph = image_net()
    inputs = {"image": image()}
    path = export(graph, tmp_path / "m.tfjs", precision=precision)
    weights = {w["name"]: w for w in document(path)["weightsManifest"][0]["weights"]}
    reduced = [w for w in weights.values() if "quantization" in w]
    assert "conv1/kernel" in {w["name"] for w in reduced}
    assert "quantization" not in weights["conv1/bias"]
    total = sum(np.prod(w["shape"]) * (size if w in reduced else 4) for w in weights.values())
    assert sum(f.stat().st_size for f in path.glob("*.bin")) == total
    found = run(node_wasm, path, inputs)
    want = evaluate(graph, inputs, wide=True)
    worst = max(float(np.abs(found[n] - want[n]).max() / np.abs(want[n]).max()) for n in want)
    assert 1e-6 < worst < error


def test_shards_are_four_mebibytes(tmp_path: Path, node_wasm: Engine) -> None:
    graph = image_net(channels=250)
    inputs = {"image": image()}
    path = export(graph, tmp_path / "m.tfjs")
    shards = document(path)["weightsManifest"][0]["paths"]
    assert [(path / s).stat().st_size for s in shards[:-1]] == [SHARD]
    found = run(node_wasm, path, inputs)
    np.testing.assert_allclose(found["class"], evaluate(graph, inputs, wide=True)["class"], atol=2e-6)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ConfigError, match="precision 'int3' is not supported"):
        TfjsOptions(precision="int3")


def _edit(path: Path, change: Any) -> None:
    loaded = document(path)
    change(loaded)
    (path / "model.json").write_text(json.dumps(loaded))


def _last_node(**changes: Any) -> Any:
    return lambda path: _edit(path, lambda d: d["modelTopology"]["node"][-1].update(changes))


def _class_output(**changes: Any) -> Any:
    return lambda path: _edit(path, lambda d: d["signature"]["outputs"]["class"].update(changes))


DAMAGE: dict[str, tuple[Any, str]] = {
    "cut": (lambda p: (p / "model.json").write_text("{"), "this is no graph model"),
    "format": (lambda p: _edit(p, lambda d: d.update(format="layers-model")), "this is no graph model"),
    "short": (lambda p: (p / "group1-shard1of1.bin").write_bytes(b"abc"), "the shards hold 3 bytes"),
    "lost": (lambda p: (p / "group1-shard1of1.bin").unlink(), "group1-shard1of1.bin is missing"),
    "op": (_last_node(op="Gelu"), "has no op 'Gelu'"),
    "operand": (_last_node(input=["z"]), "reads z, which"),
    "twice": (_last_node(name="image"), "have one name"),
    "output": (_class_output(name="q:0"), "the signature names q"),
    "same": (_class_output(name="features:0"), "are one tensor"),
    "weight": (lambda p: _edit(p, lambda d: d["weightsManifest"][0]["weights"].pop()), "or the manifest alone"),
    "keys": (lambda p: _edit(p, lambda d: d.pop("signature")), "model.json is damaged"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found(kind: str, tmp_path: Path) -> None:
    path = export(image_net(), tmp_path / "m.tfjs")
    damage, message = DAMAGE[kind]
    damage(path)
    with pytest.raises(EmitError, match=message):
        TARGET.validate(path)


def test_a_contract_without_notes_is_read_from_the_signature(tmp_path: Path) -> None:
    path = export(image_net(), tmp_path / "m.tfjs")
    _edit(path, lambda d: d.pop("userDefinedMetadata"))
    (port,) = TARGET.read_contract(path).inputs
    assert (port.name, str(port.type)) == ("image", "f32[dim_0,12,12,3]")


def test_an_engine_reports_errors(tmp_path: Path, node_wasm: Engine) -> None:
    path = export(image_net(), tmp_path / "m.tfjs")
    with pytest.raises(Exception, match="shape"):
        run(node_wasm, path, {"image": np.zeros((1, 12, 12, 4), np.float32)})
    assert run(node_wasm, path, {"image": image()})["class"].shape == (2, 5)
