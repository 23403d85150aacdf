"""The page: what stands in it, that nothing can break out of its place, and that the same facts give the same bytes."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from kexport.errors import ConfigError, VerifyError
from kexport.report.write import write_report
from kexport.verify.status import Status
from kexport.workflows.manifest import FILE, manifest_text
from kexport.workflows.verdicts import keep_verdicts
from kexport.workflows.verifying import OTHER_MODEL
from tests.report.dist import HOSTILE, add_bench, add_layers, add_model, check, net, verdict

LOADS = ("src", "srcset", "href", "data", "action", "poster", "background", "ping", "xlink:href")
BATCH = {"name": "random-0", "kind": "random", "sizes": {"batch": 2}, "seed": 0}
HOLLOW = {"meta", "link", "input", "img", "br", "wbr", "hr", "rect", "line", "path"}


class Page(HTMLParser):
    """Every tag with its attributes and the text of the page, without scripts and styles; tags must be balanced."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in HOLLOW:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] not in (["script"], ["style"]):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def report(dist: Path, out: Path | None = None) -> str:
    path = out or dist.parent / "report.html"
    write_report(dist, path)
    return path.read_text(encoding="utf-8")


def good_and_bad(folder: Path, name: str = "net") -> None:
    """One artifact verified, timed and looked into; one failed; one simulated only."""
    failed = verdict("onnx", Status.FAILED, "error 0.5 at [0, 1] is 500 times the tolerance", 0.5)
    entry = add_model(folder, name, [verdict("tflite", Status.VERIFIED), failed, verdict("coreml", Status.SIMULATED)])
    add_bench(folder, entry, {"tflite": 0.00234, "coreml": None})
    good = [check("block/conv", 1e-8), check("bend", 2e-8), check("head", 1e-9)]
    bad = [check("block/conv", 1e-8), check("bend", 4e-5, "diverges"), check("head", None, "diverges")]
    add_layers(folder, entry, {"tflite": good, "onnx": bad})


def test_targets_stand_side_by_side(tmp_path: Path) -> None:
    good_and_bad(tmp_path / "dist")
    text = Page(report(tmp_path / "dist")).text
    assert "✗ 1 failed ≈ 1 simulated ✓ 1 verified" in text
    assert "tflite net.tflite ✓ verified 1.2 kB 2.34 ms p95 4.68 ms tflite-engine, 1 thread" in text
    assert "onnx quarantine/net.onnx ✗ failed 1.2 kB not measured kexport bench measures it 0.5 1e-06 allowed" in text
    assert "coreml net.coreml ≈ simulated 1.2 kB not measured it is not installed" in text
    assert "error 0.5 at [0, 1] is 500 times the tolerance" in text
    assert "failed: it did not pass its check" in text


def test_errors_by_layer_are_drawn_and_listed(tmp_path: Path) -> None:
    good_and_bad(tmp_path / "dist")
    page = report(tmp_path / "dist")
    text = Page(page).text
    assert "onnx in onnx-engine first diverges at bend" in text
    assert "bend 40× 0.02×" in text or "bend 0.02× 40×" in text
    assert "head infinite 0.001×" in text or "head 0.001× infinite" in text
    assert page.count('class="out"') == 2
    assert re.search(r'<g class="box op e4 [^"]*" [^>]*><title>bend', page)


def test_layers_have_their_cost(tmp_path: Path) -> None:
    good_and_bad(tmp_path / "dist")
    text = Page(report(tmp_path / "dist")).text
    assert "92 parameters in 4 layers, 368 B as captured; 5.89 k multiply-adds for one element" in text
    assert "block/ conv conv 72 288 B 4.61 k 0.01× f32[batch,8,8,4]" in text
    assert "merge add 0 0 B 0 - f32[batch,8,8,4]" in text


