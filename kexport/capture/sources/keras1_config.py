"""Translates the config of a Keras 1 model into one of Keras 2."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kexport.capture.lambdas.layer import replace_hint
from kexport.capture.sources.keras1_layers import CHOICES, FOR_TRAINING, MERGES, RENAMED, RULES, Rule
from kexport.capture.sources.nodes import check_calls
from kexport.errors import CaptureError

Config = dict[str, Any]
HINT = "load it with Keras 1 and build that part anew, or give the class of the layer with --custom"
_MODELS = ("Sequential", "Functional")
_PADS = {
    "ZeroPadding1D": (("left_pad", "right_pad"),),
    "ZeroPadding2D": (("top_pad", "bottom_pad"), ("left_pad", "right_pad")),
}


def translate_model(entry: Config, custom: Collection[str] = (), names: Sequence[str] = ()) -> Config:
    """`{"class_name": "Sequential" | "Functional", "config": …}` of Keras 2 for that of a Keras 1 model.

    `custom` are classes that are known as they are, `names` those of the layers in the file, for layers without one.

    Raises:
        CaptureError: a layer or an option has no counterpart; names the layer.
    """
    name = str(entry.get("class_name"))
    config = entry.get("config")
    if name == "Sequential" and isinstance(config, list):
        return _sequential(config, custom, names)
    if name in ("Model", "Container", "Graph") and isinstance(config, dict) and "input_layers" in config:
        return _functional(config, custom)
    raise CaptureError(f"a model of class {name} in a form that Keras 1 did not write", hint=HINT)


def translate_layer(entry: Config, custom: Collection[str] = (), name: str | None = None) -> Config:
    """One layer of Keras 2 for one of Keras 1; a model stays a model.

    Raises:
        CaptureError: see `translate_model`.
    """
    kind = str(entry.get("class_name"))
    config = entry.get("config")
    if kind in ("Sequential", "Model", "Container"):
        inner = translate_model(entry, custom)
        inner["config"]["name"] = entry.get("name") or name or inner["config"]["name"]
        return inner
    config = dict(config) if isinstance(config, dict) else {}
    name = config.get("name") or entry.get("name") or name
    if kind == "Merge":
        return _merge(config, name)
    if kind in custom:
        return {"class_name": kind, "config": config}
    if kind == "Lambda":
        raise CaptureError("a Lambda whose bytecode is not understood", where=name, hint=replace_hint(str(name)))
    if kind not in RULES:
        raise CaptureError(f"a {kind} of Keras 1 has no counterpart", where=name, hint=HINT)
    return {"class_name": RULES[kind].to, "config": {"name": name, **_options(kind, config, custom, name)}}


def _options(kind: str, config: Config, custom: Collection[str], name: str | None) -> Config:
    rule = RULES[kind]
    wanted = rule.options.split()
    unknown = sorted(set(config) - set(wanted) - FOR_TRAINING)
    if unknown:
        raise CaptureError(f"a {kind} of Keras 1 has no option {', '.join(unknown)}", where=name, hint=HINT)
    given = {k: _value(k, config[k], name) for k in wanted if config.get(k) is not None}
    if kind == "BatchNormalization" and given.pop("mode", 0) != 0:
        raise CaptureError(
            f"a BatchNormalization of mode {config['mode']} normalizes by the batch it is given", where=name, hint=HINT
        )
    given.pop("output_shape", None)
    if "layer" in given:
        given["layer"] = translate_layer(given["layer"], custom, f"{name}_layer")
    if kind in _PADS and "padding" in given:
        given["padding"] = _pads(given["padding"], _PADS[kind])
    return {**_renamed(rule, given), **rule.fixed}


def _renamed(rule: Rule, given: Config) -> Config:
    packed = {old for parts in rule.packed.values() for old in parts}
    made = {rule.renamed.get(k, RENAMED.get(k, k)): v for k, v in given.items() if k not in packed}
    return made | {new: [given[old] for old in parts] for new, parts in rule.packed.items()}


def _value(option: str, value: Any, name: str | None) -> Any:
    choices = CHOICES.get(option)
    if choices is None:
        return value
    if value not in choices:
        raise CaptureError(f"{option} is {value!r}, which has no counterpart", where=name, hint=HINT)
    return choices[value]


def _pads(padding: Any, keys: tuple[tuple[str, str], ...]) -> Any:
    """Padding as Keras 2 takes it: from a dict, a flat list of all sides, or sizes for both sides of each axis."""
    if isinstance(padding, Mapping):
        pads = [[padding.get(k, 0) for k in pair] for pair in keys]
    elif isinstance(padding, Sequence) and len(padding) == 2 * len(keys):
        pads = [list(padding[2 * i : 2 * i + 2]) for i in range(len(keys))]
    else:
        return padding
    return pads if len(keys) > 1 else pads[0]


def _merge(config: Config, name: str | None) -> Config:
    mode = config.get("mode", "sum")
    if config.get("mode_type", "raw") != "raw" or mode not in MERGES:
        shown = mode if config.get("mode_type", "raw") == "raw" else config["mode_type"]
        raise CaptureError(f"a Merge of mode {shown!r} has no counterpart", where=name, hint=HINT)
    kind, option, new = MERGES[mode]
    return {"class_name": kind, "config": {"name": name, **({new: config.get(option, -1)} if option else {})}}


def _functional(config: Config, custom: Collection[str]) -> Config:
    layers = []
    for entry in config["layers"]:
        made = translate_layer(entry, custom)
        layers.append({**made, "name": entry["name"], "inbound_nodes": entry["inbound_nodes"]})
    ports = {k: config[k] for k in ("input_layers", "output_layers")}
    made = {"name": config.get("name") or "model", "layers": layers, **ports}
    check_calls(made, hint=HINT)
    return {"class_name": "Functional", "config": made}


def _sequential(entries: list[Config], custom: Collection[str], names: Sequence[str]) -> Config:
    if entries and entries[0].get("class_name") == "Merge":
        return _merged(entries, custom)
    known = names if len(names) == len(entries) else [None] * len(entries)
    layers = [translate_layer(e, custom, n) for e, n in zip(entries, known, strict=True)]
    if entries and RULES.get(str(entries[0].get("class_name")), Rule("")).to != "InputLayer":
        layers.insert(0, _input(entries[0], f"{layers[0]['config']['name']}_input"))
    return {"class_name": "Sequential", "config": {"name": "model", "layers": layers}}


def _input(first: Config, name: str) -> Config:
    """The input of a model that begins with this layer."""
    config = first.get("config")
    while isinstance(config, list) or (isinstance(config, dict) and "layers" in config):
        config = (config if isinstance(config, list) else config["layers"])[0].get("config")
    shape = config.get("batch_input_shape") if isinstance(config, dict) else None
    if not isinstance(config, dict) or shape is None:
        raise CaptureError("the shape of its input is not in the file", where=name, hint=HINT)
    dtype = config.get("input_dtype") or "float32"
    return {"class_name": "InputLayer", "config": {"name": name, "batch_input_shape": shape, "dtype": dtype}}


def _merged(entries: list[Config], custom: Collection[str]) -> Config:
    """A Sequential model that begins with a Merge of other models: these get inputs of their own."""
    first = entries[0]["config"]
    branches = [translate_layer(b, custom, f"{first.get('name')}_{i}") for i, b in enumerate(first.get("layers") or ())]
    if not branches or any(b["class_name"] not in _MODELS for b in branches):
        raise CaptureError("a Merge of anything but models has no counterpart", where=first.get("name"), hint=HINT)
    layers = []
    ports = []
    for branch, entry in zip(branches, first["layers"], strict=True):
        port = _input(entry, f"{branch['config']['name']}_input")
        layers += [_node(port, []), _node(branch, [port])]
        ports.append(port)
    chain = [_merge(first, first.get("name")), *(translate_layer(e, custom) for e in entries[1:])]
    for made, before in zip(chain, [branches, *([c] for c in chain)], strict=False):
        layers.append(_node(made, before))
    return {
        "class_name": "Functional",
        "config": {
            "name": "model",
            "layers": layers,
            "input_layers": [[p["config"]["name"], 0, 0] for p in ports],
            "output_layers": [[chain[-1]["config"]["name"], 0, 0]],
        },
    }


def _node(layer: Config, before: Sequence[Config]) -> Config:
    calls = [[[b["config"]["name"], int(b["class_name"] in _MODELS), 0] for b in before]] if before else []
    return {**layer, "name": layer["config"]["name"], "inbound_nodes": calls}
