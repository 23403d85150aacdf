"""kexport: exports a trained Keras model to every runtime it has to run in, and proves each artifact right."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kexport.version import __version__

if TYPE_CHECKING:
    from kexport.errors import (
        CaptureError,
        ConfigError,
        EmitError,
        GraphError,
        KexportError,
        UnsupportedError,
        VerifyError,
    )
    from kexport.workflows import ExportReport, export, inspect_model
    from kexport.workflows import verify as verify_artifacts

_HOMES = {
    "export": ("kexport.workflows", "export"),
    "inspect_model": ("kexport.workflows", "inspect_model"),
    "verify_artifacts": ("kexport.workflows", "verify"),
    "ExportReport": ("kexport.workflows", "ExportReport"),
    "KexportError": ("kexport.errors", "KexportError"),
    "CaptureError": ("kexport.errors", "CaptureError"),
    "GraphError": ("kexport.errors", "GraphError"),
    "UnsupportedError": ("kexport.errors", "UnsupportedError"),
    "EmitError": ("kexport.errors", "EmitError"),
    "VerifyError": ("kexport.errors", "VerifyError"),
    "ConfigError": ("kexport.errors", "ConfigError"),
}
"""Public name -> (module, name there). Loaded on first use, so that `import kexport` stays cheap."""

__all__ = [
    "CaptureError",
    "ConfigError",
    "EmitError",
    "ExportReport",
    "GraphError",
    "KexportError",
    "UnsupportedError",
    "VerifyError",
    "__version__",
    "export",
    "inspect_model",
    "verify_artifacts",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kexport' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
