"""Opsets, file versions, and the ONNX Runtime release of each: measured with its wheels, release by release."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kexport.errors import ConfigError
from kexport.ir.types import DType
from kexport_onnx.bodies import all_calls
from kexport_onnx.refs import Call

MIN_OPSET = 18
"""Below, reductions and Split take their axes and sizes as attributes."""
MAX_OPSET = 26
"""The newest that ONNX Runtime 1.31 runs."""
DRAWING_OPSET = 21
"""The newest for which ONNX Runtime 1.31 has kernels that draw random numbers."""
IR_VERSIONS = {18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11, 24: 12, 25: 13, 26: 13}
"""The file-format version that came with each opset. Source: onnx/helper.py, VERSION_TABLE."""


class Release(NamedTuple):
    """A release of ONNX Runtime, without the number of its patch."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


_NEWEST_OPSET = {
    Release(1, 14): 18,
    Release(1, 15): 19,
    Release(1, 17): 20,
    Release(1, 18): 21,
    Release(1, 21): 22,
    Release(1, 23): 23,
    Release(1, 24): 25,
    Release(1, 25): 26,
}
"""The newest opset by the release that brought it. Each reads the file versions of its opsets."""
_RELEASES = sorted(_NEWEST_OPSET)
OLDEST = _RELEASES[0]
"""The oldest release that artifacts are tested with."""

NEWER_KINDS = {"Gelu": 20, "StringConcat": 20, "StringSplit": 20, "RMSNormalization": 23, "CumProd": 26}
"""Kinds of nodes that `MIN_OPSET` lacks, and the opset that brought them."""
NEWER_TYPES: dict[tuple[str, DType | None], int] = {("Equal", DType.STRING): 19}
"""Element types that a kind of node takes only since a newer opset."""
FOUR_BITS = 21
"""The opset that brought integers of 4 bits."""

_LATER: dict[Release, str] = {
    Release(1, 15): "Clip:u32 HardSwish:f16 LabelEncoder:string Mish:f16 Relu:f16 Selu:f16 Softplus:f16",
    Release(1, 17): "Equal:string LayerNormalization:f16 LogSoftmax:f16 Softmax:f16",
    Release(1, 20): "ArgMax:i64 ArgMin:i64 ReduceMean:i64 ReduceProd:f64",
    Release(1, 21): "Div:u64 Greater:u64 GreaterOrEqual:u64 Less:u64 LessOrEqual:u64",
    Release(1, 23): "Cast:i4 Cast:u4",
    Release(1, 30): "Cos:f64",
}
LATER: dict[tuple[str, DType | None], Release] = {
    (kind, DType(dtype)): release
    for release, text in _LATER.items()
    for kind, dtype in (pair.split(":") for pair in text.split())
}
"""What came to the CPU with a release after that of its opset, by kind and type computed in."""
LACKING: dict[DType | None, tuple[str, ...]] = {
    DType.F64: (
        "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "AveragePool", "Conv", "ConvTranspose", "Cosh", "Erf",
        "Gelu", "Resize", "Sinh", "Tan",
    ),
}  # fmt: skip
"""Kinds of nodes that no release has for the CPU in an element type, and that nothing here stands in for."""
TRANSPOSED = Release(1, 26)
"""The first release that multiplies what a Transpose made of float64; older ones fuse both and have no kernel."""


def parse_release(text: str) -> Release:
    """The release that a version names; the number of the patch says nothing.

    Raises:
        ConfigError: it is no version, or one before all that artifacts can be written for.
    """
    found = re.fullmatch(r"(\d{1,4})\.(\d{1,4})(\.\d{1,4})?", text)
    if not found:
        raise ConfigError(f"{text!r} is no version of ONNX Runtime", hint=f"for example {Release(1, 17)}")
    release = Release(int(found[1]), int(found[2]))
    if release < OLDEST:
        raise ConfigError(
            f"ONNX Runtime {release} is not supported: it has no opset {MIN_OPSET}",
            hint=f"choose {OLDEST} or newer",
        )
    return release


def newest_opset(release: Release) -> int:
    """The newest opset that a release of ONNX Runtime runs."""
    return _NEWEST_OPSET[_RELEASES[bisect_right(_RELEASES, release) - 1]]


def first_release(opset: int) -> Release:
    """The first release of ONNX Runtime that runs an opset."""
    return next(r for r in _RELEASES if _NEWEST_OPSET[r] >= opset)


def needed_opset(calls: Iterable[Call]) -> int:
    """The lowest opset that has all these nodes."""
    found = [NEWER_KINDS.get(call.kind, MIN_OPSET) for call in all_calls(calls)]
    found += [NEWER_TYPES.get((call.kind, call.dtype), MIN_OPSET) for call in all_calls(calls)]
    found += [FOUR_BITS for call in all_calls(calls) if call.dtype in (DType.I4, DType.U4)]
    return max(found, default=MIN_OPSET)


CUBIC = Release(1, 22)
"""The first release that resizes by cubics in any graph: older ones move transposes through it, then refuse it."""


def least_release(opset: int, calls: Iterable[Call]) -> Release:
    """The first release of ONNX Runtime that runs these nodes on a CPU, written for this opset."""
    return max([first_release(opset), *(since for _, since in calls_after(OLDEST, calls))])


def calls_after(release: Release, calls: Iterable[Call]) -> Iterator[tuple[Call, Release]]:
    """The nodes that a release does not run, and the first that does."""
    every = list(all_calls(calls))
    moved = {name for call in every if call.kind == "Transpose" for name in call.outputs}
    for call in every:
        since = _runs_since(call, moved)
        if since > release:
            yield call, since


def _runs_since(call: Call, moved: set[str]) -> Release:
    """The first release that runs a node, given the results of all transposes."""
    if call.kind == "MatMul" and call.dtype is DType.F64 and not moved.isdisjoint(call.inputs):
        return TRANSPOSED
    if call.kind == "Resize" and call.attributes.get("mode") == "cubic" and not call.attributes.get("antialias"):
        return CUBIC
    return LATER.get((call.kind, call.dtype), OLDEST)
