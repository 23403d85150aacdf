"""Checks the calls in a saved functional model: each must be on existing results, or Keras 2 waits forever."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from kexport.capture.sources.allowed.keras2 import is_known_by_name
from kexport.errors import CaptureError

Call = tuple[str, int]
"""The name of a layer and the number of one of its calls."""
MODELS = ("Functional", "Sequential", "Model")
CONSTANT = "_CONSTANT_VALUE"


def check_calls(config: Any, where: str = "", hint: str | None = None) -> None:
    """Check the calls of every functional model within a Keras 2 config.

    Raises:
        CaptureError: a layer is called on results that are never there, or a part has another form; names the layer.
    """
    for name, model in _functional_models(config, where):
        try:
            _check_model(model, name, hint)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as e:
            raise CaptureError(
                f"its layers and their calls are not in a form that Keras writes: {type(e).__name__}: {e}",
                where=name or None,
                hint=hint,
            ) from e


def _functional_models(value: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The configs with layers and inputs in a config, each with the path of its model."""
    if isinstance(value, list):
        for item in value:
            yield from _functional_models(item, where)
    if not isinstance(value, dict):
        return
    if "layers" in value and "input_layers" in value:
        yield where, value
    for key, item in value.items():
        name = value.get("name")
        inner = isinstance(name, str) and key == "config"
        yield from _functional_models(item, "/".join(filter(None, (where, str(name)))) if inner else where)


def _check_model(config: dict[str, Any], where: str, hint: str | None) -> None:
    calls: dict[str, list[list[Call]]] = defaultdict(list)
    kinds: dict[str, str] = {}
    for entry in config["layers"]:
        kinds[_name(entry["name"])] = _kind(entry)
        calls[entry["name"]] += [_inputs(call) for call in entry["inbound_nodes"]]
    waiting = _resolve(calls, kinds)
    ports = _inputs([config["input_layers"], config["output_layers"]])
    missing = sorted({name for name, _ in ports if name not in kinds})
    if not waiting and not missing:
        return
    what = "it is called on results that are never there" if waiting else "it is asked for and not in the model"
    name = min(waiting, key=list(kinds).index) if waiting else missing[0]
    raise CaptureError(what, where="/".join(filter(None, (where, name))), hint=hint)


def _kind(entry: dict[str, Any]) -> str:
    """What a layer is: a class of Keras by its name, a model, or one of the user's, which may be a model as well."""
    name = entry["class_name"]
    config = entry.get("config")
    is_model = name in MODELS or (isinstance(config, dict) and "layers" in config) or not is_known_by_name(name)
    return "Model" if is_model else str(name)


def _resolve(calls: dict[str, list[list[Call]]], kinds: dict[str, str]) -> set[str]:
    """Return the layers with calls that can never be made. The calls of a layer are made in order.

    A model that was called when it was made counts its calls from 1. Whether it was is known to Keras alone, so that
    its first call is taken for either.
    """
    made = {name: int(kind == "Model") for name, kind in kinds.items()}
    wanted: dict[Call, list[str]] = defaultdict(list)
    left = {name: list(reversed(c)) for name, c in calls.items() if c}
    ready = list(left)
    while ready:
        name = ready.pop()
        while left.get(name):
            inputs = left[name][-1]
            while inputs and _is_made(*inputs[-1], made, kinds):
                inputs.pop()
            if inputs:
                wanted[inputs[-1]].append(name)
                break
            left[name].pop()
            ready += wanted.pop((name, made[name]), ())
            made[name] += 1
        if not left.get(name):
            left.pop(name, None)
    return set(left)


def _is_made(name: str, call: int, made: dict[str, int], kinds: dict[str, str]) -> bool:
    """Whether a call was made; of an input Keras takes the one there is, whatever its number."""
    return kinds.get(name) == "InputLayer" or 0 <= call < made.get(name, 0)


def _inputs(value: Any) -> list[Call]:
    """The calls whose results a call takes, wherever they are among its arguments."""
    found: list[Call] = []
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict) and item.get("class_name") == "__tuple__":
            todo += item["items"]
        elif isinstance(item, dict):
            todo += item.values()
        elif isinstance(item, list) and len(item) in (3, 4) and isinstance(item[0], str):
            if item[0] != CONSTANT:
                found.append((item[0], _number(item[1])))
            todo += item[3:]
        elif isinstance(item, list):
            todo += item
    return found


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no name of a layer")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is no number of a call")
    return value
