"""Whatever an engine does is a result."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kexport.engines import host, process
from kexport.engines.runner import IN_PROCESS, RunResult, can_start_processes, run_artifact, run_here
from kexport.engines.worker import find_runtime, load_target, main
from kexport.errors import ConfigError
from kexport.target import Runtime
from tests import toy

INPUTS = [{"x": np.ones((n, toy.FEATURES), np.float32)} for n in (1, 3)]


def run(artifact: Path, behaviour: str, timeout: float = 30.0, target: str = toy.SPEC, repeats: int = 0) -> RunResult:
    runtime = find_runtime(toy.TARGET, behaviour)
    return run_artifact(artifact, target, runtime, INPUTS, timeout=timeout, repeats=repeats)


def test_good_runs_give_outputs_seconds_and_memory(artifact: Path) -> None:
    result = run(artifact, "good", repeats=2)
    assert result.ok, result.message
    assert [o["probs"].shape for o in result.outputs] == [(1, toy.CLASSES), (3, toy.CLASSES)]
    expected = toy.compute(INPUTS[1]["x"], toy.weights())
    assert all(np.array_equal(result.outputs[1][k], v) for k, v in expected.items())
    assert 0 < result.seconds["best"] <= result.seconds["first"]
    assert result.seconds["load"] > 0
    assert result.peak_bytes > 10e6


@pytest.mark.parametrize(
    ("behaviour", "status", "message"),
    [
        ("chatty", "ok", ""),
        ("segfault", "crashed", "ended by SIGSEGV (phase: run 0): about to die"),
        ("exit", "crashed", "exit code 3 (phase: run 0)"),
        ("raise", "error", "RuntimeError: the engine refuses op 7 (phase: run 0)"),
        ("decline", "not applicable", "this engine is for smaller models (phase: run 0)"),
        ("list", "error", "TypeError: the runtime gave a list instead of outputs by name (phase: run 0)"),
        ("objects", "error", "ConfigError: 'probs' holds objects that are no text (phase: run 0)"),
        ("junk", "garbage", "the outputs of batch 0 cannot be read: truncated or damaged"),
        ("absent", "missing", "absent is not installed: pip install 'kexport[toy]'"),
    ],
)
def test_misbehaviour_is_a_result(artifact: Path, behaviour: str, status: str, message: str) -> None:
    result = run(artifact, behaviour)
    assert result.status == status, result.message
    assert result.message.startswith(message)


def test_a_hang_ends_at_the_time_limit(artifact: Path) -> None:
    start = time.monotonic()
    result = run(artifact, "hang", timeout=2.0)
    assert time.monotonic() - start < 10
    assert result.status == "timeout"
    assert result.message.startswith("no result after 2 s (phase: ")


def test_a_broken_artifact_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    result = run(tmp_path / "bad.json", "good")
    assert result.status == "error"
    assert "(phase: load)" in result.message


def test_targets_of_strangers(artifact: Path) -> None:
    result = run(artifact, "good", target="tests.verify.gone:TARGET")
    assert "cannot be loaded" in result.message
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_target("tests.toy:GONE")
    with pytest.raises(ConfigError, match="is a Contract, not a target"):
        load_target("tests.toy:CONTRACT")
    with pytest.raises(ConfigError, match="there is no target 'nope'"):
        load_target("nope")
    with pytest.raises(ConfigError, match="has no runtime 'nope'"):
        find_runtime(toy.TARGET, "nope")


def test_a_dead_worker_that_wrote_nothing(artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    result = run(artifact, "good")
    assert (result.status, result.message) == ("crashed", "exit code 1 (phase: start)")


def test_long_last_words_are_cut(artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "TAIL", 5)
    assert run(artifact, "segfault").message.endswith("…o die")


def test_the_environment_of_this_process_stays(artifact: Path) -> None:
    before = dict(os.environ)
    run(artifact, "good")
    assert dict(os.environ) == before


def test_the_worker_in_process(artifact: Path, tmp_path: Path) -> None:
    """The same code without a process, so that a failure here shows its place."""
    (tmp_path / "job.json").write_text(
        f'{{"target": "{toy.SPEC}", "runtime": "raise", "artifact": "{artifact}", "batches": 0}}'
    )
    assert main(tmp_path) == 0
    assert '"phase": "done"' in (tmp_path / "result.json").read_text()


def test_missing_runtimes_start_no_process(artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process.subprocess, "Popen", lambda *a, **k: pytest.fail("started"))
    absent: Runtime = find_runtime(toy.TARGET, "absent")
    assert run_artifact(artifact, toy.SPEC, absent, INPUTS).status == "missing"


def test_peak_memory_is_this_process_own() -> None:
    import subprocess
    import sys

    code = "from kexport.engines.memory import peak_bytes; b = bytearray(100 << 20); print(peak_bytes())"
    hog = bytearray(400 << 20)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(hog) > int(done.stdout) > 100 << 20


def test_without_a_process_the_outputs_are_the_same(artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = find_runtime(toy.TARGET, "good")
    expected = run(artifact, "good").outputs
    monkeypatch.setattr("kexport.engines.runner.run_module", None)
    result = run_here(artifact, toy.SPEC, good, INPUTS)
    assert (result.status, result.note) == ("ok", IN_PROCESS)
    assert all(np.array_equal(a[k], b[k]) for a, b in zip(result.outputs, expected, strict=True) for k in b)
    refused = run_here(artifact, toy.SPEC, find_runtime(toy.TARGET, "raise"), INPUTS)
    assert (refused.status, refused.message) == ("error", "RuntimeError: the engine refuses op 7 (phase: run 0)")


def test_whether_processes_can_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_start_processes()
    foreign = tmp_path / "python"
    foreign.write_bytes(b"\x7fELF of another machine")
    foreign.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(foreign))
    assert not can_start_processes()


def test_a_board_says_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_MODEL", tmp_path / "model")
    system = host.host()
    (tmp_path / "model").write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
    assert host.host() == f"Raspberry Pi 4 Model B Rev 1.4, {system}"
