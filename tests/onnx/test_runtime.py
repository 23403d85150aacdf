"""The runtimes: versions without imports, refusals in words, devices that are not there."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from kexport.errors import VerifyError
from kexport_onnx import runtime
from kexport_onnx.runtime import OnnxRuntimeCpu, OnnxRuntimeCuda
from tests.onnx import nets
from tests.onnx.helper import export


def test_version_is_that_of_the_installed_package() -> None:
    assert OnnxRuntimeCpu().version() == version("onnxruntime")


def test_no_version_where_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise runtime.PackageNotFoundError(name)

    monkeypatch.setattr(runtime, "version", missing)
    assert OnnxRuntimeCpu().version() is None
    assert OnnxRuntimeCuda().version() is None


def test_threads_are_taken(tmp_path: Path) -> None:
    path = export(nets.plain(), tmp_path / "net.onnx")
    x = {"image": np.random.default_rng(0).random((2, 16, 16, 3), np.float32)}
    one, two = (OnnxRuntimeCpu().load(path, threads).run(x) for threads in (1, 2))
    assert one.keys() == {"out0"}
    np.testing.assert_allclose(one["out0"], two["out0"], rtol=0, atol=1e-6)


def test_a_damaged_artifact_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"\x08\x0c")
    with pytest.raises(VerifyError, match="ONNX Runtime refuses the model"):
        OnnxRuntimeCpu().load(tmp_path / "bad.onnx")


def test_a_provider_that_is_not_there_is_not_replaced_by_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = export(nets.plain(), tmp_path / "net.onnx")
    monkeypatch.setattr(OnnxRuntimeCuda, "provider", "AbsentExecutionProvider")
    with pytest.raises(VerifyError, match="has no AbsentExecutionProvider here"):
        OnnxRuntimeCuda().load(path)


def test_bfloat16_goes_in_and_out(tmp_path: Path) -> None:
    import ml_dtypes

    infos = [helper.make_tensor_value_info(n, TensorProto.BFLOAT16, [3]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", infos[:1], infos[1:])
    opset = [helper.make_opsetid("", 24)]
    onnx.save(helper.make_model(graph, ir_version=12, opset_imports=opset), tmp_path / "m.onnx")
    x = np.array([1, -2.5, 3]).astype(ml_dtypes.bfloat16)
    found = OnnxRuntimeCpu().load(tmp_path / "m.onnx").run({"x": x})["y"]
    assert found.dtype == x.dtype
    np.testing.assert_array_equal(found, x)


def test_the_target_loads_neither_onnx_nor_its_runtime(root: Path) -> None:
    code = (
        "import sys, kexport_onnx; print([m for m in ('onnx', 'onnxruntime', 'google.protobuf') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=root,
        env={"PYTHONPATH": f"{root}:{root / 'targets'}", "PATH": ""},
    )
    assert done.stdout.strip() == "[]"


def test_a_provider_that_does_not_start_is_not_replaced_by_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    path = export(nets.plain(), tmp_path / "net.onnx")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    real = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda p, o, providers: real(p, o, providers=providers[1:]))
    with pytest.raises(VerifyError, match="could not start CUDAExecutionProvider"):
        OnnxRuntimeCuda().load(path)
