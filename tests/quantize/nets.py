"""Small models with the layers that integer engines have, and data for them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kexport.ir.contract import Contract
from kexport.ir.graph import Graph
from kexport.ir.op import Array
from kexport.lowered import lower_for, optimize
from kexport.target import find_target


class Net(NamedTuple):
    """A captured and optimized model, its quantized graph, and the data that it was calibrated on."""

    graph: Graph
    quantized: Graph
    contract: Contract
    inputs: dict[str, Array]


def images() -> Any:
    """Convolutions of all kinds, a sum, pools, a rectifier that cuts at 6, and a classifier."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(3)
    image = keras.Input((12, 12, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="first")(image)
    x = layers.ReLU(name="relu")(layers.BatchNormalization(name="norm")(x))
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", bias_initializer="ones", name="deep")(x)
    x = layers.ReLU(6.0, name="relu6")(x)
    y = layers.Conv2D(8, 1, name="point")(x)
    x = layers.MaxPooling2D(name="pool")(layers.Add(name="sum")([x, y]))
    x = layers.Concatenate(name="join")([x, layers.AveragePooling2D(3, 1, "same", name="mean")(x)])
    x = layers.GlobalAveragePooling2D(name="all")(x)
    x = layers.Dense(16, activation="relu", bias_initializer="ones", name="hidden")(x)
    return keras.Model(image, layers.Dense(5, activation="softmax", name="digit")(x), name="images")


def series() -> Any:
    """Convolutions over time, and a sigmoid."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(4)
    given = keras.Input((24, 4), name="series")
    x = layers.Conv1D(8, 3, activation="relu", name="first")(given)
    x = layers.Conv1D(6, 3, padding="causal", activation="tanh", name="causal")(layers.MaxPooling1D(2, name="pool")(x))
    x = layers.Flatten(name="flat")(x)
    return keras.Model(given, layers.Dense(3, activation="sigmoid", name="tags")(x), name="series")


def inner() -> Any:
    """Outputs that are also computed with, one of them twice."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(5)
    given = keras.Input((16,), name="features")
    first = layers.Dense(12, activation="relu", name="first")(given)
    second = layers.Dense(12, name="second")(first)
    joined = layers.Concatenate(name="join")([first, second])
    last = layers.Dense(4, activation="softmax", name="last")(joined)
    return keras.Model(given, [first, joined, last], name="inner")


MODELS = {"images": images, "series": series, "inner": inner}


@cache
def net(name: str, recipe: str = "int8") -> Net:
    """A model, made once."""
    from kexport.capture.capturing import capture
    from kexport.quantize.calibration.fit import ports_of
    from kexport.quantize.calibration.source import open_source
    from kexport.quantize.graph.insert import quantize_graph
    from kexport.quantize.recipes.read import find_recipe
    from kexport.quantize.statistics.observing import observe

    captured = capture(MODELS[name]())
    graph = optimize(captured.graph)
    (port,) = captured.contract.inputs
    shape = [d if isinstance(d, int) else 16 for d in port.type.shape]
    data = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    statistics = observe(graph, open_source(data, ports_of(graph)))
    made = quantize_graph(graph, find_recipe(recipe), statistics)
    return Net(graph, made, captured.contract, {port.name: data})


def write(made: Net, target: str, path: Path) -> Path:
    """The artifact of the quantized graph."""
    found = find_target(target)
    return lower_for(found, found.options(), made.quantized, made.contract).write(path)
