"""The options of a SavedModel: none."""

from __future__ import annotations

from dataclasses import dataclass

from kexport.target import Options


@dataclass(frozen=True)
class SavedModelOptions(Options):
    """Options of the SavedModel target."""
