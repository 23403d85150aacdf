"""The layer classes of Keras, by family; and those that are no layer of a deployed model, with the reason."""

from __future__ import annotations

from collections.abc import Mapping

from tests.layers.catalog.attention import ATTENTION
from tests.layers.catalog.convolution import CONVOLUTION
from tests.layers.catalog.core import CORE
from tests.layers.catalog.image import IMAGE
from tests.layers.catalog.normalization import NORMALIZATION
from tests.layers.catalog.numeric import NUMERIC
from tests.layers.catalog.pooling import POOLING
from tests.layers.catalog.recurrent import RECURRENT
from tests.layers.catalog.shape import SHAPE
from tests.layers.catalog.text import TEXT
from tests.layers.item import Entry

FAMILIES: Mapping[str, Mapping[str, tuple[Entry, ...]]] = {
    "core": CORE,
    "convolution": CONVOLUTION,
    "pooling": POOLING,
    "normalization": NORMALIZATION,
    "shape": SHAPE,
    "recurrent": RECURRENT,
    "attention": ATTENTION,
    "image": IMAGE,
    "numeric": NUMERIC,
    "text": TEXT,
}
CATALOG = {layer: entries for family in FAMILIES.values() for layer, entries in family.items()}

LEFT_OUT = {
    "InputLayer": "every model has some",
    "InputSpec": "not a layer",
    "Layer": "the base class",
    "Wrapper": "the base class of wrappers",
    "GRUCell": "runs inside RNN",
    "LSTMCell": "runs inside RNN",
    "SimpleRNNCell": "runs inside RNN",
    "StackedRNNCells": "runs inside RNN",
    "FlaxLayer": "holds a program of another framework",
    "JaxLayer": "holds a program of another framework",
    "TorchModuleWrapper": "holds a program of another framework",
    "TFSMLayer": "holds a SavedModel, which is exported itself",
    "Equalization": "at inference its result is its input, which Keras takes for a cycle",
    "HashedCrossing": "refused: no format can hash pairs of values",
    "MaxNumBoundingBoxes": "works on dictionaries of boxes in an input pipeline",
}
