"""Keeps the captured graph beside the artifacts, so that layers can be located later.

A small graph is kept whole. Of a large one only what the model's own file lacks is kept: its text, which names every
weight by a hash of its content, and weights that capture made. The others are read from that file on demand. Only the
name of that file is recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from kexport.errors import CaptureError, ConfigError
from kexport.evidence.graph_archive import load_graph, save_graph
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.ir.text import constant_table

LIMIT = 16 << 20
"""Bytes of weights up to which a graph is kept whole by default."""


def keep_graph(graph: Graph, path: Path, model: str | None, *, whole: bool) -> bool:
    """Write a captured graph as small as possible; return whether it was written.

    Args:
        graph: as captured.
        path: the file to write.
        model: the file that the model came from, if it came from one.
        whole: keep all weights, however large.
    """
    table = constant_table(graph)
    elsewhere = {} if whole or _size(table) <= LIMIT else _stored(Path(model), table) if model else {}
    rest = {key: array for key, array in table.items() if key not in elsewhere}
    if not whole and _size(rest) > LIMIT:
        return False
    save_graph(graph, path, elsewhere, Path(model).name if model and elsewhere else "")
    return True


def read_graph(path: Path, folders: Iterable[Path]) -> Graph:
    """The graph of such a file. The model's file, where it takes it, is looked for in the folders.

    Raises:
        ConfigError: the model's file is in none of them, or has other weights now.
        VerifyError: the graph is damaged.
    """

    def find(name: str, wanted: Iterable[str]) -> Mapping[str, Array]:
        missing = set(wanted)
        places = [f / name for f in folders if Path(name).name == name and (f / name).is_file()]
        found: dict[str, Array] = {}
        for place in places:
            found |= _stored(place, missing - found.keys())
        if missing - found.keys():
            what = f"the weights of the graph are in {name}, which "
            what += "is not the same file any more" if places else "is not here"
            raise ConfigError(what, where=str(path), hint=f"give the model that was exported: --model {name}")
        return found

    return load_graph(path, find)


def _size(table: Mapping[str, Array]) -> int:
    return sum(array.nbytes for array in table.values())


def _stored(path: Path, wanted: Iterable[str]) -> dict[str, Array]:
    """Return those of the wanted arrays that a file holds."""
    from kexport.capture.stored import stored_arrays

    with suppress(CaptureError, OSError):
        return stored_arrays(path, set(wanted))
    return {}
