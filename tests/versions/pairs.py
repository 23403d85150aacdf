"""Which versions of Keras and TensorFlow are tried together, and on which Python."""

from __future__ import annotations

from typing import NamedTuple


class Pair(NamedTuple):
    """Minor versions of Keras and TensorFlow, and of a Python that TensorFlow has wheels for."""

    keras: str
    tensorflow: str
    python: str

    @property
    def name(self) -> str:
        """As it is written on the command line."""
        return f"{self.keras}/{self.tensorflow}"


PAIRS = (
    Pair("3.3", "2.16", "3.11"),
    Pair("3.6", "2.18", "3.11"),
    Pair("3.8", "2.18", "3.12"),
    Pair("3.10", "2.19", "3.12"),
    Pair("3.12", "2.20", "3.13"),
    Pair("3.15", "2.21", "3.13"),
)
"""The oldest first: what pip gave people together, and the newest of each."""


def find_pair(name: str) -> Pair:
    """The pair of this name.

    Raises:
        KeyError: there is none.
    """
    return {pair.name: pair for pair in PAIRS}[name]
