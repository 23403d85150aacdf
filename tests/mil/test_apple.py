"""Apple's own operator tests: a sample of every test function must pass, and none may fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import kexport_shared.mil.table
from tests.mil.apple import KINDS, logged, sampled, summary
from tests.mil.exclusions import EXCLUSIONS, excluded, unused

ROOT = Path(__file__).parents[2]
FILES = 38
LIMIT_S = 1200


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The records of the sample, made by a process of its own: Apple's tests change what coremltools is."""
    if find_spec("torch") is None:
        pytest.skip("Apple's tests import PyTorch, which is not installed: make torch")
    log = tmp_path_factory.mktemp("apple") / "sample.jsonl"
    command = [sys.executable, "-m", "tests.mil.apple", "--sample", "--log", str(log)]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "targets")])
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert log.exists(), done.stderr[-4000:]
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()]


@pytest.mark.slow
def test_none_fails(sample: list[dict[str, Any]]) -> None:
    assert not [r["test"] for r in sample if r["kind"] == "failed"], summary(sample)[-8000:]


@pytest.mark.slow
def test_enough_pass(sample: list[dict[str, Any]]) -> None:
    kinds = Counter(r["kind"] for r in sample)
    assert set(kinds) <= set(KINDS)
    assert kinds["passed"] > 750
    assert kinds["excluded"] < 0.05 * kinds["passed"]
    assert len({r["test"].split("::")[0] for r in sample if r["kind"] == "passed"}) >= FILES


# operations no test of Apple's runs on a device; test_semantics.py holds what they mean
UNREACHED = {"ceil", "classify", "conv_quantized", "logical_and", "logical_not", "logical_or", "logical_xor"}


@pytest.mark.slow
def test_almost_every_operation_is_judged(sample: list[dict[str, Any]]) -> None:
    judged = {name for r in sample for name in r["operations"]}
    known = set(kexport_shared.mil.table.OPERATIONS) | set(kexport_shared.mil.table.CONTEXTUAL)
    assert known - judged == UNREACHED


class Item:
    """A test that was found."""

    def __init__(self, name: str):
        self.nodeid = name


def test_the_sample_takes_three_of_a_function() -> None:
    items: list[Any] = [Item(f"a.py::f[{i}]") for i in range(100)] + [Item("a.py::g")]
    assert [i.nodeid for i in sampled(items)] == ["a.py::f[16]", "a.py::f[50]", "a.py::f[83]", "a.py::g"]


def test_the_sample_prefers_float32() -> None:
    found: list[Any] = [Item(f"a.py::f[{p}-{n}]") for n in range(10) for p in ("fp16", "fp32")]
    assert sorted(i.nodeid[8:12] for i in sampled(found)) == ["fp16", "fp32", "fp32"]
    assert len(sampled(found[::2])) == 3


def test_the_sample_takes_every_mode() -> None:
    modes = ["mode=sin"] * 50 + ["mode=cos"] + ["mode=tan"] * 50
    found: list[Any] = [Item(f"a.py::f[{m}-{n}]") for n, m in enumerate(modes)]
    names = [i.nodeid for i in sampled(found)]
    assert {n.split("-")[0] for n in names} == {"a.py::f[mode=sin", "a.py::f[mode=cos", "a.py::f[mode=tan"}


def test_an_exclusion_no_test_needs_is_found() -> None:
    assert unused([]) == list(EXCLUSIONS)
    assert EXCLUSIONS[0] not in unused(["iOS15/test_image_resizing.py::TestResample::t[precision='fp32']"])


def test_an_exclusion_names_its_reason() -> None:
    assert excluded("iOS15/test_image_resizing.py::TestResample::t[precision='fp32']") is not None
    assert excluded("iOS14/test_conv.py::TestConv::t") is None
    assert all(e.reason for e in EXCLUSIONS)


def test_a_run_that_was_cut_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "all.jsonl"
    assert logged(None) == logged(log) == []
    log.write_text('{"test": "a"}\n{"test": "b"}\n{"te')
    assert logged(log) == [{"test": "a"}, {"test": "b"}]
    assert log.read_text() == '{"test": "a"}\n{"test": "b"}\n'
