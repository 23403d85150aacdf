"""Checks the weight files that a program names, each of which Core ML opens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kexport.errors import EmitError
from kexport.paths import inside
from kexport_coreml.reader import model_path

MODEL_PATH = "@model_path/"
"""What the name of a weight file begins with; the rest leads on from the folder of the model."""
_BLOB = "BlobFileValue"


def check_weight_files(path: Path, model: Any) -> None:
    """Require that the weight files of a package are in it.

    Raises:
        EmitError: the program names another.
    """
    folder = model_path(path).parent
    for name in set(_names(model.mlProgram)):
        if not name.startswith(MODEL_PATH):
            raise EmitError(f"the program names weights {name[:200]!r}, which are not in the package", where=str(path))
        inside(folder, name.removeprefix(MODEL_PATH), EmitError)


def _names(message: Any) -> Iterator[str]:
    """The names in all values of a message, wherever they are: in attributes, in operands, in lists, in types."""
    if message.DESCRIPTOR.name == _BLOB:
        yield message.fileName
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        entries = field.message_type.fields_by_name.get("value") if field.message_type.GetOptions().map_entry else None
        if entries is not None:
            values = value.values() if entries.message_type is not None else ()
        else:
            values = (value,) if hasattr(value, "ListFields") else value
        for inner in values:
            yield from _names(inner)
