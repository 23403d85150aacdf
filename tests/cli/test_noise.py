"""The logs of native code are kept off stderr; everything else arrives, in both ways of writing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NOISE = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1795356760.700560   16309 port.cc:153] oneDNN custom operations are on.",
    "E0000 00:00:1795356763.745903   16309 cuda_platform.cc:52] failed call to cuInit: INTERNAL",
    "2026-11-22 14:26:00.700560: I tensorflow/core/platform/cpu_feature_guard.cc:182] This binary",
    "To enable the following instructions: AVX2, rebuild TensorFlow",
    "INFO: [cpu_registry.cc:75] XNNPACK CPU accelerator registered.",
    "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
)
NEWS = (
    "F0000 00:00:1795356763.745903   16309 check.cc:52] Check failed",
    "I think so",
    "WARNING: this is ours",
    "Fatal Python error: Aborted",
    "INFO: we say so",
    "WARNING: [brackets] are ours",
    "the end",
)
FILTER = """
import os, sys
from kexport.cli.noise import without_noise
print("before", file=sys.stderr)
with without_noise():
    print("python", file=sys.stderr)
    os.write(2, sys.argv[1].encode())
print("after", file=sys.stderr)
os.write(2, b"I0000 1 1 a.cc:1] unfiltered")
"""
FAIL = """
import os
from kexport.cli.noise import without_noise
try:
    with without_noise():
        raise KeyError
except KeyError:
    os.write(2, b"I0000 1 1 a.cc:1] unfiltered")
"""
NO_FILE = """
import io, sys
from kexport.cli.noise import without_noise
sys.stderr = text = io.StringIO()
with without_noise():
    print("written", file=sys.stderr)
sys.__stderr__.write(text.getvalue())
"""


def stderr_of(script: str, root: Path, *args: str) -> str:
    command = [sys.executable, "-c", script, *args]
    return subprocess.run(command, capture_output=True, text=True, cwd=root, check=True).stderr


def test_noise_is_dropped_and_nothing_else(root: Path) -> None:
    mixed = "".join(f"{noise}\n{news}\n" for noise, news in zip(NOISE, NEWS, strict=True))
    lines = stderr_of(FILTER, root, mixed).splitlines()
    assert lines[0] == "before"
    assert lines[-2:] == ["after", "I0000 1 1 a.cc:1] unfiltered"]
    assert [line for line in lines[1:-2] if line != "python"] == list(NEWS)
    assert "python" in lines


def test_a_last_line_without_an_end_arrives(root: Path) -> None:
    assert "unfinishedafter" in stderr_of(FILTER, root, "unfinished")


def test_stderr_is_restored_after_an_error(root: Path) -> None:
    assert stderr_of(FAIL, root) == "I0000 1 1 a.cc:1] unfiltered"


def test_a_stderr_that_is_no_file_is_left_alone(root: Path) -> None:
    assert stderr_of(NO_FILE, root) == "written\n"
