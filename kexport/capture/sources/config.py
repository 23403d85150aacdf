"""Reading a saved model's config as data: which classes and functions it names, found before any of it is run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kexport.errors import CaptureError

TRUST_HINT = "if you trust the file, --trust (in Python: trust=True) lets it run its own code"
CUSTOM_HINT = (
    "--custom MODULE (in Python: custom=['module']) imports your module or file that defines them; "
    "--trust imports the modules that the file names"
)
KERAS_PACKAGES = ("keras", "tf_keras")
TF_FUNCTIONS = {"__operators__", "math", "nn", "linalg", "image", "signal", "strings", "bitwise", "random", "keras"}
TF_REFUSED = {
    "py_function", "numpy_function", "function", "load_library", "load_op_library", "print", "import_graph_def",
    "Assert", "custom_gradient", "py_func", "init_scope", "group",
}  # fmt: skip


@dataclass(frozen=True)
class Reference:
    """A class or function that a config names, and the layer that needs it.

    `kind` is `class`, `function`, `lambda` (Python bytecode inside the file) or `tf` (a TensorFlow function by name).
    """

    where: str
    kind: str
    name: str
    module: str | None = None
    registered: str | None = None

    def __str__(self) -> str:
        if self.kind == "lambda":
            return f"{self.where or '<model>'}: a lambda, stored as Python bytecode"
        origin = f" of {self.module}" if self.module and self.module != "builtins" else ""
        registered = f", registered as {self.registered}" if ">" in (self.registered or "") else ""
        return f"{self.where or '<model>'}: {self.kind} {self.name}{origin}{registered}"


def references(config: Any) -> list[Reference]:
    """Every reference in a config, Keras 2 or 3, each once, in order. The model's own compile settings are left out."""
    if isinstance(config, dict):
        config = {k: v for k, v in config.items() if k != "compile_config"}
    return list(dict.fromkeys(_walk(config, "", is_root=True)))


def refuse_code(found: Iterable[Reference], path: str) -> None:
    """Refuse references that carry code or reach beyond Keras.

    Raises:
        CaptureError: Python bytecode (a Lambda layer) or a TensorFlow function that is no tensor math; names them all.
    """
    bad = [r for r in found if r.kind == "lambda" or (r.kind == "tf" and not _is_math(r.name))]
    if bad:
        lines = "\n".join(f"  {r}" for r in bad)
        raise CaptureError(f"the file carries code to be run when it is loaded:\n{lines}", where=path, hint=TRUST_HINT)


def refuse_unknown(found: Iterable[Reference], knows: Callable[[Reference], bool], path: str, note: str) -> None:
    """Refuse references that cannot be resolved.

    Raises:
        CaptureError: names them all, with `note` on the versions involved.
    """
    unknown = [r for r in found if r.kind in ("class", "function") and not knows(r)]
    if unknown:
        lines = "\n".join(f"  {r}" for r in unknown)
        theirs = all((r.module or "").split(".")[0] in KERAS_PACKAGES for r in unknown)
        hint = f"{note}; install that version" if theirs else CUSTOM_HINT
        raise CaptureError(f"the model needs what Keras does not have:\n{lines}", where=path, hint=hint)


def _walk(value: Any, where: str, *, is_root: bool = False, key: str = "") -> Iterator[Reference]:
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, where, key=key)
    if not isinstance(value, dict):
        return
    if isinstance(value.get("class_name"), str):
        if not is_root and key != "dtype":
            where = _join(where, value)
        yield from _reference(value, where)
    for name, item in value.items():
        yield from _walk(item, where, key=name)


def _join(where: str, value: dict[str, Any]) -> str:
    inner = value.get("config")
    name = inner.get("name") if isinstance(inner, dict) else None
    return "/".join(filter(None, (where, name))) if isinstance(name, str) else where


def _reference(value: dict[str, Any], where: str) -> Iterator[Reference]:
    name, inner = value["class_name"], value.get("config")
    module, registered = _text(value.get("module")), _text(value.get("registered_name"))
    if name == "__lambda__" or (name == "Lambda" and _has_bytecode(inner)):
        yield Reference(where, "lambda", "lambda")
    elif name == "function":
        yield Reference(where, "function", str(inner), module, registered)
    elif name in ("TFOpLambda", "ClassMethod") and isinstance(inner, dict):
        yield Reference(where, "tf", str(inner.get("function") or inner.get("method")))
    elif name == "__typespec__":
        yield Reference(where, "class", str(value.get("spec_name")), module, registered)
    if not name.startswith("__") and name != "function":
        yield Reference(where, "class", name, module, registered)


def _has_bytecode(inner: Any) -> bool:
    """Keras 2 stores a lambda as [bytecode, defaults, closure]; so may `output_shape` and `mask`."""
    if not isinstance(inner, dict):
        return False
    return any(v == "lambda" for k, v in inner.items() if k.endswith("_type")) or isinstance(
        inner.get("function"), list
    )


def _is_math(name: str) -> bool:
    first, *rest = name.removeprefix("tf.").removeprefix("compat.v1.").split(".")
    return not TF_REFUSED & {first, *rest} and (not rest or first in TF_FUNCTIONS)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
