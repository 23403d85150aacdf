"""reduce: a divergence becomes a few ops that still diverge, and what is in a file alone is told apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kexport
from kexport import ops
from kexport.errors import ConfigError, VerifyError
from kexport.evidence.graph_archive import load_graph
from kexport.evidence.reference_file import load_reference
from kexport.ir.evaluator import evaluate
from kexport.verify.status import Status
from kexport.workflows.locating import locate
from kexport.workflows.reducing import FILE, check_reduced, reduce
from kexport.workflows.verifying import verify
from tests.workflows.locating import break_emitter, change_weight, in_this_process, net

pytest.importorskip("tensorflow", reason="the extra tensorflow is not installed")

FILES = {
    "kexport.json",
    "kexport.runs.json",
    "reduced.graph.safetensors",
    "reduced.json",
    "reduced.kx",
    "reduced.onnx",
    "reduced.reference.safetensors",
}


@pytest.fixture(scope="module", autouse=True)
def engines() -> Iterator[None]:
    with in_this_process():
        yield


@pytest.fixture(scope="module")
def model() -> Any:
    return net()


def break_gelu(patch: pytest.MonkeyPatch, target: str) -> None:
    break_emitter(patch, target, ops.Gelu, lambda op: ops.Gelu(approximate=True))


@pytest.fixture(scope="module")
def exported_wrong(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The net as an ONNX emitter with the wrong GELU writes it."""
    out = tmp_path_factory.mktemp("wrong")
    with pytest.MonkeyPatch.context() as patch:
        break_gelu(patch, "onnx")
        assert not kexport.export(model, to=["onnx"], out=out).ok
    return out


@pytest.fixture
def wrong(exported_wrong: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, while the emitter is still wrong."""
    break_gelu(monkeypatch, "onnx")
    return exported_wrong


def test_a_wrong_emitter_is_reduced_to_its_op(wrong: Path, tmp_path: Path) -> None:
    out = tmp_path / "reduced"
    report = reduce(wrong, out)
    assert report.reproduced
    assert (report.target, report.runtime, report.layer) == ("onnx", "onnxruntime-cpu", "bend")
    assert report.ops == ("gelu @ bend",)
    assert "times the tolerance" in report.reason
    assert report.same_file is None
    assert {p.name for p in out.iterdir()} == FILES
    again = verify(out)
    assert [a.status for a in again.artifacts] == ["failed"]
    (location,) = locate(out).locations
    assert location.first is not None
    assert location.first.layer == "bend"
    assert check_reduced(out)[1].status is Status.FAILED


def test_the_folder_is_complete(wrong: Path, tmp_path: Path) -> None:
    report = reduce(wrong, tmp_path, target="onnx")
    graph = load_graph(tmp_path / "reduced.graph.safetensors")
    (recording,) = load_reference(tmp_path / "reduced.reference.safetensors").recordings
    assert [n.op.name for n in graph.nodes] == ["gelu"]
    found = evaluate(graph, recording.batch.inputs, wide=True)
    for name, array in recording.outputs.items():
        assert array.shape[0] == 1
        assert abs(found[name] - array).max() < 1e-6
    assert 'gelu(%norm) {approximate=false} @"bend"' in (tmp_path / "reduced.kx").read_text()
    assert json.loads((tmp_path / FILE).read_text())["ops"] == list(report.ops)


def test_two_reductions_are_the_same_files(wrong: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        reduce(wrong, tmp_path / name)
    for name in FILES - {"kexport.runs.json"}:  # times and memory
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_what_is_mended_verifies(model: Any, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        break_gelu(patch, "tflite")
        assert not kexport.export(model, to=["tflite"], out=tmp_path / "dist").ok
        report = reduce(tmp_path / "dist", tmp_path / "reduced")
        assert report.ops == ("gelu @ bend",)
        assert check_reduced(tmp_path / "reduced")[1].status is Status.FAILED
    assert check_reduced(tmp_path / "reduced")[1].status is Status.VERIFIED


def test_two_ops_that_fail_together_stay_together(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The activation is wrong only where a convolution feeds it, as a faulty fusion would make it."""
    from kexport.target import find_target

    emitters = find_target("onnx").emitters.emitters
    emit = emitters[ops.Relu]

    def fused(context: Any, op: Any, node: Any) -> None:
        producer = node.inputs[0].producer
        if producer is not None and producer.op.name == "channels_first":
            emitters[ops.Relu6](context, ops.Relu6(), node)
        else:
            emit(context, op, node)

    monkeypatch.setitem(emitters, ops.Relu, fused)
    assert not kexport.export(model, to=["onnx"], out=tmp_path / "dist").ok
    report = reduce(tmp_path / "dist", tmp_path / "reduced")
    assert report.reproduced
    assert report.layer == "first"
    assert [op.partition(" ")[0] for op in report.ops][-1] == "relu"
    assert 2 <= len(report.ops) <= 3


@pytest.mark.parametrize("target", ["onnx", "tflite"])
def test_a_damaged_file_is_told_apart(model: Any, tmp_path: Path, target: str) -> None:
    dist = tmp_path / "dist"
    kexport.export(model, to=[target], out=dist, layers=True)
    change_weight(dist, target, model.get_layer("hidden").kernel.numpy())
    report = reduce(dist, tmp_path / "reduced", target=target)
    assert not report.reproduced
    assert report.same_file is False
    assert report.layer == "hidden"
    assert "times the tolerance" in report.located
    assert {op.rpartition(" ")[2] for op in report.ops} == {"hidden"}
    assert check_reduced(tmp_path / "reduced")[1].status is Status.VERIFIED


def test_there_is_nothing_to_reduce(model: Any, tmp_path: Path) -> None:
    kexport.export(model, to=["onnx"], out=tmp_path, layers=True)
    with pytest.raises(ConfigError, match="nothing fails here"):
        reduce(tmp_path, tmp_path / "reduced")
    with pytest.raises(ConfigError, match=r"no artifact for 'tflite' here\n  hint: there are: onnx"):
        reduce(tmp_path, tmp_path / "reduced", target="tflite")
    assert not (tmp_path / "reduced").exists()


def test_a_folder_with_other_things_is_left_alone(wrong: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="the folder holds other things"):
        reduce(wrong, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_what_is_no_reduced_part(wrong: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no reduced part here"):
        check_reduced(tmp_path)
    reduce(wrong, tmp_path)
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(VerifyError, match="the description of the part is damaged"):
        check_reduced(tmp_path)
