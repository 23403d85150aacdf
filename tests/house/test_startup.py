"""`import kexport`, the help and the targets load no framework."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FRAMEWORKS = {"tensorflow", "keras", "tf_keras", "jax", "torch", "onnxruntime", "coremltools", "h5py", "sklearn"}
SLOW = FRAMEWORKS | {"onnx", "ai_edge_litert", "safetensors", "numpy", "ml_dtypes", "rich", "jinja2"}

HELP = """
import sys
from click.testing import CliRunner
from kexport.cli.main import COMMANDS, cli
for args in [["--help"], *([name, "--help"] for name in COMMANDS)]:
    assert CliRunner().invoke(cli, args).exit_code == 0, args
"""
REST = """
import kexport.workflows, kexport.target, kexport.verify, kexport.reference, kexport.passes
kexport.target.targets()
"""


def loaded(code: str, root: Path) -> set[str]:
    """The top-level packages in sys.modules after running `code` in a process of its own."""
    show = "\nimport json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    run = subprocess.run([sys.executable, "-c", code + show], capture_output=True, text=True, cwd=root, check=False)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import kexport; kexport.__version__; dir(kexport)", SLOW | {"click"}),
        ("import kexport.errors; kexport.ConfigError", SLOW | {"click"}),
        (HELP, SLOW),
        (REST, FRAMEWORKS),
    ],
    ids=["import", "errors", "help", "rooms"],
)
def test_start_loads_no_framework(code: str, forbidden: set[str], root: Path) -> None:
    found = loaded(code, root)
    assert "kexport" in found
    assert found & forbidden == set()


def test_console_script_loads_no_framework(root: Path) -> None:
    code = "import sys\nsys.argv = ['kexport', '--version']\nfrom kexport.cli.main import main\n"
    assert loaded(code + "try:\n    main()\nexcept SystemExit as e:\n    assert e.code == 0", root) & SLOW == set()
