"""What visits is run, judged at home and shown its verdict; what has no business here gets nothing."""

from __future__ import annotations

import http.client
import json
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from kexport.cli.main import cli
from kexport.errors import ConfigError
from kexport.ir.evaluator import evaluate
from kexport.ir.op import Array
from kexport.replay.agent import browser_of, plain_words, system_of
from kexport.replay.serve import Outcome, Serving, serving
from kexport.replay.server import MAX_BODY, MAX_VISITS
from kexport.report.facts import read_facts
from kexport.target import find_target
from kexport.workflows.manifest import read_manifest
from kexport.workflows.report import ArtifactReport
from kexport_shared.js.browser import Browser, find_browser
from kexport_shared.js.npm import Packages
from tests.replay.dist import write_dist
from tests.replay.visitor import Visitor, ask
from tests.tfjs.nets import image_net

NET = image_net(8)
BACKENDS = ["tfjs-browser-wasm", "tfjs-browser-webgl", "tfjs-browser-webgl-half", "tfjs-browser-webgpu"]


@pytest.fixture
def dist(made: Path, tmp_path: Path) -> Path:
    """A copy of the shared folder: verdicts are kept in it."""
    return Path(shutil.copytree(made, tmp_path / "served"))


def right(header: Mapping[str, Any], tensors: Mapping[str, Array]) -> dict[str, Array]:
    """What the artifact is to compute."""
    return evaluate(NET, tensors)


def wrong(header: Mapping[str, Any], tensors: Mapping[str, Array]) -> dict[str, Array]:
    """Too much by a tenth in one output."""
    found = evaluate(NET, tensors)
    return {**found, "features": (found["features"] * 1.1 + 0.1).astype("f4")}


