"""The protobuf modules of coremltools, imported without running coremltools itself.

`import coremltools` takes seconds and pulls in the converters; reading a saved model needs only its generated messages.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from types import ModuleType
from typing import Any

from kexport.errors import ConfigError

ALIAS = "_kexport_mil_proto"


def model_messages() -> Any:
    """The module that defines the `Model` message."""
    return _module("Model_pb2")


def _module(name: str) -> ModuleType:
    loaded = sys.modules.get(f"coremltools.proto.{name}")
    if loaded is not None:
        return loaded
    if ALIAS not in sys.modules:
        package = ModuleType(ALIAS)
        package.__path__ = [_folder()]
        sys.modules[ALIAS] = package
    return importlib.import_module(f"{ALIAS}.{name}")


def _folder() -> str:
    spec = importlib.util.find_spec("coremltools")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("coremltools is not installed", hint="pip install 'kexport[coreml]'")
    return os.path.join(next(iter(spec.submodule_search_locations)), "proto")
