"""Puts layers that are understood in the place of Lambda layers, in a model's config, before any framework sees it."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kexport.capture.lambdas.evaluate import check
from kexport.capture.lambdas.functions import Modules
from kexport.capture.lambdas.layer import layer_class
from kexport.capture.lambdas.read import Function, NotUnderstood, read_lambda
from kexport.capture.lambdas.written import read_written
from kexport.capture.sources.archive import CONFIG, is_archive
from kexport.capture.sources.function import PLACE, user_function
from kexport.errors import ConfigError
from kexport.names import suggest
from kexport.temporary import temporary_folder

Config = dict[str, Any]
Replace = Mapping[str, str]
"""What the user says that a layer computes: `x/127.5-1`, or `module:function`, by the layer's name."""
CLASS = "KexportExpression"
"""The name of the classes that stand in, followed by a number."""


@dataclass
class Replaced:
    """A config without the Lambda layers that are understood."""

    config: Config
    classes: dict[str, type] = field(default_factory=dict[str, type])
    """What stands in for them, by class name."""
    left: dict[str, str] = field(default_factory=dict[str, str])
    """Why others are left, by layer."""
    others: dict[str, str] = field(default_factory=dict[str, str])
    """Layers that the user explains and that are no Lambda, with their class names: they may have weights."""


def replace_lambdas(config: Config, replace: Replace, base: type, modules: Callable[[], Modules]) -> Replaced:
    """Replace every Lambda layer whose bytecode is understood, and every layer that the user explains.

    Raises:
        ConfigError: the user explains a layer that is not there, or not in a way that is understood.
    """
    made = Replaced({})
    names: list[str] = []

    def walk(value: Any) -> Any:
        if isinstance(value, list):
            return [walk(v) for v in value]
        if not isinstance(value, dict):
            return value
        inner = value.get("config")
        name = inner.get("name") if isinstance(inner, dict) else None
        if isinstance(name, str) and isinstance(value.get("class_name"), str):
            names.append(name)
            if name in replace and not _is_lambda(value):
                made.others[name] = value["class_name"]
            if name in replace or _is_lambda(value):
                return _stand_in(value, name)
        return {k: walk(v) for k, v in value.items()}

    def _stand_in(value: Config, name: str) -> Config:
        try:
            function, given = _explained(replace[name], name) if name in replace else _read(value["config"])
        except NotUnderstood as e:
            made.left[name] = str(e)
            return value
        kind = f"{CLASS}{len(made.classes)}"
        made.classes[kind] = _class(base, kind, function, given, modules)
        kept = {k: v for k, v in value.items() if k not in ("module", "registered_name", "build_config")}
        options = {k: v for k, v in value["config"].items() if k in ("name", "trainable", "dtype")}
        return {**kept, "class_name": kind, "registered_name": kind, "module": None, "config": options}

    made.config = walk(config)
    for name in replace:
        if name not in names:
            hint = suggest(name, names, "layers")
            raise ConfigError(f"there is no layer {name!r} to replace", where="--replace", hint=hint)
    return made


def _is_lambda(value: Config) -> bool:
    return value["class_name"] == "Lambda" and str(value.get("module") or "keras").split(".")[0] in (
        "keras",
        "tf_keras",
    )


def _read(options: Config) -> tuple[Function, dict[str, Any]]:
    stored = options.get("function")
    if isinstance(stored, dict) and stored.get("class_name") == "__lambda__":
        stored = stored.get("config")
    if isinstance(stored, str) or options.get("function_type") == "function":
        raise NotUnderstood(f"it calls the function {stored!r}, which is not in the file")
    given = options.get("arguments") or {}
    if options.get("mask") is not None or not isinstance(given, dict):
        raise NotUnderstood("it computes a mask too")
    function = read_lambda(stored)
    check(function, given)
    return function, given


def _explained(text: str, name: str) -> tuple[Function | Callable[..., Any], dict[str, Any]]:
    if PLACE.fullmatch(text.strip()):
        return user_function(text), {}
    return read_written(text, f"--replace {name}"), {}


def _class(
    base: type,
    kind: str,
    function: Function | Callable[..., Any],
    given: Mapping[str, Any],
    modules: Callable[[], Modules],
) -> type:
    if isinstance(function, Function):
        return layer_class(base, kind, function, given, modules())
    return type(kind, (base,), {"call": lambda self, inputs, mask=None, training=None: function(inputs)})


@contextmanager
def with_config(path: Path, config: Config) -> Iterator[Path]:
    """A temporary copy of a `.keras` or `.h5` file with another config."""
    with temporary_folder() as folder:
        copy = Path(folder) / path.name
        if is_archive(path):
            copy = copy.with_suffix(".keras")
            _copy_archive(path, copy, config)
        else:
            import h5py

            shutil.copyfile(path, copy)
            with h5py.File(copy, "a") as file:
                file.attrs["model_config"] = json.dumps(config)
        yield copy


def _copy_archive(path: Path, copy: Path, config: Config) -> None:
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy, "w") as new:
        for member in old.infolist():
            with old.open(member) as source, new.open(member.filename, "w", force_zip64=True) as place:
                own = member.filename == CONFIG
                shutil.copyfileobj(io.BytesIO(json.dumps(config).encode()) if own else source, place, 1 << 20)
