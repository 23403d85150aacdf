"""The user's own classes and functions, from modules that the user names."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from kexport.capture.reading import Custom
from kexport.capture.sources.config import KERAS_PACKAGES, Reference
from kexport.errors import CaptureError, ConfigError
from kexport.names import each_name


def custom_objects(custom: Custom) -> dict[str, Any]:
    """Classes and functions by name.

    `custom` is a dict of them, or one or several module names, paths of Python files, modules, classes and
    functions. Of a module everything public counts that is not Keras' own.

    Raises:
        ConfigError: a module cannot be imported.
    """
    if isinstance(custom, Mapping):
        return dict(custom)
    objects: dict[str, Any] = {}
    for item in each_name(custom, split=False) or ():
        if isinstance(item, (str, Path)):
            item = import_user_module(str(item))
        if isinstance(item, ModuleType):
            objects.update({n: v for n, v in vars(item).items() if _is_custom(n, v)})
        else:
            objects[item.__name__] = item
    return objects


def name_objects(objects: dict[str, Any], found: Iterable[Reference]) -> dict[str, Any]:
    """`objects` also under the registered names (`package>Name`) that a config uses for them."""
    named = dict(objects)
    for reference in found:
        plain = reference.name.rpartition(">")[2]
        if plain in objects:
            named.setdefault(reference.name, objects[plain])
            named.setdefault(reference.registered or plain, objects[plain])
    return named


def named_by_file(found: Iterable[Reference]) -> dict[str, Any]:
    """What a trusted file's config refers to by module and name, imported.

    Raises:
        CaptureError: it cannot be imported; names the layer.
    """
    objects: dict[str, Any] = {}
    for r in found:
        if (
            r.kind not in ("class", "function")
            or not r.module
            or r.module.split(".")[0] in (*KERAS_PACKAGES, "builtins")
        ):
            continue
        try:
            with _importable_from(""):
                value = getattr(importlib.import_module(r.module), r.name)
        except (ImportError, AttributeError) as e:
            raise CaptureError(f"{r.kind} {r.name} of {r.module} cannot be imported: {e}", where=r.where) from e
        objects[r.name] = value
    return objects


def import_user_module(name: str) -> ModuleType:
    """Import a module by its dotted name, or a Python file by its path. The working directory is searched too.

    Raises:
        ConfigError: there is no such module, or it fails.
    """
    try:
        if name.endswith(".py"):
            with _importable_from(str(Path(name).parent)):
                return _import_file(Path(name))
        with _importable_from(""):
            return importlib.import_module(name)
    except ConfigError:
        raise
    except Exception as e:
        raise ConfigError(f"module {name!r} cannot be imported: {type(e).__name__}: {e}") from e


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigError(f"there is no file {str(path)!r}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{str(path)!r} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module


def _is_custom(name: str, value: Any) -> bool:
    package = getattr(value, "__module__", None) or ""
    ours = (inspect.isclass(value) or inspect.isfunction(value)) and not name.startswith("_")
    return ours and package.split(".")[0] not in (*KERAS_PACKAGES, "tensorflow", "builtins")


@contextmanager
def _importable_from(folder: str) -> Iterator[None]:
    """Search `folder` for modules too ("" is the working directory)."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
