"""What is tried: a layer class with one set of options, on inputs of one kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kexport.ir.op import Array
from tests.capture.agree import randomize

Options = Mapping[str, Any]
SEPARATORS = (" ", "  ", "\t", ", ", "! ")


@dataclass(frozen=True)
class Feed:
    """An input without its batch: random numbers around 0, or from `low` to `high` (integers below `high`); or text,
    each element one of `words` or, with a `longest`, a sentence of up to so many.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    low: float = 0
    high: float | None = None
    open: tuple[int | None, ...] | None = None
    words: tuple[str, ...] = ()
    longest: int = 1

    def sample(self, batch: int, seed: int) -> Array:
        """One batch; dims that are open take the sizes of `shape`."""
        random = np.random.default_rng(seed)
        shape = (batch, *self.shape)
        if self.words:
            return self._text(random, shape)
        if self.dtype == "bool":
            return random.random(shape) < 0.7
        if self.high is None:
            return random.standard_normal(shape).astype(self.dtype)
        if "int" in self.dtype:
            return random.integers(int(self.low), int(self.high), shape).astype(self.dtype)
        return random.uniform(self.low, self.high, shape).astype(self.dtype)

    def _text(self, random: np.random.Generator, shape: tuple[int, ...]) -> Array:
        counts = random.integers(1, self.longest, int(np.prod(shape)), endpoint=True)
        result: Array = np.empty(len(counts), object)
        result[:] = [random.choice(SEPARATORS).join(random.choice(self.words, n)) for n in counts]
        return result.reshape(shape)


@dataclass(frozen=True)
class Built:
    """An option that is an object of Keras: made anew for each item."""

    text: str
    make: Callable[[Any], Any]

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Entry:
    """A layer class: its base options, the values each option takes in turn (none: it is of no matter), and
    combinations.

    `call(layer, *tensors)` applies the layer where plain application is not what is meant; `as_list` gives the inputs
    as one list. Items whose inputs have open dims are added where a feed has some.
    """

    feeds: tuple[Feed, ...]
    base: Options = field(default_factory=dict[str, Any])
    vary: Mapping[str, tuple[Any, ...]] = field(default_factory=dict[str, Any])
    also: tuple[Options, ...] = ()
    call: Callable[..., Any] | None = None
    as_list: bool = False
    note: str = ""
    tolerance: float = 2e-5

    def options(self) -> Iterator[Options]:
        """The base, each other value of each option alone, and the combinations."""
        yield {}
        for name, values in self.vary.items():
            yield from ({name: value} for value in values)
        yield from self.also


@dataclass(frozen=True)
class Item:
    """One layer to build, call, capture, export and compare."""

    layer: str
    entry: Entry
    changed: Options
    open: bool = False

    @property
    def name(self) -> str:
        """Such as `Conv2D(padding=same)`."""
        options = ", ".join([f"{k}={_short(v)}" for k, v in self.changed.items()] + ["open"] * self.open)
        return f"{self.layer}{self.entry.note and ' ' + self.entry.note}({options})"

    @property
    def group(self) -> tuple[Any, ...]:
        """What items of one model have in common."""
        return self.layer, id(self.entry), self.open

    def tensors(self, keras: Any) -> list[Any]:
        """The inputs of a model."""
        return [keras.Input((self.open and f.open) or f.shape, dtype=f.dtype) for f in self.entry.feeds]

    def apply(self, keras: Any, tensors: list[Any]) -> Any:
        """What a new layer makes of them."""
        options = {k: _made(v, keras) for k, v in (dict(self.entry.base) | dict(self.changed)).items()}
        layer = getattr(keras.layers, self.layer)(**options)
        if self.entry.call is not None:
            return self.entry.call(layer, *tensors)
        return layer(list(tensors)) if self.entry.as_list else layer(*tensors)

    def model(self, keras: Any) -> Any:
        """A functional model of the layer alone, with weights of no initial value."""
        tensors = self.tensors(keras)
        return randomize(keras.Model(tensors, self.apply(keras, tensors)))

    def batch(self, size: int, seed: int = 0) -> list[Array]:
        """Random inputs."""
        return [f.sample(size, seed + i) for i, f in enumerate(self.entry.feeds)]


def items(catalog: Mapping[str, tuple[Entry, ...]]) -> list[Item]:
    """All items of a catalog, in its order."""
    found: list[Item] = []
    for layer, entries in catalog.items():
        for entry in entries:
            found += [Item(layer, entry, changed) for changed in entry.options()]
            if any(f.open for f in entry.feeds):
                found.append(Item(layer, entry, {}, open=True))
    return found


def _made(value: Any, keras: Any) -> Any:
    if isinstance(value, Built):
        return value.make(keras)
    return [_made(v, keras) for v in value] if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType]


def _short(value: Any) -> str:
    text = str(value).replace(" ", "")
    return text if len(text) <= 24 else f"{text[:21]}..."
