"""Makes text for text inputs: known words and others, in sentences if the model splits text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kexport.errors import ConfigError
from kexport.ir.graph import Graph, Node, Value
from kexport.ir.op import Array
from kexport.ir.types import DType

STRANGE = ("", "unheard", "Ünïcode", "日本語", "a", "42", "x_y", "e\u0301", "UPPER")
"""Words that need not be in a vocabulary."""
SPACES = (" ", " ", " ", "  ", "\t", "\n")
MARKS = ("", "", "", ",", ".", "!", "'s", "-", "(", "<br />")
MOST_KNOWN = 4096
"""The most words of a vocabulary to draw from."""
LONGEST = 12
"""Words in a sentence; the extreme batch has some of ten times as many."""


@dataclass(frozen=True)
class Words:
    """The texts that an input may hold: single words, or `sentences`; only `known` words if it is `closed`."""

    known: tuple[str, ...]
    sentences: bool
    closed: bool

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator, extreme: bool = False) -> Array:
        """Draw texts of a shape; some in the extreme batch are empty, some very long.

        Raises:
            ConfigError: the model looks up nothing, so that no text is better than another.
        """
        if not self.known:
            raise ConfigError(
                "random text would mean nothing to a model that looks up no words",
                hint="give samples of your own for this model",
            )
        array = np.empty(int(np.prod(shape)), object)
        array[:] = [self._text(rng, i, extreme) for i in range(array.size)]
        return array.reshape(shape)

    def _text(self, rng: np.random.Generator, index: int, extreme: bool) -> str:
        if not self.sentences:
            return self._word(rng, 0.5 if extreme else 0.2)
        if extreme and index % 3:
            return "" if index % 3 == 1 else self._sentence(rng, LONGEST * 10, 0.5)
        return self._sentence(rng, int(rng.integers(2, LONGEST, endpoint=True)), 0.2)

    def _sentence(self, rng: np.random.Generator, count: int, strange: float) -> str:
        def pick(choices: tuple[str, ...]) -> str:
            return choices[rng.integers(len(choices))]

        words = [_changed(self._word(rng, strange), rng) + pick(MARKS) + pick(SPACES) for _ in range(count)]
        return "".join(words)

    def _word(self, rng: np.random.Generator, strange: float) -> str:
        words = STRANGE if rng.random() < strange and not self.closed else self.known
        return words[rng.integers(len(words))]


def words_of(value: Value) -> Words:
    """Derive the texts that an input may hold from how it is used."""
    nodes = list(_readers(value))
    tables = [n for n in nodes if n.op.name == "lookup"]
    known = (t for n in tables for t in _texts(n.inputs[1]))
    tokens = (t for n in nodes if n.op.name == "equal" for v in n.inputs for t in _texts(v))
    words = tuple(w for w in dict.fromkeys([*known, *tokens]) if w)[:MOST_KNOWN]
    hashed = any(n.op.name == "hash_text" for n in nodes)
    splits = any(n.op.name == "split_text" for n in nodes)
    closed = bool(tables) and not hashed and all(map(_is_closed, tables))
    return Words(words or STRANGE[1:] * hashed, splits, closed)


def text_inputs(graph: Graph) -> dict[str, Words]:
    """Return the words of each text input, by the input's name."""
    return {v.name: words_of(v) for v in graph.inputs if v.type.dtype is DType.STRING}


def _readers(value: Value) -> Iterator[Node]:
    """Return the nodes that read a text value or texts derived from it."""
    work = [value]
    seen = set[Node]()
    while work:
        for use in work.pop().uses:
            if use.node not in seen:
                seen.add(use.node)
                yield use.node
                work += [v for v in use.node.outputs if v.type.dtype is DType.STRING]


def _texts(value: Value) -> list[str]:
    return [] if value.data is None or value.type.dtype is not DType.STRING else value.data.reshape(-1).tolist()


def _is_closed(table: Node) -> bool:
    """Return whether an unknown word is an error: it gets -1, and nothing tests for that."""
    default = table.inputs[3].data
    if default is None or default.dtype.kind not in "iu" or default.item() != -1:
        return False
    return not any(use.node.op.name == "equal" for use in table.output.uses)


def _changed(word: str, rng: np.random.Generator) -> str:
    """Draw a word, sometimes in another case."""
    chance = rng.random()
    return word.upper() if chance < 0.1 else word.capitalize() if chance < 0.2 else word
