"""Names for the sizes of inputs that are not fixed, and which of them are one and the same."""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import Any, NamedTuple

from kexport.errors import ConfigError
from kexport.ir.dim import Dim, substitute, symbol, symbols, times
from kexport.ir.types import DType, TensorType
from kexport.names import suggest

BATCH = "batch"
LARGEST_STEP = 256
"""What a size may have to be a multiple of."""
_RESERVED = {"max", "min"}


class Axis(NamedTuple):
    """One open size: its input, its axis, what it is called among the axes of that input, and its own name."""

    input: int
    axis: int
    role: str
    name: str


class Symbols:
    """The open sizes of a model's inputs.

    Axis 0 is `batch` for all inputs. Others are called by their role: `height` and `width` in an image, `length` where
    the input has one, else `<input>_<axis>`; with the name of the input in front where several sizes have one role.
    `merge` notes that two names mean one size: when all sizes of a role are one, the name of the role is enough. It may
    also find that a size has to be a multiple of a number, as in nets that halve an image and double it again: such a
    size is `4*height_by_4`.

    Args:
        inputs: name, numpy-style element type and shape of each input; None is an open size.
        dims: the user's wishes: a size or a name for a symbol (`{"batch": 1}`) or for one axis (`{"ids:1": "length"}`).

    Raises:
        ConfigError: a wish for something that does not exist, or for a size below 1.
    """

    def __init__(
        self, inputs: Sequence[tuple[str, str, tuple[int | None, ...]]], dims: Mapping[str, Any] | None = None
    ):
        self.inputs = inputs
        self.axes = _open_axes(inputs)
        self.same: dict[str, str | int] = {}
        self.steps: dict[str, int] = {}
        self.chosen: set[str] = set()
        for key, value in (dims or {}).items():
            self._wish(key, value)

    def types(self) -> list[TensorType]:
        """The type of each input."""
        dims = {(a.input, a.axis): self._dim(a) for a in self.axes}
        types = []
        for i, (_, dtype, shape) in enumerate(self.inputs):
            element = DType.STRING if dtype == "string" else DType.of(dtype)
            types.append(TensorType(element, tuple(dims.get((i, k), d) for k, d in enumerate(shape))))  # type: ignore[misc]
        return types

    def merge(self, left: Dim, right: Dim) -> bool:
        """Note that two dims made of those of `types` are one, where that follows from what two symbols, or a symbol
        and a number, have to be: `a` and `b`, `length` and 8, `2*a+1` and `2*b+1`, `min(a,b)` and `b`; or from a symbol
        being a multiple of a number: `height` and `height//2*2`. Whether it does.
        """
        before = self.types()
        return self._merged(left, right) and self.types() != before

    def _merged(self, left: Dim, right: Dim) -> bool:
        names = [self._own_name(d) for d in (left, right)]
        if names[0] is None or names[1] is None or not any(isinstance(n, str) for n in names):
            names = self._alike(left, right)
        if names is None:
            return self._divide(left, right)
        self._unite(names[0], names[1])  # type: ignore[arg-type]
        return True

    def fixed(self) -> list[tuple[int | None, ...]]:
        """The shapes of the inputs with the sizes that are wished for; None is an open size."""
        return [tuple(d if isinstance(d, int) else None for d in t.shape) for t in self.types()]

    def _alike(self, left: Dim, right: Dim) -> list[str | int | None] | None:
        """The own names of two symbols that make the dims equal where they are one; of one that is 1 where one dim is
        so many times the other. Batches aside.
        """
        used = sorted((symbols(left) | symbols(right)) - {BATCH})
        for a, b in combinations(used, 2):
            if substitute(left, {a: symbol(b)}) == substitute(right, {a: symbol(b)}):
                return [self._named(a), self._named(b)]
        single = (n for n in used if left * symbol(n) == right or right * symbol(n) == left)
        return next(([self._named(n), 1] for n in single), None)

    def _divide(self, left: Dim, right: Dim) -> bool:
        """Note that an axis, or all of these dims alike, is a multiple of a number, if that makes the dims equal."""
        used = sorted(n for n in (symbols(left) | symbols(right)) - {BATCH} if self._named(n))
        for count, names in product(range(2, LARGEST_STEP + 1), [*([n] for n in used), used]):
            wider: dict[str, Dim] = {n: count * symbol(n) for n in names}
            if substitute(left, wider) == substitute(right, wider):
                owners = [str(self._named(n)) for n in names]
                self.steps |= {own: self.steps.get(own, 1) * count for own in owners}
                return True
        return False

    def _named(self, name: str) -> str | None:
        """The own name of the axis whose size is made of a symbol."""
        return next((a.name for a in self.axes if (t := times(self._dim(a))) and t[0] == name), None)

    def _wish(self, key: str, value: Any) -> None:
        if not isinstance(value, str) and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ConfigError(f"the size of {key!r} must be a name or a number of at least 1, got {value!r}")
        if isinstance(value, str):
            if not value.isidentifier() or keyword.iskeyword(value) or value in _RESERVED:
                raise ConfigError(f"{value!r} cannot be the name of a size", hint="use letters, digits and _")
            self.chosen.add(value)
        for name in self._find(key):
            self._unite(name, value)

    def _find(self, key: str) -> list[str]:
        """The own names of the axes that a key of the user means."""
        found = [a.name for a in self.axes if key in (a.name, a.role, str(self._dim(a)), self._place(a))]
        if not found:
            known = dict.fromkeys([*(str(self._dim(a)) for a in self.axes), *map(self._place, self.axes)])
            hint = suggest(key, known, "open sizes") if known else "all sizes of the inputs are fixed"
            raise ConfigError(f"no input has an open size {key!r}", hint=hint)
        return found

    def _place(self, axis: Axis) -> str:
        return f"{self.inputs[axis.input][0]}:{axis.axis}"

    def _unite(self, a: str | int, b: str | int) -> None:
        a = self._root(a)
        b = self._root(b)
        if a == b:
            return
        if isinstance(a, int) and isinstance(b, int):
            raise ConfigError(f"a size cannot be {a} and {b}")
        kept, other = sorted((a, b), key=self._weight)
        self.same[str(other)] = kept

    def _root(self, name: str | int) -> str | int:
        while isinstance(name, str) and name in self.same:
            name = self.same[name]
        return name

    def _weight(self, name: str | int) -> int:
        """What stays when two are united: first numbers, then names that the user chose, then the first axis."""
        if isinstance(name, int):
            return -2
        return -1 if name in self.chosen else next(i for i, a in enumerate(self.axes) if a.name == name)

    def _dim(self, axis: Axis) -> Dim:
        root = self._root(axis.name)
        if isinstance(root, int):
            return root
        role = next((a.role for a in self.axes if a.name == root), root)
        alike = {self._root(a.name) for a in self.axes if a.role == role}
        name = role if alike == {root} and root not in self.chosen else root
        step = math.lcm(*(n for own, n in self.steps.items() if self._root(own) == root))
        return symbol(name) if step == 1 else step * symbol(f"{name}_by_{step}")

    def _own_name(self, dim: Dim) -> str | int | None:
        if isinstance(dim, int):
            return dim
        for axis in self.axes:
            if self._dim(axis) == dim:
                return axis.name
        return None


