"""locate: the first layer that diverges is named, in every format, and no layer of a healthy artifact is."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kexport
from kexport import ops
from kexport.errors import ConfigError, VerifyError
from kexport.ir.graph import Graph
from kexport.locate.divergence import CHANGED, Location
from kexport.rewrite import Log
from kexport.target import find_target
from kexport.workflows.locating import LocateReport, locate
from kexport.workflows.manifest import FILE, read_manifest
from kexport.workflows.reducing import reduce
from tests.workflows.locating import TARGETS, agree, break_emitter, change_weight, in_this_process, net

pytest.importorskip("tensorflow", reason="the extra tensorflow is not installed")


@pytest.fixture(scope="module", autouse=True)
def engines() -> Iterator[None]:
    with in_this_process():
        yield


@pytest.fixture(scope="module")
def model() -> Any:
    return net()


@pytest.fixture(scope="module")
def dist(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The net in every format, with its captured graph. Not to be changed: copy it."""
    out = tmp_path_factory.mktemp("locate") / "dist"
    report = kexport.export(model, to=list(TARGETS), out=out, layers=True)
    assert report.ok, report.to_json()
    return out


@pytest.fixture
def copy(dist: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(dist, tmp_path / "dist"))


def artifact(dist: Path, target: str) -> Path:
    return dist / read_manifest(dist)["net"].artifacts[target].path


def shown(report: LocateReport) -> Iterator[Location]:
    found = [x for x in report.locations if x.layers]
    assert found, [x.note for x in report.locations]
    yield from found


def test_nothing_diverges_in_healthy_artifacts(dist: Path) -> None:
    report = locate(dist)
    assert report.exit_code == 0
    assert {x.target for x in shown(report)} == set(TARGETS)
    for location in shown(report):
        verdicts = {c.layer: c.verdict for c in location.layers}
        assert location.first is None
        assert set(verdicts.values()) == {"ok", "merged"}, verdicts
        assert verdicts["norm"] == verdicts["bend"] == verdicts["digit"] == verdicts["score"] == "ok"
        assert all(c.ratio < 0.5 for c in location.layers if c.ratio is not None)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("layer", ["first", "hidden"])
def test_one_weight_in_the_file_is_found_in_its_layer(copy: Path, model: Any, target: str, layer: str) -> None:
    change_weight(copy, target, model.get_layer(layer).kernel.numpy())
    report = locate(artifact(copy, target))
    assert report.exit_code == 1
    for location in shown(report):
        first = location.first
        assert first is not None
        assert (location.status, first.layer) == ("failed", layer)
        assert first.error is not None
        assert first.budget is not None
        assert first.error > 100 * first.budget


@pytest.mark.parametrize("target", TARGETS)
def test_a_folded_layer_is_named_with_the_one_that_holds_it(copy: Path, model: Any, target: str) -> None:
    change_weight(copy, target, model.get_layer("folded").beta.numpy() - _shift(model))
    for location in shown(locate(artifact(copy, target))):
        assert location.first is not None
        assert location.first.layer == "folded"
        assert location.first.computed == ("second", "folded")
        assert {c.layer: c.verdict for c in location.layers}["second"] == "merged"


def _shift(model: Any) -> Any:
    """What a batch norm adds to the bias before it, negated: mean * gamma / deviation - bias * gamma / deviation."""
    norm = model.get_layer("folded")
    conv = model.get_layer("second")
    mean, variance, gamma = (w.numpy() for w in (norm.moving_mean, norm.moving_variance, norm.gamma))
    return (mean - conv.bias.numpy()) * gamma / (variance + norm.epsilon) ** 0.5


