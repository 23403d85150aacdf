"""Artifacts of other targets in a headless browser: ONNX Runtime Web and LiteRT.js."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kexport_onnx
import kexport_tflite
from kexport.errors import ConfigError, NotApplicable
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.types import DType
from kexport.lowered import lower_for
from kexport.target import Runtime, Target
from kexport_shared.js.browser import find_browser
from kexport_shared.js.page import PageRuntime
from tests.tfjs.nets import image_net, integers

TARGETS: dict[str, Target] = {"onnx": kexport_onnx.TARGET, "tflite": kexport_tflite.TARGET}


def page_of(target: Target) -> PageRuntime:
    (runtime,) = (r for r in target.runtimes() if isinstance(r, PageRuntime))
    return runtime


def require(target: Target) -> Runtime:
    runtime = page_of(target)
    if find_browser() is None:
        pytest.skip("there is no Chrome or Chromium here")
    if runtime.version() is None:
        pytest.skip(f"the npm packages are not installed: kexport doctor --install {target.name}")
    return runtime


def export(target: Target, graph: Graph, path: Path, **options: Any) -> Path:
    return lower_for(target, target.options(**options), graph).write(path)


@pytest.mark.parametrize("name", TARGETS)
def test_a_net_computes_the_same(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    runtime = require(target)
    graph = image_net().bind({"batch": 2})
    inputs = {"image": np.random.default_rng(1).standard_normal((2, 12, 12, 3)).astype(np.float32)}
    session = runtime.load(export(target, graph, tmp_path / f"m{target.suffix}"))
    for _ in range(2):
        found = session.run(inputs)
        for output, want in evaluate(graph, inputs, wide=True).items():
            np.testing.assert_allclose(found[output], want, atol=2e-6)


def test_onnx_runs_dynamic_sizes_and_long_integers(tmp_path: Path) -> None:
    target = kexport_onnx.TARGET
    session = require(target).load(export(target, integers(DType.I64), tmp_path / "m.onnx"))
    for length in (3, 2):
        ids = np.arange(length)[None]
        found = session.run({"ids": ids})
        assert found["next"].dtype == np.int64
        np.testing.assert_array_equal(found["next"], ids + 1)
        np.testing.assert_array_equal(found["rows"][0, 1], [2, 3])


def test_what_a_page_cannot_run_is_declined(tmp_path: Path) -> None:
    tflite = page_of(kexport_tflite.TARGET)
    onnx = page_of(kexport_onnx.TARGET)
    with pytest.raises(NotApplicable, match=r"LiteRT\.js takes no dynamic sizes"):
        tflite.load(export(kexport_tflite.TARGET, image_net(), tmp_path / "m.tflite"))
    fixed = integers(DType.I64).bind({"batch": 1, "length": 3})
    with pytest.raises(NotApplicable, match=r"LiteRT\.js takes and gives no i64"):
        tflite.load(export(kexport_tflite.TARGET, fixed, tmp_path / "i.tflite"))
    apart = export(kexport_onnx.TARGET, image_net(), tmp_path / "m.onnx", external_data=True)
    with pytest.raises(NotApplicable, match="weights in a file beside the model"):
        onnx.load(apart)


@pytest.mark.parametrize("name", TARGETS)
def test_pages_run_on_request_only_and_say_how_to_install_them(name: str) -> None:
    runtime = page_of(TARGETS[name])
    assert runtime.on_request
    assert runtime.how_to_install.startswith(f"kexport doctor --install {name}; install Chrome")


def test_a_target_with_nothing_to_install_says_so() -> None:
    import kexport_savedmodel

    with pytest.raises(ConfigError, match="savedmodel needs nothing but packages") as caught:
        kexport_savedmodel.TARGET.install()
    assert caught.value.hint == "pip install 'kexport[savedmodel]'"