def _open_axes(inputs: Sequence[tuple[str, str, tuple[int | None, ...]]]) -> list[Axis]:
    several = sum(None in shape[1:] for _, _, shape in inputs) > 1
    axes: list[Axis] = []
    for i, (name, _, shape) in enumerate(inputs):
        for axis, size in enumerate(shape):
            if size is None:
                role = BATCH if axis == 0 else _role(name, shape, axis)
                longer = several and role not in (BATCH, _numbered(name, axis))
                own = f"{_identifier(name)}_{role}" if longer else role
                while role != BATCH and any(a.name == own for a in axes):
                    own += "_"
                axes.append(Axis(i, axis, role, own))
    return axes


def _role(name: str, shape: tuple[int | None, ...], axis: int) -> str:
    if len(shape) == 4:
        first = 2 if shape[1] is not None and shape[3] is None else 1
        if axis in (first, first + 1):
            return "height" if axis == first else "width"
    return "length" if shape[1:].count(None) == 1 else _numbered(name, axis)


def _numbered(name: str, axis: int) -> str:
    return f"{_identifier(name)}_{axis}"


def _identifier(name: str) -> str:
    word = re.sub(r"\W", "_", name)
    word = f"_{word}" if not word or word[0].isdigit() else word
    return f"{word}_" if keyword.iskeyword(word) or word in _RESERVED else word
