"""Checks from a SavedModel's messages what loading it would do: it may compute, and read its own files.

`tf.saved_model.load` runs functions of the file to make and fill tables, so that all is looked at before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

from kexport.capture.sources.allowed.operations import OBJECT_CLASSES, checkpoint_operations, harmless_operations
from kexport.capture.sources.saved_library import Library, all_nodes, named
from kexport.capture.sources.saved_version1 import assets_of, graph_problems
from kexport.errors import CaptureError
from kexport.ir.types import MAX_RANK
from kexport.paths import inside

MAX_CONSTANT = 1 << 28
"""The most elements of a constant that stores fewer bytes: one value can stand for all."""
LINKS_HINT = (
    "copy the folder with what its links lead to (cp -rL), or, if you trust the file, give --trust (trust=True)"
)
_SHOWN = 8


def too_large(model: Any) -> str:
    """What is wrong with the sizes that constants claim; empty if nothing is."""
    for meta in model.meta_graphs:
        for node in all_nodes(meta.graph_def):
            for value in node.attr.values():
                for tensor in (value.tensor, *value.list.tensor):
                    sizes = [max(0, d.size) for d in tensor.tensor_shape.dim]
                    if len(sizes) > MAX_RANK or prod(sizes) > max(MAX_CONSTANT, len(tensor.tensor_content)):
                        claim = f"{len(sizes)} axes" if len(sizes) > MAX_RANK else f"{prod(sizes)} elements"
                        return f"the constant {node.name[:200]!r} claims {claim}"
    return ""


def problems(model: Any, path: Path) -> Iterator[str]:
    """Why a SavedModel is not loaded without trust, a phrase each.

    Raises:
        CaptureError: it names a file outside of its folder.
    """
    for meta in model.meta_graphs:
        library = Library(meta.graph_def.library)
        yield from _operations(meta.graph_def, library)
        if len(model.meta_graphs) == 1 and meta.HasField("object_graph_def"):
            yield from _objects(meta.object_graph_def, library)
        else:
            yield from graph_problems(meta, library)
        if library.astray:
            yield f"a table is filled from a file that is none of its assets ({_some(library.astray)})"
        for asset in assets_of(meta):
            inside(path, f"assets/{asset.filename}", CaptureError)


def outside_links(path: Path) -> str:
    """A link below the folder that leads out of it; empty if there is none."""
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            found = Path(folder) / name
            if found.is_symlink() and not Path(os.path.realpath(found)).is_relative_to(os.path.realpath(path)):
                return found.relative_to(path).as_posix()
    return ""


def _operations(graph: Any, library: Library) -> Iterator[str]:
    """The operations that are on no list, those too that are called as if they were functions."""
    from tensorflow.python.framework import op_def_registry  # type: ignore[import-untyped]

    known = harmless_operations() | checkpoint_operations()
    used = {name for node in all_nodes(graph) for name in (node.op, *named(node.attr))}
    own = {name for name in library.functions if op_def_registry.get(name) is None}
    strange = used - known - own
    if strange:
        yield f"it has operations that are not known to be harmless ({_some(strange)})"
    hidden = [n for n in library.reaching(checkpoint_operations()) if "api_implements" in library.functions[n].attr]
    if hidden:
        yield f"functions that could stand in for others read or write files ({_some(hidden)})"


def _objects(objects: Any, library: Library) -> Iterator[str]:
    """What the objects of a file may do: have functions that compute, and tables that are filled from assets."""
    functions = set(objects.concrete_functions)
    for node in objects.nodes:
        functions |= {*node.function.concrete_functions, node.bare_concrete_function.concrete_function_name}
    writers = library.reaching(checkpoint_operations()) & functions
    if writers:
        yield f"its functions read or write files ({_some(writers)})"
    classes = {n.registered_name for n in objects.nodes} - OBJECT_CLASSES
    if classes:
        yield f"it has objects of classes that are not known to be harmless ({_some(classes)})"
    savers = {n.registered_saver for n in objects.nodes} - {""}
    if savers:
        yield f"it has savers of its own ({_some(savers)})"
    strange = {n for n in library.functions if not _reads_assets(n, objects, library, n in functions)}
    if strange:
        yield f"a table is filled from a file that is none of its assets ({_some(strange)})"


def _reads_assets(name: str, objects: Any, library: Library, callable_: bool) -> bool:
    """Whether what a function takes for names of files are assets, if it can be called from outside."""
    wanted = library.file_arguments(name)
    if not wanted or not callable_:
        return True
    if name not in objects.concrete_functions:
        return False
    bound = objects.concrete_functions[name].bound_inputs
    first = len(library.functions[name].signature.input_arg) - len(bound)
    return all(
        0 <= i - first < len(bound)
        and 0 <= bound[i - first] < len(objects.nodes)
        and objects.nodes[bound[i - first]].WhichOneof("kind") == "asset"
        for i in wanted
    )


def _some(names: Any) -> str:
    """A few of many names."""
    listed = sorted(names)
    shown = ", ".join(n[:80] for n in listed[:_SHOWN])
    return f"{shown} and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else shown
