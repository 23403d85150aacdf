"""The contract of a model: its inputs and outputs, the same for all its artifacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kexport.ir.dim import Dim
from kexport.ir.types import TensorType


@dataclass(frozen=True)
class Port:
    """One input or output: its public name and its type, whose dims may be symbolic."""

    name: str
    type: TensorType


@dataclass(frozen=True)
class Contract:
    """Inputs and outputs in order, and how the model nests them.

    A structure is a JSON tree of lists and dicts whose leaves are positions in `inputs` or `outputs`:
    `{"ids": 0, "mask": 1}` for a model called with a dict, `0` for a single tensor.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    input_structure: Any = None
    output_structure: Any = None

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names of the dynamic dims of the inputs, in order of appearance."""
        from kexport.ir.dim import symbols

        return tuple(dict.fromkeys(s for p in self.inputs for d in p.type.shape for s in sorted(symbols(d))))

    def bind(self, values: Mapping[str, Dim]) -> Contract:
        """Replace symbols."""
        return Contract(
            tuple(Port(p.name, p.type.bind(values)) for p in self.inputs),
            tuple(Port(p.name, p.type.bind(values)) for p in self.outputs),
            self.input_structure,
            self.output_structure,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the contract as a JSON object, with types as text."""
        return {
            "inputs": _ports_to_json(self.inputs),
            "outputs": _ports_to_json(self.outputs),
            "input_structure": self.input_structure,
            "output_structure": self.output_structure,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Contract:
        """The inverse of `to_json`."""
        return Contract(
            _ports_from_json(data["inputs"]),
            _ports_from_json(data["outputs"]),
            data.get("input_structure"),
            data.get("output_structure"),
        )


def _ports_to_json(ports: Sequence[Port]) -> list[dict[str, str]]:
    return [{"name": p.name, "type": str(p.type)} for p in ports]


def _ports_from_json(ports: Sequence[Mapping[str, str]]) -> tuple[Port, ...]:
    return tuple(Port(p["name"], TensorType.parse(p["type"])) for p in ports)
