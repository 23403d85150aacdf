"""No layer class and no option of one is missing from the catalog."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from tests.layers.catalog import CATALOG, LEFT_OUT

EVERYWHERE = {"self", "name", "trainable", "dtype", "kwargs", "seed", "autocast", "weights"}
FOR_TRAINING = ("_initializer", "_regularizer", "_constraint", "lora_rank", "lora_alpha")
UNTRIED = {
    "momentum": "training",
    "renorm_clipping": "training",
    "renorm_momentum": "training",
    "synchronized": "training",
    "quantization_config": "quantized layers have tests of their own",
    "gptq_unpacked_column_size": "the same",
    "sparse": "sparse tensors are no part of a deployed model",
    "ragged": "nor are ragged ones",
    "num_bins": "learned by adapt()",
    "epsilon": "a small number",
    "mask": "of Lambda",
}
"""Options that are not varied, and why."""


def classes(keras: Any) -> dict[str, type]:
    """The layer classes, each under its first name."""
    found: dict[type, str] = {}
    for name in sorted(dir(keras.layers)):
        thing = getattr(keras.layers, name)
        if inspect.isclass(thing) and found.setdefault(thing, name) not in CATALOG and name in CATALOG:
            found[thing] = name
    return {name: thing for thing, name in found.items()}


def test_every_layer_is_tried(keras: Any) -> None:
    assert set(classes(keras)) - set(LEFT_OUT) == set(CATALOG)
    assert not set(LEFT_OUT) & set(CATALOG)


@pytest.mark.parametrize("layer", CATALOG)
def test_every_option_is_tried(layer: str, keras: Any) -> None:
    parameters = inspect.signature(getattr(keras.layers, layer).__init__).parameters
    named = {o for e in CATALOG[layer] for o in (*e.base, *e.vary, *(k for a in e.also for k in a))}
    assert not named - set(parameters)
    wanted = {p for p in parameters if p not in EVERYWHERE and not p.endswith(FOR_TRAINING) and p not in UNTRIED}
    assert not wanted - named