def test_layers_have_their_time_where_an_engine_tells(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    entry = add_model(dist, "net", [verdict("onnx", Status.VERIFIED)])
    assert "Time by layer was not measured: kexport bench DIST does" in Page(report(dist)).text
    add_bench(dist, entry, {"onnx": 0.002}, {"block/conv": 0.0015, "head": 0.0002, "": 0.0003})
    text = Page(report(dist)).text
    assert "Time is of onnx-engine 1.2, 1 thread, as its profiler tells" in text
    assert "300 µs of a run belong to no layer" in text
    assert "block/ conv conv 72 288 B 4.61 k 1.5 ms - f32[batch,8,8,4]" in text
    assert "merge add 0 0 B 0 - - f32[batch,8,8,4]" in text
    boxes = re.findall(r'<g class="box op ([^"]*)".*?class="v v-time"[^>]*>([^<]*)<', report(dist), re.DOTALL)
    assert [(classes.split()[-1], time) for classes, time in boxes] == [
        ("t5", "1.5 ms"),
        ("tx", "does not show"),
        ("tx", "does not show"),
        ("t4", "200 µs"),
    ]


def test_where_it_was_found_out(tmp_path: Path) -> None:
    good_and_bad(tmp_path / "dist")
    text = Page(report(tmp_path / "dist")).text
    assert "reference Keras on jax, gpu (Abacus 9000), driver 555" in text
    assert "versions jax 0.10" in text
    assert "flags tf32=off" in text
    assert "f00d" * 16 in text
    assert "input image f32[batch,8,8,2] output digit f32[batch,8,8,5]" in text
    manifest = json.loads((tmp_path / "dist" / FILE).read_text())
    assert manifest["models"]["net"]["artifacts"]["tflite"]["files"][0]["sha256"] in text


def test_what_was_not_measured_says_how(tmp_path: Path) -> None:
    add_model(tmp_path / "dist", "net", [verdict("tflite", Status.VERIFIED)], reference=False)
    text = Page(report(tmp_path / "dist")).text
    assert "Latency was not measured. kexport bench DIST measures it" in text
    assert "The error by layer was not recorded. kexport report DIST --locate finds it out, with --model MODEL" in text
    assert "Nothing was recorded of Keras" in text


def test_measurements_of_other_files_are_not_shown(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    entry = add_model(dist, "net", [verdict("tflite", Status.VERIFIED)])
    add_bench(dist, entry, {"tflite": 0.00234}, tflite="0")
    add_layers(dist, entry, {"tflite": [check("bend", 1e-8)]}, tflite="0")
    text = Page(report(dist)).text
    assert "not measured it was, on an older file" in text
    assert "2.34 ms" not in text
    assert "What was recorded is of other files. Record it again" in text


def test_a_changed_file_is_not_called_verified(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    add_model(dist, "net", [verdict("tflite", Status.VERIFIED)])
    (dist / "net.tflite").write_bytes(b"y" * 1234)
    written = write_report(dist, tmp_path / "r.html")
    assert written.to_json()["models"] == {"net": {"tflite": "damaged"}}
    text = Page((tmp_path / "r.html").read_text()).text
    assert "✗ damaged net.tflite was changed: its SHA-256 is not the manifest's" in text


@pytest.mark.parametrize(
    ("file", "text"), [("net.kx", "The graph is damaged"), ("net.reference.safetensors", "The reference is damaged")]
)
def test_damaged_files_beside_the_artifacts_are_told(tmp_path: Path, file: str, text: str) -> None:
    dist = tmp_path / "dist"
    add_model(dist, "net", [verdict("tflite", Status.VERIFIED)])
    (dist / file).write_bytes(b"?")
    assert text in Page(report(dist)).text


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    plain = add_model(dist, "net", [verdict("tflite", Status.FAILED, "why", 0.5)])
    add_layers(dist, plain, {"tflite": [check("bend", 4e-5, "diverges")]})
    expected = [tag for tag, _ in Page(report(dist)).tags]
    entry = add_model(dist, "net", [verdict("tflite", Status.FAILED, HOSTILE, 0.5)], net("net", HOSTILE))
    add_layers(dist, entry, {"tflite": [check(HOSTILE, 4e-5, "diverges")]})
    page = Page(report(dist))
    wordless = [tag for tag, _ in page.tags if tag != "wbr"]
    assert wordless == [tag for tag in expected if tag != "wbr"]
    assert "{{ 7*7 }}" in page.text
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_what_an_artifact_needs_and_tools_said_of_it_is_shown(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    model = add_model(dist, "net", [verdict("tflite", Status.VERIFIED)])
    notes = ["100% of 2 operators run on ethos-u55-128", HOSTILE]
    model.artifacts["tflite"].facts = {"runs_in": "LiteRT 2", "notes": notes, "vela": {"share": 1.0}}
    (dist / FILE).write_text(manifest_text({"net": model}))
    page = Page(report(dist))
    assert "runs in LiteRT 2" in page.text
    assert notes[0] in page.text
    assert "{{ 7*7 }}" in page.text
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_nothing_is_loaded(tmp_path: Path) -> None:
    good_and_bad(tmp_path / "dist")
    page = report(tmp_path / "dist")
    for tag, attributes in Page(page).tags:
        for name in LOADS:
            target = attributes.get(name, "#")
            assert target.startswith("#") or target == "data:,", (tag, name, target)
    assert "http:" not in page
    assert "https:" not in page
    assert "@import" not in page
    assert set(re.findall(r"url\(([^)]*)\)", page)) <= {"#arrow-1"}
    policy = next(a["content"] for t, a in Page(page).tags if "http-equiv" in a)
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_the_same_facts_give_the_same_bytes(tmp_path: Path) -> None:
    for part in ("one", "two"):
        good_and_bad(tmp_path / part / "dist")
    assert report(tmp_path / "one" / "dist") == report(tmp_path / "two" / "dist")


def test_several_models_have_a_part_each(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    good_and_bad(dist, "second")
    add_model(dist, "first", [verdict("onnx", Status.VERIFIED)])
    page = Page(report(dist))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {"model-1", "model-2"} <= set(ids)
    assert "2 models" in page.text
    assert "first verified second failed" in page.text
    write_report(dist, tmp_path / "one.html", name="first")
    assert "second" not in (tmp_path / "one.html").read_text()


def test_headings_and_pictures_can_be_heard(tmp_path: Path) -> None:
    good_and_bad(tmp_path / "dist")
    tags = Page(report(tmp_path / "dist")).tags
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    images = [a for _, a in tags if a.get("role") == "img"]
    assert len(images) == 2
    assert all(a["aria-label"] for a in images)
    assert all("aria-label" in a for t, a in tags if a.get("role") == "region")
    assert next(a for t, a in tags if t == "html")["lang"] == "en"


def test_later_verdicts_are_on_the_page(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    model = add_model(dist, "net", [verdict("tflite", Status.VALID, "not run: litert is not installed")])
    later = dataclasses.replace(verdict("tflite", Status.VERIFIED), batches=(BATCH,), peak_bytes=7_000_000)
    assert keep_verdicts(dist, model, {"tflite": [later]}) == ""
    text = Page(report(dist)).text
    assert "tflite net.tflite ✓ verified" in text
    assert "not run" not in text
    assert "7.0 MB" in text


def test_verdicts_on_another_file_are_not_on_the_page(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    add_model(dist, "net", [verdict("tflite", Status.VERIFIED)])
    data = json.loads((dist / FILE).read_text())
    data["models"]["net"]["artifacts"]["tflite"]["verdicts"][0]["sha256"] = "0" * 64
    (dist / FILE).write_text(json.dumps(data))
    text = Page(report(dist)).text
    assert "tflite net.tflite ○ emitted" in text
    assert "1 checks passed" not in text


def test_what_was_kept_of_another_model_is_said_so(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    model = add_model(dist, "net", [verdict("tflite", Status.VERIFIED)])
    model.artifacts["tflite"].kept = True
    (dist / FILE).write_text(manifest_text({"net": model}))
    assert OTHER_MODEL in Page(report(dist)).text


@pytest.mark.parametrize("name", [None, "other"])
def test_no_such_model(tmp_path: Path, name: str | None) -> None:
    (tmp_path / FILE).write_text(manifest_text({}))
    with pytest.raises(ConfigError, match="there is no model"):
        write_report(tmp_path, tmp_path / "r.html", name=name)


def test_damaged_measurements_are_an_error(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    add_model(dist, "net", [])
    (dist / "kexport.layers.json").write_text("[]")
    with pytest.raises(VerifyError, match="the errors by layer are damaged"):
        write_report(dist, tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    add_model(tmp_path / "dist", "net", [])
    with pytest.raises(ConfigError, match="cannot write here"):
        write_report(tmp_path / "dist", tmp_path / "nowhere" / "r.html")
