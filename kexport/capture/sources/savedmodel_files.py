"""The files of a SavedModel, as people upload them: whole, all in one folder, or without their variables."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kexport.errors import CaptureError

GRAPH = "saved_model.pb"
VARIABLES = "variables"
INDEX = "variables.index"
RESTORING = ("RestoreV2", "VarHandleOp", "VariableV2")
"""Operations of a graph that has variables."""


@contextmanager
def arranged(path: Path) -> Iterator[Path]:
    """The folder as TensorFlow wants it: variables that lie beside the graph are in a folder of their own.

    The copy is a temporary one; a folder that is in order is given as it is.
    """
    if (path / VARIABLES).exists() or not (path / INDEX).is_file():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="kexport-") as name:
        folder = Path(name)
        (folder / VARIABLES).mkdir()
        for file in sorted(p for p in path.iterdir() if p.is_file() and not p.is_symlink()):
            place = folder / VARIABLES if file.name.startswith("variables.") else folder
            shutil.copyfile(file, place / file.name)
        for inner in sorted(p for p in path.iterdir() if p.is_dir() and not p.is_symlink()):
            shutil.copytree(inner, folder / inner.name, symlinks=True)
        yield folder


def require_variables(model: Any, folder: Path, shown: Path) -> None:
    """Raise CaptureError if a graph has variables and the folder has none."""
    if (folder / VARIABLES / INDEX).is_file():
        return
    graphs = [m.graph_def for m in model.meta_graphs]
    nodes = [n for g in graphs for n in (*g.node, *(n for f in g.library.function for n in f.node_def))]
    if any(n.op in RESTORING for n in nodes):
        hint = f"get {VARIABLES}/{INDEX} and {VARIABLES}/variables.data-… too: they hold the weights"
        raise CaptureError("its variables are missing: there is the graph alone", where=str(shown), hint=hint)
