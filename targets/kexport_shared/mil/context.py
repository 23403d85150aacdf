"""What an operation may need besides its arguments: the opset, declared results, nested blocks, states, randomness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from kexport_shared.mil.modes import Mode
from kexport_shared.mil.syntax import Block, Operation

IOS15, IOS16, IOS17, IOS18 = range(4)


class Context(NamedTuple):
    """The surroundings of one operation; `opset` counts from iOS 15."""

    operation: Operation
    opset: int
    mode: Mode
    states: dict[str, np.ndarray]
    random: np.random.Generator
    run: Callable[[Block, Sequence[Any]], list[Any]]
