"""bench: what is timed, with which inputs, and what is kept of it. Never how long something takes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from kexport.engines.bench import Contender, Timing
from kexport.errors import ConfigError, VerifyError
from kexport.workflows import bench
from kexport.workflows.bench_file import BENCH, merge_bench
from kexport.workflows.manifest import FILE as MANIFEST

DONE = Timing("ok", "", 5, 0.002, 0.003, 0.001, 0.01, 0.1, 0.2, 10_000_000)


@pytest.fixture
def dist(exported: Path, tmp_path: Path) -> Path:
    return shutil.copytree(exported, tmp_path / "dist")


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[Contender]:
    """The contenders that a bench would have timed; every one takes two milliseconds."""
    seen: list[Contender] = []

    def time_contenders(contenders: Sequence[Contender], **_: Any) -> list[Timing]:
        seen.extend(contenders)
        return [DONE] * len(contenders)

    monkeypatch.setattr(import_module("kexport.workflows.benching"), "time_contenders", time_contenders)
    return seen


def shapes(inputs: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in inputs.items()}


def test_a_real_bench_times_the_artifact_and_keeps_the_result(dist: Path) -> None:
    report = bench(dist, runtimes=["onnxruntime-cpu"], threads=[1, 2], runs=2)
    assert [(r.runtime, r.threads, r.timing.status, r.timing.runs) for r in report.rows] == [
        ("onnxruntime-cpu", 1, "ok", 2),
        ("onnxruntime-cpu", 2, "ok", 2),
    ]
    assert all(set(r.timing.layers) >= {"conv", "digit", "score", ""} for r in report.rows)
    assert report.rows[0].size == (dist / "small.onnx").stat().st_size
    assert report.host["cores"]
    assert BENCH.read(dist) == {"small": report}


def test_the_batch_is_one_unless_told(dist: Path, timed: list[Contender]) -> None:
    cpu = ["onnxruntime-cpu"]
    assert bench(dist, runtimes=cpu).sizes == {"batch": 1}
    assert bench(dist, runtimes=cpu, dims={"batch": 7}).sizes == {"batch": 7}
    assert [shapes(c.inputs) for c in timed] == [{"image": (1, 8, 8, 1)}, {"image": (7, 8, 8, 1)}]


def test_without_a_reference_inputs_are_generated(dist: Path, timed: list[Contender]) -> None:
    change(dist, reference=None)
    bench(dist)
    assert shapes(timed[0].inputs) == {"image": (1, 8, 8, 1)}


def test_what_is_not_timed_says_why(dist: Path, timed: list[Contender]) -> None:
    data = json.loads((dist / MANIFEST).read_text())
    data["models"]["small"]["artifacts"]["onnx"]["status"] = "failed"
    (dist / MANIFEST).write_text(json.dumps(data))
    rows = bench(dist, runtimes=["onnxruntime-cpu"]).rows
    assert [r.timing for r in rows] == [Timing("not timed", "it failed its verification")]
    assert timed == []


def test_threads_that_a_runtime_does_not_have_are_not_timed(
    dist: Path, timed: list[Contender], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kexport_onnx.runtime.OnnxRuntimeCpu.max_threads", 1)
    rows = bench(dist, runtimes=["onnxruntime-cpu"], threads=[1, 2]).rows
    assert [r.timing for r in rows] == [DONE, Timing("not timed", "it runs on 1 thread at most")]


def test_browsers_are_asked_for(dist: Path, timed: list[Contender]) -> None:
    with_browser = {r.runtime for r in bench(dist, browser=True).rows}
    assert {c.runtime.name for c in timed if c.runtime.on_request}
    assert not {r.runtime for r in bench(dist).rows} & {c.runtime.name for c in timed if c.runtime.on_request}
    assert "onnxruntime-cpu" in with_browser


def test_rows_of_the_same_artifact_and_machine_are_kept(dist: Path, timed: list[Contender]) -> None:
    bench(dist, runtimes=["onnxruntime-cpu"], threads=[1])
    bench(dist, runtimes=["onnxruntime-cpu"], threads=[2])
    assert [r.threads for r in BENCH.read(dist)["small"].rows] == [1, 2]


def test_rows_of_another_artifact_machine_or_size_are_dropped(dist: Path, timed: list[Contender]) -> None:
    old = bench(dist, runtimes=["onnxruntime-cpu"], threads=[1])
    new = replace(old, rows=tuple(replace(r, threads=2) for r in old.rows))
    changed = replace(new, rows=tuple(replace(r, sha256="0") for r in new.rows))
    assert merge_bench(old, new).rows == (*old.rows, *new.rows)
    assert merge_bench(old, changed) == changed
    assert merge_bench(old, replace(new, sizes={"batch": 2})).rows == new.rows
    assert merge_bench(old, replace(new, host={"machine": "abacus"})).rows == new.rows


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runtimes": ["abacus"]}, "none of these artifacts has a runtime 'abacus'"),
        ({"dims": {"length": 3}}, "there is no dynamic dim 'length' to give the size 3"),
        ({"dims": {"batch": "n"}}, "there is no dynamic dim 'batch' to give the size n"),
        ({"name": "other"}, "there is no model 'other' here"),
    ],
)
def test_wrong_options(dist: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        bench(dist, **options)


def test_a_damaged_artifact_is_not_timed(dist: Path) -> None:
    (dist / "small.onnx").write_bytes(b"")
    with pytest.raises(VerifyError, match=r"small\.onnx has 0 bytes"):
        bench(dist)


def test_a_file_that_is_no_artifact(dist: Path) -> None:
    with pytest.raises(ConfigError, match="the manifest lists no such artifact"):
        bench(dist / "other.onnx", name="small")


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 2, "models": {}}', '{"schema": 1, "models": {"small": {}}}'])
def test_damaged_measurements(dist: Path, text: str) -> None:
    (dist / BENCH.name).write_text(text)
    with pytest.raises(VerifyError, match="the measurements are damaged"):
        BENCH.read(dist)


def change(dist: Path, **fields: Any) -> None:
    """Change fields of the model in the manifest."""
    data = json.loads((dist / MANIFEST).read_text())
    data["models"]["small"] |= fields
    (dist / MANIFEST).write_text(json.dumps(data))
