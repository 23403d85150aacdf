"""Exports a backbone to targets and verifies it there."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kexport
from kexport.errors import KexportError, UnsupportedError
from tests.hub.backbone import Backbone

PROVEN = ("verified", "simulated")


def outcomes(backbone: Backbone, hub: Any, targets: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Status and reason on each target; where all of them fail together, each is tried alone."""
    model = backbone.model(hub)
    return _tried(model, backbone.batch(), targets)


def _tried(model: Any, example: Any, targets: Sequence[str]) -> dict[str, tuple[str, str]]:
    try:
        with tempfile.TemporaryDirectory() as out:
            report = kexport.export(model, list(targets), Path(out), name="m", example=example)
            return {a.target: (a.status, a.reason) for a in report.artifacts}
    except KexportError as e:
        if len(targets) > 1:
            return {t: found for target in targets for t, found in _tried(model, example, [target]).items()}
        status = "unsupported" if isinstance(e, UnsupportedError) else "error"
        return {targets[0]: (status, str(e).replace("\n", " "))}
