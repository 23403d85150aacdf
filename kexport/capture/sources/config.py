"""Reads a saved model's config as data, and finds everything that it names before any of it is run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kexport.capture.sources.limits import parse_json
from kexport.errors import CaptureError

TRUST_HINT = "if you trust the file, --trust (in Python: trust=True) lets it run its own code"
KERAS_PACKAGES = ("keras", "tf_keras")
POSITIONS = ("activation", "initializer", "regularizer", "constraint")
"""Last words of options whose values are names of functions and classes."""
FILES = (
    "vocabulary",
    "idf_weights",
    "vocabulary_file",
    "ckpt_to_load_from",
    "initial_vocabulary",
    "filepath",
    "merges",
    "proto",
)
"""Options that are read as the path of a file where they are text."""
DATA = (
    "TensorShape",
    "CompositeTensor",
    "__tuple__",
    "__ellipsis__",
    "__bytes__",
    "__tensor__",
    "__numpy__",
    "__slice__",
    "__keras_tensor__",
)
"""Class names of plain values."""
HOLD_FUNCTIONS = ("Lambda", "ResidualWrapper", "DropoutWrapper", "DeviceWrapper")
"""Layers with functions of the user, each beside an option that ends in `_type`."""
ARRAYS = ("__tensor__", "__numpy__")
"""Those that say the type of their elements."""
_SHOWN = {
    "lambda": "a lambda, stored as Python bytecode",
    "tf": "tf {0.name}",
    "method": "method {0.name}",
    "attribute": "attribute {0.name} of a tensor",
    "op": "operation {0.name}",
    "option": "{0.module} {0.name!r}",
    "file": "{0.module} in the local file {0.name!r}",
    "dtype": "elements of type {0.name!r}",
}


@dataclass(frozen=True)
class Reference:
    """A reference in a config, and the layer that needs it.

    `kind` is `class`, `function`, `typespec`, `lambda` (Python bytecode inside the file), `tf` (a TensorFlow function
    by name), `method` (of a TensorFlow class), `attribute` (of a tensor), `op` (a TensorFlow operation), `option` (a
    name as the value of the option `module`) `file` (a local file, as the value of the option `module`) or `dtype` (the
    type of an array's elements). `owner` is the class whose option it is.
    """

    where: str
    kind: str
    name: str
    module: str | None = None
    registered: str | None = None
    owner: str | None = None
    options: tuple[str, ...] = field(default=(), compare=False)
    """The options of a class."""

    def __str__(self) -> str:
        where = self.where or "<model>"
        if self.kind in _SHOWN:
            return f"{where}: {_SHOWN[self.kind].format(self)}"
        kind = "type" if self.kind == "typespec" else self.kind
        origin = f" of {self.module}" if self.module and self.module != "builtins" else ""
        registered = f", registered as {self.registered}" if ">" in (self.registered or "") else ""
        return f"{where}: {kind} {self.name}{origin}{registered}"


@dataclass(frozen=True)
class _Place:
    """Where a value lies: the path of its layer, the class and the option it belongs to."""

    where: str = ""
    owner: str | None = None
    key: str = ""
    is_root: bool = False


def references(config: Any) -> list[Reference]:
    """Every reference in a config, Keras 2 or 3, each once, in order. The model's own compile settings are left out.

    Raises:
        CaptureError: a constant in it is no JSON, or nested too deep.
    """
    if isinstance(config, dict):
        config = {k: v for k, v in config.items() if k != "compile_config"}
    try:
        return list(dict.fromkeys(_walk(config, _Place(is_root=True))))
    except RecursionError as e:
        raise CaptureError("its config holds constants within constants, nested too deep") from e


def _walk(value: Any, at: _Place) -> Iterator[Reference]:
    if isinstance(value, str):
        yield from _text_option(value, at)
    elif isinstance(value, list):
        if len(value) == 2 and _is_composite_mark(value[0]):
            yield from _walk(_decoded(value[1]), at)
        for item in value:
            yield from _walk(item, _Place(at.where, at.owner, at.key if isinstance(item, list | dict) else ""))
    elif isinstance(value, dict):
        yield from _walk_dict(value, at)


def _walk_dict(value: dict[str, Any], at: _Place) -> Iterator[Reference]:
    where = at.where
    owner = at.owner
    name = value.get("class_name")
    if isinstance(name, str):
        if not at.is_root and at.key != "dtype":
            where = _join(where, value)
        yield from _reference(name, value, where)
        owner = owner if name in DATA else name
    for key, item in value.items():
        yield from _walk(item, _Place(where, owner, key))


def _join(where: str, value: dict[str, Any]) -> str:
    inner = value.get("config")
    name = (inner.get("name") if isinstance(inner, dict) else None) or value.get("name")
    return "/".join(filter(None, (where, name))) if isinstance(name, str) else where


def _text_option(value: str, at: _Place) -> Iterator[Reference]:
    """A reference by text: the name of an activation and the like, or the path of a file."""
    if at.key in FILES:
        yield Reference(at.where, "file", value, at.key, owner=at.owner)
    position = at.key.rpartition("_")[2]
    if position in POSITIONS and value:
        yield Reference(at.where, "option", value, position, owner=at.owner)


def _reference(name: str, value: dict[str, Any], where: str) -> Iterator[Reference]:
    config = value.get("config")
    inner = value.get("config")
    inner = inner if isinstance(inner, dict) else {}
    module = _text(value.get("module"))
    registered = _text(value.get("registered_name"))
    if name == "__lambda__" or (name == "Lambda" and isinstance(inner.get("function"), list)):
        yield Reference(where, "lambda", "lambda")
    if name == "function":
        yield Reference(where, "function", str(config), module, registered)
    elif name == "__typespec__":
        yield Reference(where, "typespec", str(value.get("spec_name")), module, registered)
    elif name == "TypeSpec":
        yield Reference(where, "typespec", str(value.get("type_spec")))
    elif name != "__lambda__" and name not in DATA:
        yield Reference(where, "class", name, module, registered, options=tuple(inner))
    yield from _called(name, inner, where)
    if name in ARRAYS:
        yield Reference(where, "dtype", str(inner.get("dtype")))
    if name in HOLD_FUNCTIONS:
        yield from _functions_by_type(inner, where)


def _called(name: str, inner: dict[str, Any], where: str) -> Iterator[Reference]:
    """What the layers call that Keras 2 makes of functions, methods, attributes and operations of TensorFlow."""
    if name in ("TFOpLambda", "SlicingOpLambda"):
        yield Reference(where, "tf", str(inner.get("function")))
    elif name == "ClassMethod":
        yield Reference(where, "method", f"{inner.get('cls_symbol')}.{inner.get('method_name')}")
    elif name in ("InstanceMethod", "InstanceProperty"):
        yield Reference(where, "attribute", str(inner.get("attr_name")))
    elif name == "TensorFlowOpLayer":
        yield Reference(where, "op", operation_of(inner.get("node_def")))


def operation_of(node_def: Any) -> str:
    """The operation of a saved node: a dict, or the bytes of a protobuf as text."""
    if isinstance(node_def, dict):
        return str(node_def.get("op"))
    if not isinstance(node_def, str):
        return "unknown"
    from google.protobuf.message import DecodeError
    from tensorflow.core.framework.node_def_pb2 import NodeDef

    try:
        return NodeDef.FromString(node_def.encode("utf-8")).op
    except (DecodeError, UnicodeError):
        return "unknown"


def _functions_by_type(inner: dict[str, Any], where: str) -> Iterator[Reference]:
    """Functions as Keras 2 stores them: as [bytecode, defaults, closure], or by name; `output_shape` and `mask` too."""
    for key, value in inner.items():
        function = inner.get(key.removesuffix("_type"))
        if key.endswith("_type") and value == "lambda":
            yield Reference(where, "lambda", "lambda")
        elif key.endswith("_type") and value == "function" and isinstance(function, str):
            yield Reference(where, "function", function)


def _is_composite_mark(value: Any) -> bool:
    """How Keras 2 marks a constant that is stored as JSON within the JSON."""
    return value == {"_TYPE": "COMPOSITE"}


def _decoded(value: Any) -> Any:
    return parse_json(value, "a constant") if isinstance(value, str) else value


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None if value is None else json.dumps(value)
