"""The options of an ONNX artifact."""

from __future__ import annotations

from dataclasses import dataclass, field

from kexport.errors import ConfigError
from kexport.ir.graph import Graph
from kexport.ir.types import DType
from kexport.ops import Draw
from kexport.target import Options, all_nodes
from kexport_onnx.versions import (
    DRAWING_OPSET,
    LATER,
    MAX_OPSET,
    MIN_OPSET,
    OLDEST,
    Release,
    newest_opset,
    parse_release,
)


@dataclass(frozen=True)
class OnnxOptions(Options):
    """Options of the ONNX target."""

    opset: int | None = field(
        default=None,
        metadata={
            "help": f"ONNX opset, {MIN_OPSET} to {MAX_OPSET}; at most {DRAWING_OPSET} if the model draws random "
            "numbers; none: the lowest that the model needs"
        },
    )
    runtime: str | None = field(
        default=None,
        metadata={"help": f"the oldest ONNX Runtime that has to run it, {OLDEST} or newer; none: as old as it can be"},
    )
    bfloat16: bool = field(
        default=False,
        metadata={"help": "inputs and outputs of bfloat16 stay so; else they are float32, which numpy has"},
    )
    external_data: bool = field(default=False, metadata={"help": "keep weights in a .data file beside the model"})

    def __post_init__(self) -> None:
        if self.opset is not None and not MIN_OPSET <= self.opset <= MAX_OPSET:
            raise ConfigError(
                f"opset {self.opset} is not supported", hint=f"choose one from {MIN_OPSET} to {MAX_OPSET}"
            )
        release = self.release
        if release and self.opset is not None and self.opset > newest_opset(release):
            raise ConfigError(
                f"ONNX Runtime {release} has no opset {self.opset}",
                hint=f"choose opset {newest_opset(release)} or older, or leave one of both out",
            )

    @property
    def release(self) -> Release | None:
        """The oldest release that has to run the artifact."""
        return None if self.runtime is None else parse_release(self.runtime)

    @property
    def has_four_bits(self) -> bool:
        """Whether every release that has to run the artifact casts integers of 4 bits."""
        return self.release is None or self.release >= LATER["Cast", DType.I4]

    def newest(self, graph: Graph) -> int:
        """The newest opset that nodes of a graph may be of."""
        release = self.release
        newest = self.opset or (newest_opset(release) if release else MAX_OPSET)
        draws = any(isinstance(node.op, Draw) for node in all_nodes(graph))
        return min(newest, DRAWING_OPSET) if draws else newest

    def written_for(self, graph: Graph) -> int:
        """The opset that nodes of a graph are written for, where they can be written in several ways."""
        return MIN_OPSET if self.opset is None else self.newest(graph)
