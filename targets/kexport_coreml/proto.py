"""The protobuf messages of Core ML, taken from coremltools without importing coremltools itself.

`import coremltools` takes seconds and imports TensorFlow, PyTorch and scikit-learn where they are installed; its
generated protobuf modules need protobuf alone.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from kexport.errors import ConfigError
from kexport.target import pip_install

_PACKAGE = "_kexport_coreml_proto"


def _module(name: str) -> Any:
    if _PACKAGE not in sys.modules:
        spec = find_spec("coremltools")
        if spec is None or spec.origin is None:
            raise ConfigError("coremltools is not installed", hint=pip_install("coreml"))
        package = ModuleType(_PACKAGE)
        package.__path__ = [str(Path(spec.origin).parent / "proto")]
        sys.modules[_PACKAGE] = package
    return import_module(f"{_PACKAGE}.{name}")


@cache
def mil() -> Any:
    """MIL.proto: programs, operations, values."""
    return _module("MIL_pb2")


@cache
def model() -> Any:
    """Model.proto: the model around a program, with the description of its inputs and outputs."""
    return _module("Model_pb2")


@cache
def features() -> Any:
    """FeatureTypes.proto: the types of inputs and outputs."""
    return _module("FeatureTypes_pb2")
