"""How a backbone is made, and what it takes. keras-hub is imported by whoever builds one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kexport.ir.op import Array
from tests.capture.agree import randomize

WORDS = 60
LENGTH = 7
Feed = Callable[[int, np.random.Generator], Array]


def ids(batch: int, random: np.random.Generator) -> Array:
    """Tokens of a text."""
    return random.integers(0, WORDS, (batch, LENGTH)).astype("int32")


def kinds(batch: int, random: np.random.Generator) -> Array:
    """The part of the text that each token belongs to."""
    return random.integers(0, 2, (batch, LENGTH)).astype("int32")


def mask(batch: int, random: np.random.Generator) -> Array:
    """Texts that end two tokens early."""
    found = np.ones((batch, LENGTH), "int32")
    found[:, LENGTH - 2 :] = 0
    return found


def ends(batch: int, random: np.random.Generator) -> Array:
    """The same in bools."""
    return mask(batch, random).astype(bool)


def image(size: int) -> Feed:
    """A square image of three channels."""
    return lambda batch, random: random.uniform(-1, 1, (batch, size, size, 3)).astype("float32")


def sound(steps: int, mels: int) -> Feed:
    """A spectrogram."""
    return lambda batch, random: random.standard_normal((batch, steps, mels)).astype("float32")


def numbers(*shape: int) -> Feed:
    """Random numbers."""
    return lambda batch, random: random.standard_normal((batch, *shape)).astype("float32")


@dataclass(frozen=True)
class Part:
    """A backbone inside of another."""

    name: str
    arguments: Mapping[str, Any]

    def build(self, hub: Any) -> Any:
        """The model, of a class that keras-hub may not hand out."""
        cls = getattr(hub.models, self.name, None) or _found(hub, self.name)
        parts = {k: v.build(hub) if isinstance(v, Part) else v for k, v in self.arguments.items()}
        return cls(**parts)


@dataclass(frozen=True)
class Backbone(Part):
    """One model to try, and its inputs: by name, or the only one."""

    feeds: Mapping[str, Feed] | Feed = field(default_factory=dict[str, Feed])

    def model(self, hub: Any) -> Any:
        """The backbone with random weights."""
        import keras

        keras.utils.set_random_seed(1)
        return randomize(self.build(hub))

    def batch(self, size: int = 2, seed: int = 0) -> Any:
        """Random inputs in the structure that the model takes."""
        random = np.random.default_rng(seed)
        if callable(self.feeds):
            return self.feeds(size, random)
        return {name: feed(size, random) for name, feed in self.feeds.items()}


def _found(hub: Any, name: str) -> Any:
    """A class by its module: `clip.clip_vision_encoder.CLIPVisionEncoder` of keras-hub's models."""
    import importlib

    module, _, cls = name.rpartition(".")
    return getattr(importlib.import_module(f"{hub.__name__}.src.models.{module}"), cls)
