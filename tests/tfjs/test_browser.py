"""Artifacts in a real headless browser, on every backend that TensorFlow.js has there."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest

from kexport.errors import NotApplicable, VerifyError
from kexport.ir.dim import symbol
from kexport.ir.evaluator import evaluate
from kexport.target import Runtime
from kexport_shared.js.browser import BrowserEngine, find_browser
from kexport_shared.js.npm import Packages
from kexport_shared.js.server import Server
from kexport_tfjs import TARGET
from kexport_tfjs.runtime import BrowserRuntime, BrowserWebgpu, NodeCpu, open_session
from tests.ops.cases_recurrent import CASES as RECURRENT
from tests.tfjs.conftest import NOT_INSTALLED
from tests.tfjs.helper import export
from tests.tfjs.loops import running_sum, strained
from tests.tfjs.nets import image_net, integers

BROWSERS = [r for r in TARGET.runtimes() if isinstance(r, BrowserRuntime)]
ALLOWED = {"tfjs-browser-webgl-half": 5e-3}
"""Relative to the greatest magnitude; 2e-6 for others."""


def require(runtime: Runtime) -> None:
    if find_browser() is None:
        pytest.skip("there is no Chrome or Chromium here")
    if runtime.version() is None:
        pytest.skip(NOT_INSTALLED)


@pytest.fixture(scope="module", params=BROWSERS, ids=lambda r: r.name)
def browser(request: pytest.FixtureRequest) -> Iterator[tuple[BrowserRuntime, BrowserEngine]]:
    """A browser for each backend, kept between models."""
    require(request.param)
    engine = request.param.start()
    yield request.param, engine
    engine.close()


def test_a_net_computes_the_same(browser: tuple[BrowserRuntime, BrowserEngine], tmp_path: Path) -> None:
    runtime, engine = browser
    graph = image_net()
    inputs = {"image": np.random.default_rng(1).standard_normal((3, 12, 12, 3)).astype(np.float32)}
    path = export(graph, tmp_path / "m.tfjs")
    found = open_session(engine, path, engine.mount(path)).run(inputs)
    for name, want in evaluate(graph, inputs, wide=True).items():
        error = float(np.abs(found[name] - want).max() / np.abs(want).max())
        assert error < ALLOWED.get(runtime.name, 2e-6)
        if runtime.name in ALLOWED:
            assert error > 2e-6, "full precision where half was forced"


def test_a_loop_computes_the_same(browser: tuple[BrowserRuntime, BrowserEngine], tmp_path: Path) -> None:
    runtime, engine = browser
    masked = next(c for c in RECURRENT if c.id == "lstm-masked_reverse")
    sequence = np.random.default_rng(2).standard_normal((3, 21, 2)).astype(np.float32)
    start = np.ones((3, 2), np.float32)
    for i, (graph, inputs) in enumerate(
        (
            (strained(), {"x": start}),
            (running_sum(symbol("length")), {"start": start, "x": sequence}),
            (masked.graph(), masked.inputs()),
        )
    ):
        path = export(graph, tmp_path / f"{i}.tfjs")
        found = open_session(engine, path, engine.mount(path)).run(inputs)
        for name, want in evaluate(graph, inputs, wide=True).items():
            scale = max(1.0, float(np.abs(want).max()))
            np.testing.assert_allclose(found[name], want, atol=2 * ALLOWED.get(runtime.name, 2e-6) * scale)


def test_integers_come_back(browser: tuple[BrowserRuntime, BrowserEngine], tmp_path: Path) -> None:
    _, engine = browser
    path = export(integers(), tmp_path / "m.tfjs")
    found = open_session(engine, path, engine.mount(path)).run({"ids": np.array([[0, 5, 2]])})
    np.testing.assert_array_equal(found["next"], [[1, 6, 3]])
    np.testing.assert_array_equal(found["rows"][0, 1], [10, 11])


def test_many_shards_load(tmp_path: Path) -> None:
    runtime = BROWSERS[0]
    require(runtime)
    graph = image_net(channels=640)
    path = export(graph, tmp_path / "m.tfjs")
    assert len(list(path.glob("*.bin"))) > 6
    inputs = {"image": np.ones((1, 12, 12, 3), np.float32)}
    engine = runtime.start()
    found = open_session(engine, path, engine.mount(path)).run(inputs)
    engine.close()
    np.testing.assert_allclose(found["class"], evaluate(graph, inputs, wide=True)["class"], atol=1e-5)


def test_an_error_in_the_page_is_reported(browser: tuple[BrowserRuntime, BrowserEngine], tmp_path: Path) -> None:
    _, engine = browser
    path = export(integers(), tmp_path / "m.tfjs")
    (path / "group1-shard1of1.bin").unlink()
    with pytest.raises(VerifyError, match="should have 12 values but has 0"):
        open_session(engine, path, engine.mount(path))


def test_large_inputs_are_left_out_without_a_gpu(tmp_path: Path) -> None:
    runtime = BrowserWebgpu()
    require(runtime)
    path = export(image_net(size=100), tmp_path / "m.tfjs")
    engine = runtime.start()
    software = engine.about["software"]
    engine.close()
    if not software:
        pytest.skip("there is a GPU here")
    with pytest.raises(NotApplicable, match="WebGPU without a GPU would take minutes for inputs of 30000 elements"):
        runtime.load(path)


def test_large_models_are_left_out_in_plain_javascript(tmp_path: Path) -> None:
    path = export(image_net(channels=500), tmp_path / "m.tfjs")
    with pytest.raises(NotApplicable, match="plain JavaScript would take minutes for 17 MiB of weights"):
        NodeCpu().load(path)


def test_browsers_run_on_request_only() -> None:
    assert {r.name for r in TARGET.runtimes() if r.on_request} == {r.name for r in BROWSERS}
    assert all("kexport doctor --install tfjs" in r.how_to_install for r in TARGET.runtimes())


def test_packages_that_are_not_installed_have_no_version(tmp_path: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        (tmp_path / name).write_text("{}")
    assert Packages("none", tmp_path).version("@tensorflow/tfjs") is None


def test_a_server_serves_its_folders_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.wasm").write_bytes(b"abc")
    (tmp_path / "secret").write_bytes(b"xyz")
    server = Server({"/in/": tmp_path / "in"})
    try:
        with urlopen(f"{server.url}/in/a.wasm") as reply:
            assert reply.read() == b"abc"
            assert reply.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
            assert reply.headers["Content-Type"] == "application/wasm"
        assert server.find("/in/../secret") is None
        assert server.find("/secret") is None
    finally:
        server.close()


def test_a_server_takes_answers_of_its_own_page_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    server = Server({})
    host = server.url.removeprefix("http://")
    try:
        for path, headers, status in (
            ("/answer", {"Origin": server.url}, 204),
            ("/answer", {}, 204),
            ("/answer", {"Origin": "http://elsewhere"}, 404),
            ("/answer", {"Origin": "null"}, 404),
            ("/other", {}, 404),
            ("http://[", {}, 404),
            ("/answer", {"Content-Length": "x"}, 404),
            ("/answer", {"Content-Length": "-1"}, 404),
        ):
            client = HTTPConnection(host, timeout=10)
            client.putrequest("POST", path, skip_host=True)
            for name, value in {"Content-Length": "2", **headers}.items():
                client.putheader(name, value)
            client.endheaders(b"{}")
            assert client.getresponse().status == status, (path, headers)
            client.close()
        assert server.answers.qsize() == 2
    finally:
        server.close()
    assert "Traceback" not in capfd.readouterr().err
