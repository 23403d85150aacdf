"""The states of stateful recurrent layers and of seed generators, which move on with every call of a model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from kexport.capture.sources.structure import flatten


@contextmanager
def kept_states(model: Any) -> Iterator[None]:
    """Give a model its states back afterwards: an artifact keeps no state, so that each run starts from them."""
    variables = states_of(model)
    before = [np.array(v.numpy()) for v in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)


def states_of(model: Any) -> list[Any]:
    """The variables that hold the states of stateful layers and seed generators, of Keras 2 and 3, each once."""
    layers = list(model._flatten_layers()) if hasattr(model, "_flatten_layers") else []
    found = [v for layer in layers if getattr(layer, "stateful", False) for v in flatten(_states(layer))[0]]
    found += [g.state for layer in layers for g in getattr(layer, "_seed_generators", ())]
    return list({id(v): v for v in found if hasattr(v, "assign")}.values())


def _states(layer: Any) -> Any:
    return list(getattr(layer, "states", None) or ())