@pytest.mark.parametrize("target", ["onnx", "tflite"])
def test_a_wrong_emitter_is_found_in_quarantine(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    break_emitter(monkeypatch, target, ops.Gelu, lambda op: ops.Gelu(approximate=True))
    report = kexport.export(model, to=[target], out=tmp_path)
    assert not report.ok
    for location in shown(locate(tmp_path)):
        assert location.first is not None
        assert (location.first.layer, location.first.op) == ("bend", "gelu")
        assert location.first.sources == ("norm",)


@pytest.mark.parametrize(("target", "precision"), [("tflite", "float16"), ("coreml", "float16"), ("tfjs", "uint8")])
def test_coarser_artifacts_have_wider_budgets(model: Any, tmp_path: Path, target: str, precision: str) -> None:
    options = {target: {"precision": precision}}
    assert kexport.export(model, to=[target], out=tmp_path, layers=True, options=options).ok
    for location in shown(locate(tmp_path)):
        assert location.first is None


def test_the_model_stands_in_for_its_graph(model: Any, copy: Path) -> None:
    _forget_graph(copy)
    with pytest.raises(ConfigError, match=r"the graph .* is not here\n  hint: give the model with --model"):
        locate(copy)
    assert locate(artifact(copy, "onnx"), model=model).exit_code == 0
    with pytest.raises(ConfigError, match="the model is another one"):
        locate(artifact(copy, "onnx"), model=net("other_name_and").__class__.from_config(model.get_config()))
    with pytest.raises(ConfigError, match="exported with other sizes"):
        locate(artifact(copy, "onnx"), model=model, dims={"batch": 1})


def test_a_damaged_graph_is_refused(copy: Path) -> None:
    path = copy / "net.graph.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(VerifyError, match=r"net\.graph\.safetensors has"):
        locate(copy)


def test_a_changed_file_is_damaged_before_it_is_looked_into(copy: Path) -> None:
    path = copy / "net.onnx"
    path.write_bytes(path.read_bytes() + b" ")
    (location,) = locate(path).locations
    assert location.status == "failed"
    assert location.reason.startswith("damaged: ")
    assert location.note == "it was not run"


def test_wrong_outputs_of_right_layers_are_told_apart(copy: Path) -> None:
    import onnx

    path = copy / "net.onnx"
    proto = onnx.load(path)
    last = next(n for n in proto.graph.node if "score" in n.output)
    last.output[0] = "inner"
    proto.graph.node.append(onnx.helper.make_node("Neg", ["inner"], ["score"]))
    onnx.save(proto, path)
    agree(copy)
    (location,) = locate(path).locations
    assert location.status == "failed"
    assert location.first is not None
    assert location.first.layer == "score"


def test_the_report_is_plain_json(dist: Path) -> None:
    data = json.loads(json.dumps(locate(artifact(dist, "onnx")).to_json(), allow_nan=False))
    (location,) = data["locations"]
    assert data["ok"]
    assert location["first"] is None
    assert [c["layer"] for c in location["layers"]][:2] == ["first", "second"]


def test_layers_recorded_in_keras_are_what_is_expected(model: Any, copy: Path, tmp_path: Path) -> None:
    from kexport.evidence.reference_file import load_reference, save_reference
    from kexport.reference.run import run_reference

    own = load_reference(copy / "net.reference.safetensors")
    batches = [r.batch for r in own.recordings]
    recorded = run_reference(model, batches=batches, contract=own.contract, layers=True)
    path = tmp_path / "layers.safetensors"
    save_reference(recorded, path)
    assert locate(artifact(copy, "onnx"), reference=path).capture == {}
    for r in recorded.recordings:
        r.layers["norm"][...] *= 1.01  # type: ignore[index]
    save_reference(recorded, path)
    report = locate(artifact(copy, "onnx"), reference=path)
    assert list(report.capture) == ["norm"]
    assert "float32 noise explains" in report.capture["norm"]
    assert report.exit_code == 1


def _forget_graph(dist: Path) -> None:
    manifest = json.loads((dist / FILE).read_text())
    manifest["models"]["net"]["captured"] = None
    (dist / FILE).write_text(json.dumps(manifest))
    (dist / "net.graph.safetensors").unlink()


def test_a_wrong_legalization_is_told_from_a_wrong_emitter(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = find_target("onnx")
    legalize = target.legalize

    def wrong(graph: Graph, options: Any, log: Log | None = None) -> None:
        legalize(graph, options, log)
        for node in graph.nodes:
            if node.op.name == "layer_norm":
                node.op = dataclasses.replace(node.op, epsilon=0.5)  # type: ignore[call-arg]

    monkeypatch.setattr(target, "legalize", wrong)
    assert not kexport.export(model, to=["onnx"], out=tmp_path / "dist").ok
    (location,) = shown(locate(tmp_path / "dist"))
    assert location.first is not None
    assert (location.first.layer, location.first.error) == ("norm", None)
    assert location.first.reason == CHANGED
    assert location.first.sources == ("folded",)
    report = reduce(tmp_path / "dist", tmp_path / "reduced")
    assert report.reproduced
    assert report.ops == ("layer_norm @ norm",)
