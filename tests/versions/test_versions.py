"""kexport beside the oldest Keras and TensorFlow, in the environment of `make oldest`; and the tables of pairs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kexport.capture.versions import OLDEST, TESTED, minor, written
from tests.versions.__main__ import try_pair, write_files
from tests.versions.environment import environment, is_ready
from tests.versions.models import ALL, SMALL
from tests.versions.pairs import PAIRS, find_pair
from tests.versions.run import FAIR, Found
from tests.versions.table import head, row, show, wrong_of


def test_every_tested_version_is_in_a_pair_and_the_oldest_are_one() -> None:
    assert tuple(dict.fromkeys(minor(p.keras) for p in PAIRS)) == TESTED["keras"]
    assert tuple(dict.fromkeys(minor(p.tensorflow) for p in PAIRS)) == TESTED["tensorflow"]
    assert (PAIRS[0].keras, PAIRS[0].tensorflow) == (written(OLDEST["keras"]), written(OLDEST["tensorflow"]))
    assert find_pair(PAIRS[-1].name) is PAIRS[-1]


def test_ci_tries_some_of_all_models() -> None:
    assert SMALL.keys() <= ALL.keys()
    assert len(SMALL) < len(ALL) / 2


@pytest.mark.slow
def test_the_oldest_pair_exports_and_verifies(tmp_path: Path) -> None:
    pair = PAIRS[0]
    if not is_ready(pair):
        pytest.skip(f"Keras {pair.keras} and TensorFlow {pair.tensorflow} are not here: make oldest")
    write_files(tmp_path, small=True)
    found = try_pair(pair, environment(pair), tmp_path, small=True, seconds=900)
    assert wrong_of(found) == []
    assert [f for f in found if f.outcome in FAIR] == []
    proven = {f.model for f in found if f.target == "onnx" and f.outcome == "verified"}
    assert proven == set(SMALL)
    assert len([f for f in found if f.target == "file" and f.outcome == "same"]) == 5


FOUND = (
    Found("", "versions", "3.3.3 2.16.2 3.11.7"),
    Found("cnn", "onnx", "verified"),
    Found("cnn", "tfjs", "valid"),
    Found("rms", "all", "absent", "AttributeError: no such layer"),
    Found("text", "all", "refused", "no text"),
    Found("old", "file", "refused", "the model needs what Keras does not have: class X"),
    Found("odd", "file", "differs", "differs by 0.5"),
    Found("cnn", "onnx", "failed", "wrong numbers"),
)


def test_what_is_not_proven_is_shown_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert show(PAIRS[0], FOUND) == 2
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1:3] for line in lines] == [
        ["all", "absent"],
        ["all", "refused"],
        ["file", "differs"],
        ["onnx", "failed"],
    ]
    words = row(FOUND).split()
    assert words[:6] == ["3.3.3", "2.16.2", "3.11.7", "1", "/", "2"]
    assert " ".join(words).endswith("1 valid 0 / 1 - 1 absent, 1 refused")
    assert head().split()[3:6] == ["onnx", "tflite", "coreml"]


def test_a_pair_that_is_not_known_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.versions", "2.0/2.0"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "there is no pair '2.0/2.0'; pairs: 3.3/2.16, " in done.stderr
