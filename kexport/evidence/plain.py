"""Converts dataclasses to and from plain JSON values; NaN and infinities become "nan", "inf" and "-inf"."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

_SPECIAL = ("nan", "inf", "-inf")


def plain(value: Any) -> Any:
    """Convert to JSON values: dataclasses become objects, tuples lists, enums their values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def number(value: Any) -> float:
    """Read a float that `plain` wrote."""
    return float(value)


def special(value: Any) -> Any:
    """Turn the strings of NaN and infinities in a JSON value back into floats, and lists into tuples."""
    if isinstance(value, str) and value in _SPECIAL:
        return float(value)
    return tuple(special(v) for v in value) if isinstance(value, list) else value


def canonical_json(value: Any) -> str:
    """Format canonical JSON: sorted keys, no spaces."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
