"""What each MIL operation takes, by deployment target: data read off coremltools 9.0 (tests/coreml/registry.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from kexport.errors import EmitError

OPSETS = {15: ("CoreML5", 6), 16: ("CoreML6", 7), 17: ("CoreML7", 8), 18: ("CoreML8", 9)}
"""By iOS version: the opset of programs, and the specification version of models."""

MAY_LACK = {
    "batch_norm": {"gamma", "beta"}, "conv": {"bias"}, "conv_transpose": {"bias", "output_shape"},
    "layer_norm": {"gamma", "beta"}, "linear": {"bias"}, "instance_norm": {"gamma", "beta"},
    "reduce_max": {"axes"}, "reduce_min": {"axes"}, "reduce_mean": {"axes"}, "reduce_sum": {"axes"},
    "reduce_prod": {"axes"}, "reverse": {"axes"}, "scaled_dot_product_attention": {"attn_mask"},
    "slice_by_index": {"stride", "begin_mask", "end_mask", "squeeze_mask"}, "split": {"num_splits", "split_sizes"},
    "squeeze": {"axes"}, "dequantize": {"zero_point", "axis"}, "quantize": {"zero_point", "axis"},
    "constexpr_blockwise_shift_scale": {"offset"}, "topk": {"output_indices_dtype"},
    "lstm": {"bias", "peephole", "weight_ih_back", "weight_hh_back", "bias_back", "peephole_back", "clip"},
    "gru": {"bias", "input_bias", "reset_after"}, "rnn": {"bias"}, "slice_update": {"stride", "begin_mask",
    "end_mask", "squeeze_mask"}, "crop_resize": {"box_indices", "pad_value"}, "upsample_bilinear": set(),
}  # fmt: skip
"""Optional parameters whose absence means something; Core ML's own parser wants all others spelled out."""


@dataclass(frozen=True)
class Parameter:
    """One input of an operation. Inputs of one `domain` have one element type; no `dtypes` means any."""

    name: str
    kind: str
    optional: bool = False
    const: bool = False
    domain: str = ""
    dtypes: tuple[str, ...] = ()
    default: Any = None


@dataclass(frozen=True)
class Signature:
    """The inputs of an operation by name."""

    kind: str
    since: int
    inputs: Mapping[str, Parameter] = field(default_factory=dict[str, Parameter])

    def defaults(self) -> dict[str, Any]:
        """The values of optional inputs that do not depend on other inputs."""
        return {p.name: p.default for p in self.inputs.values() if p.default is not None}

    def required(self) -> list[str]:
        """The inputs that a file must spell out, whether they have a default or not."""
        may_lack = MAY_LACK.get(self.kind, set())
        return [p.name for p in self.inputs.values() if not p.name.startswith("_") and p.name not in may_lack]


@cache
def _registry() -> dict[str, Any]:
    return json.loads((files("kexport_coreml") / "signatures.json").read_text(encoding="utf-8"))


def _parameter(name: str, entry: dict[str, Any]) -> Parameter:
    return Parameter(name, **{**entry, "dtypes": tuple(entry.get("dtypes", ()))})


@cache
def find_signature(kind: str, ios: int) -> Signature | None:
    """The signature of an operation for a deployment target; None if it came later, or never."""
    entries = [e for e in _registry().get(kind, ()) if e["since"] <= ios]
    if not entries:
        return None
    newest = entries[-1]
    inputs = {name: _parameter(name, entry) for name, entry in newest["inputs"].items()}
    return Signature(kind, newest["since"], inputs)


def signature(kind: str, ios: int) -> Signature:
    """The signature of an operation for a deployment target.

    Raises:
        EmitError: it came later; says with which system.
    """
    found = find_signature(kind, ios)
    if found is None:
        since = _registry()[kind][0]["since"]
        raise EmitError(f"Core ML has {kind} since iOS {since}", hint=f"choose deployment ios{since}")
    return found