def broken(message: str) -> Any:
    """An engine that fails, or a page that answers nonsense."""

    def engine(header: Mapping[str, Any], tensors: Mapping[str, Array]) -> dict[str, Array]:
        raise RuntimeError(message)

    return engine


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the npm packages were there: no page of these tests loads them."""
    monkeypatch.setattr(Packages, "version", lambda self, package: "9.9")


def one(running: Serving, engine: Any, **options: Any) -> tuple[Outcome, dict[str, Any]]:
    """The outcome of one visit, and what the visitor was shown last."""
    visitor = Visitor(running.url, engine, **options)
    outcome = next(running.outcomes())
    visitor.join(10)
    return outcome, visitor.shown


@pytest.mark.usefixtures("installed")
def test_a_right_artifact_is_verified_by_the_visitors_numbers(dist: Path) -> None:
    with serving(dist / "net.tfjs") as running:
        outcome, shown = one(running, right)
    assert outcome.report
    assert outcome.report.exit_code == 0
    assert outcome.report.notes == ("checked on Android 14 at 127.0.0.1",)
    (artifact,) = outcome.report.artifacts
    assert [(v.runtime, v.status.value) for v in artifact.verdicts] == [(name, "verified") for name in BACKENDS]
    assert {v.version for v in artifact.verdicts} == {"9.9 in Chrome 131.0.0.0"}
    assert shown["state"] == "Done: everything that ran is right."
    assert [row[:2] for row in shown["rows"]] == [["verified", f"net.tfjs in {name}"] for name in BACKENDS]


@pytest.mark.usefixtures("installed")
def test_what_a_visitor_showed_is_kept_in_the_manifest(dist: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(dist, tmp_path / "dist")
    for engine, expected in ((right, "verified"), (wrong, "failed"), (right, "verified")):
        with serving(mine / "net.tfjs") as running:
            outcome, _ = one(running, engine)
        assert outcome.report
        artifact = read_manifest(mine)["net"].artifacts["tfjs"]
        assert artifact.status == expected
        assert [(v.runtime, v.host, v.status.value) for v in artifact.known()] == [
            (name, "Android 14 at 127.0.0.1", expected) for name in BACKENDS
        ]
    (section,) = read_facts(mine)
    assert {v.runtime: set(v.seconds or ()) for v in section.verdicts(artifact)} == {
        name: {"load", "first", "best"} for name in BACKENDS
    }


@pytest.mark.usefixtures("installed")
def test_a_bundle_is_served_too(check: Path) -> None:
    with serving(check) as running:
        outcome, _ = one(running, right)
    assert outcome.report
    statuses = {a.target: a.status for a in outcome.report.artifacts}
    assert statuses == {"onnx": "verified", "tflite": "valid", "tfjs": "verified"}
    declined = outcome.report.artifacts[1].verdicts[0]
    assert "LiteRT.js takes no dynamic sizes" in declined.reason
    assert (declined.version, declined.host) == ("9.9 in Chrome 131.0.0.0", "Android 14 at 127.0.0.1")
    assert declined.seconds is None


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (wrong, "output 'features'"),
        (broken("kernel \x1b[31m missing"), "error: kernel [31m missing"),
        (broken("raw nonsense"), "error: the engine gave an answer that cannot be read"),
        (lambda header, tensors: {}, "garbage: KeyError: 'class'"),
    ],
)
def test_what_is_wrong_fails(dist: Path, engine: Any, message: str) -> None:
    with serving(dist / "net.tfjs") as running:
        outcome, shown = one(running, engine)
    assert outcome.report
    assert outcome.report.exit_code == 1
    assert all(message in v.reason for v in outcome.report.artifacts[0].verdicts)
    assert shown["state"] == "Done: something is wrong."


@pytest.mark.usefixtures("installed")
def test_an_engine_that_cannot_start_proves_nothing(dist: Path) -> None:
    with serving(dist / "net.tfjs") as running:
        outcome, shown = one(running, right, about=b'{"error": "no WebGL here\\n at x.js"}')
    assert outcome.report is None
    assert "nothing was run: net.tfjs: not run: it cannot start: no WebGL here" in outcome.problem
    assert "at x.js" not in outcome.problem
    assert shown["state"].startswith("Stopped: nothing was run")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("about", [b"nonsense", b"[]"])
def test_a_first_answer_that_makes_no_sense_fails(dist: Path, about: bytes) -> None:
    with serving(dist / "net.tfjs") as running:
        outcome, _ = one(running, right, about=about)
    assert outcome.report
    assert "the page's first answer is no JSON" in outcome.report.artifacts[0].reason


@pytest.mark.usefixtures("installed")
def test_half_precision_is_judged_as_such(dist: Path) -> None:
    with serving(dist / "net.tfjs") as running:
        outcome, _ = one(running, right, about=b'{"half": true}')
    assert outcome.report
    verdicts = {v.runtime: v for v in outcome.report.artifacts[0].verdicts}
    assert verdicts["tfjs-browser-webgl"].status.value == "valid"
    assert "WebGL has half precision here" in verdicts["tfjs-browser-webgl"].reason
    assert verdicts["tfjs-browser-webgl-half"].status.value == "verified"


@pytest.mark.usefixtures("installed")
def test_a_visitor_who_leaves_gets_no_verdict(dist: Path) -> None:
    with serving(dist / "net.tfjs") as running:
        outcome, _ = one(running, right, leave=True)
        assert (outcome.report, outcome.problem) == (None, "the page was closed before the end")
        again, _ = one(running, right)
        assert again.report


@pytest.mark.usefixtures("installed")
def test_a_page_that_is_silent_runs_out_of_time(dist: Path) -> None:
    silence = threading.Event()

    def engine(header: Mapping[str, Any], tensors: Mapping[str, Array]) -> dict[str, Array]:
        silence.wait(30)
        return {}

    with serving(dist / "net.onnx", timeout=1.0) as running:
        outcome, _ = one(running, engine)
        silence.set()
    assert outcome.report
    assert "timeout: no answer after 1 s" in outcome.report.artifacts[0].reason


@pytest.mark.usefixtures("installed")
def test_who_does_not_know_the_address_gets_nothing(dist: Path) -> None:
    with serving(dist) as running:
        origin = running.url.removesuffix(running.server.root)
        visit = running.server.arrive("", "")
        assert visit
        base = visit.base
        below = (f"{base}0/request", f"{base}left/x", f"{base}../../kexport.json", running.server.root + "missing")
        for path in ("", "/", "/visit", "/news", "/%2e%2e/", base[:-3], *below):
            assert ask(origin + path)[0] == 404, path
        assert ask(f"{origin}/visit", b"")[0] == 404
        assert ask(f"{origin}/wrong/visit", b"x" * 10)[0] == 404
        assert running.server.arrivals.qsize() == 1
        assert len(running.server.root) > 16


@pytest.mark.usefixtures("installed")
def test_only_what_the_page_needs_is_served(dist: Path) -> None:
    from kexport.replay.visit import Opened
    from kexport.target import find_target

    with serving(dist) as running:
        visit = running.server.arrive("", "")
        page = next(r.page() for r in find_target("tfjs").runtimes() if r.page())
        assert visit
        assert page
        opened = visit.opened[f"{visit.base}0/"] = Opened(f"{visit.base}0/", page, 0.0, visit.left)
        place = opened.mount(dist / "net.tfjs")
        origin = running.url.removesuffix(running.server.root)
        assert ask(f"{origin}{place}model.json")[0] == 200
        for path in ("../net.onnx", "%2e%2e/net.onnx", "..%2fnet.onnx", "", "missing", "/etc/passwd"):
            assert ask(f"{origin}{place}{path}")[0] == 404, path


@pytest.mark.usefixtures("installed")
def test_large_and_strange_messages_are_refused(dist: Path) -> None:
    with serving(dist) as running:
        url = urlsplit(running.url)
        assert url.hostname
        nonsense = ("-1", "x", "", "+1", "1_0", "0x1", "\xb2", "9" * 5000, "1 2")
        wrong = [(length, f"{url.path}visit", 400) for length in nonsense]
        for length, path, status in [*wrong, (str(MAX_BODY + 1), f"{url.path}visit", 413), ("1", "/visit", 404)]:
            connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
            connection.putrequest("POST", path)
            connection.putheader("Content-Length", length)
            connection.endheaders()
            reply = connection.getresponse()
            assert reply.status == status
            assert reply.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
            connection.close()


@pytest.mark.usefixtures("installed")
def test_too_many_visitors_are_turned_away(dist: Path) -> None:
    with serving(dist) as running:
        visits = [running.server.arrive("", "") for _ in range(MAX_VISITS)]
        assert all(visits)
        assert ask(f"{running.url}visit", b"")[0] == 503
        assert visits[0]
        visits[0].left.set()
        assert ask(f"{running.url}visit", b"")[0] == 200


def test_what_cannot_be_served(dist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Packages, "version", lambda self, package: None)
    with pytest.raises(ConfigError, match="what runs in a browser is not installed") as caught, serving(dist):
        pytest.fail("it was served")
    assert "kexport doctor --install" in str(caught.value.hint)


@pytest.mark.usefixtures("installed")
def test_an_address_that_is_taken(dist: Path) -> None:
    with serving(dist) as running:
        port = urlsplit(running.url).port
        assert port
        with pytest.raises(ConfigError, match=rf"cannot listen at 127\.0\.0\.1:{port}"), serving(dist, port=port):
            pytest.fail("it was served twice")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--lan", "--host", "::"), "--lan and --host contradict each other"),
        (("--json",), "--json prints one document, hence one verdict"),
    ],
)
def test_wrong_options(args: tuple[str, ...], message: str) -> None:
    done = CliRunner().invoke(cli, ["serve", "dist", *args])
    assert done.exit_code == 3
    assert message in done.stderr


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("engine", "code"), [(right, 0), (wrong, 1)])
def test_the_command_ends_with_the_verdict(dist: Path, engine: Any, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from kexport.replay import serve

    outcomes = serve.Serving.outcomes

    def visited(self: Serving) -> Any:
        Visitor(self.url, engine)
        return outcomes(self)

    monkeypatch.setattr(serve.Serving, "outcomes", visited)
    done = CliRunner().invoke(cli, ["serve", str(dist / "net.tfjs"), "--once", "--json"])
    assert done.exit_code == code, done.stderr
    assert done.stderr.startswith("open http://127.0.0.1:")
    assert json.loads(done.stdout)["artifacts"][0]["target"] == "tfjs"


def test_a_real_browser_visits(dist: Path) -> None:
    if find_browser() is None:
        pytest.skip("there is no Chrome or Chromium here")
    if not any(p.version("@tensorflow/tfjs") for p in [_tfjs_packages()]):
        pytest.skip("the npm packages are not installed: kexport doctor --install tfjs")
    flags = ("--enable-unsafe-webgpu", "--enable-unsafe-swiftshader", "--enable-features=Vulkan")
    artifact = visited_by_a_browser(dist / "net.tfjs", flags)
    assert [(v.runtime, v.status.value) for v in artifact.verdicts] == [(name, "verified") for name in BACKENDS]
    assert all("in Chrome " in (v.version or "") for v in artifact.verdicts)


@pytest.mark.parametrize("target", ["onnx", "tflite"])
def test_a_real_browser_runs_other_engines_too(target: str, tmp_path: Path) -> None:
    (runtime,) = [r for r in find_target(target).runtimes() if r.on_request]
    if runtime.version() is None:
        pytest.skip(f"{runtime.name} is not installed: {runtime.how_to_install}")
    folder = write_dist(tmp_path / "dist", [target], batch=2)
    artifact = visited_by_a_browser(folder / f"net{find_target(target).suffix}")
    assert [(v.runtime, v.status.value) for v in artifact.verdicts] == [(runtime.name, "verified")]


def visited_by_a_browser(path: Path, flags: tuple[str, ...] = ()) -> ArtifactReport:
    """What is found out about an artifact in the browser of this machine."""
    with serving(path, timeout=120) as running:
        browser = Browser(running.url, flags)
        try:
            outcome = next(running.outcomes())
        finally:
            browser.close()
    assert outcome.report
    (artifact,) = outcome.report.artifacts
    return artifact


def _tfjs_packages() -> Packages:
    from kexport_tfjs.runtime import PACKAGES

    return PACKAGES


@pytest.mark.parametrize(
    ("agent", "system", "browser"),
    [
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/131.0.0.0 Mobile Safari/537.36",
         "Android 14", "Chrome 131.0.0.0"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) Version/17.4 Mobile/15E148 Safari/604.1",
         "iPhone, iOS 17.4", "Safari 17.4"),
        ("Mozilla/5.0 (Linux; Android 13; SM-S901B) Chrome/115.0 SamsungBrowser/23.0 Safari/537.36",
         "Android 13", "Samsung Internet 23.0"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.51",
         "Windows NT 10.0", "Edge 131.0.2903.51"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "Linux x86_64", "Firefox 132.0"),
        ("", "an unknown device", "an unknown browser"),
        ("\x1b]0;evil\x07" + "x" * 500, "]0;evil " + "x" * 72, "an unknown browser"),
    ],
)  # fmt: skip
def test_devices_in_words(agent: str, system: str, browser: str) -> None:
    assert (system_of(agent), browser_of(agent)) == (system, browser)


def test_strangers_words_are_made_plain() -> None:
    assert plain_words("a\nb\x1b[0m\u202e c", 6) == "a b [0"
