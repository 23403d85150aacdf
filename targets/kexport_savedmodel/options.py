"""What a user can choose about a SavedModel: nothing."""

from __future__ import annotations

from dataclasses import dataclass

from kexport.target import Options


@dataclass(frozen=True)
class SavedModelOptions(Options):
    """Options of the SavedModel target."""
