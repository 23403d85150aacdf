"""Opens an .mlpackage: its manifest, the model inside and the weights beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from kexport.errors import VerifyError
from kexport.paths import inside
from kexport_shared.mil.proto import model_messages
from kexport_shared.mil.values import Weights


class Package(NamedTuple):
    """A package that was read: the `Model` message and its weights."""

    path: Path
    model: Any
    weights: Weights


def open_package(path: str | Path) -> Package:
    """Reads a package from disk."""
    root = Path(path)
    model_path = inside(inside(root, "Data"), _model_item(root))
    try:
        raw = model_path.read_bytes()
    except OSError as error:
        raise VerifyError("the model the manifest names cannot be read", where=str(model_path)) from error
    model = model_messages().Model()
    try:
        model.ParseFromString(raw)
    except DecodeError as error:
        raise VerifyError(f"the model cannot be parsed: {error}", where=str(model_path)) from error
    if model.WhichOneof("Type") != "mlProgram":
        raise VerifyError(f"the model is no ML program but {model.WhichOneof('Type')}", where=str(root))
    return Package(root, model, Weights(model_path.parent))


def _model_item(root: Path) -> str:
    try:
        manifest = json.loads((root / "Manifest.json").read_text("utf-8"))
        return manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"]
    except (OSError, ValueError) as error:
        raise VerifyError("the package has no manifest that can be read", where=str(root)) from error
    except (KeyError, TypeError) as error:
        raise VerifyError("the manifest does not say where the model is", where=str(root)) from error
