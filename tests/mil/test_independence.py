"""The evaluator shares no code with what it judges."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import kexport_shared.mil

ALLOWED = {"kexport.errors", "kexport.paths"}
OWN = "kexport_shared.mil"
OUTSIDE = {"google", "ml_dtypes", "numpy"}


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports, at any depth."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""


def test_imports_nothing_of_kexport_but_errors_and_paths() -> None:
    files = sorted(Path(kexport_shared.mil.__file__).parent.rglob("*.py"))
    assert len(files) > 20
    for path in files:
        for module in imports(path):
            if module.startswith("kexport") and not f"{module}.".startswith(f"{OWN}."):
                assert module in ALLOWED, f"{path} imports {module}"


def test_needs_only_numpy_and_protobuf() -> None:
    import sys

    known = OUTSIDE | {OWN.partition(".")[0], "kexport"} | set(sys.stdlib_module_names)
    for path in Path(kexport_shared.mil.__file__).parent.rglob("*.py"):
        assert {m.split(".")[0] for m in imports(path)} <= known, path


def test_modules_are_imported_by_name_in_one_file_only() -> None:
    """importlib could reach around the rule above."""
    folder = Path(kexport_shared.mil.__file__).parent
    using = {p.name for p in folder.rglob("*.py") if "importlib" in p.read_text("utf-8")}
    assert using == {"proto.py"}
