"""What a user can choose about an ONNX artifact."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from kexport.errors import ConfigError
from kexport.ir.graph import Graph
from kexport.ops import Draw
from kexport.target import Options, all_nodes

MIN_OPSET = 18
"""Below, reductions and Split take their axes and sizes as attributes."""
MAX_OPSET = 26
"""The newest that ONNX Runtime 1.31 runs."""
DEFAULT_OPSET = 24
"""The newest for which ONNX Runtime 1.31 has kernels for all that is emitted; 25 and 26 lose Attention."""
DRAWING_OPSET = 21
"""The newest for which ONNX Runtime 1.31 has kernels that draw random numbers."""
IR_VERSIONS = {18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11, 24: 12, 25: 13, 26: 13}
"""The file-format version that came with each opset. Source: onnx/helper.py, VERSION_TABLE."""


@dataclass(frozen=True)
class OnnxOptions(Options):
    """Options of the ONNX target."""

    opset: int = field(
        default=DEFAULT_OPSET,
        metadata={
            "help": f"ONNX opset, {MIN_OPSET} to {MAX_OPSET}; at most {DRAWING_OPSET} if the model draws random numbers"
        },
    )
    external_data: bool = field(default=False, metadata={"help": "keep weights in a .data file beside the model"})

    def __post_init__(self) -> None:
        if not MIN_OPSET <= self.opset <= MAX_OPSET:
            raise ConfigError(
                f"opset {self.opset} is not supported", hint=f"choose one from {MIN_OPSET} to {MAX_OPSET}"
            )

    def fitted(self, graph: Graph) -> OnnxOptions:
        """These options for a graph: the opset is one that ONNX Runtime has all kernels for."""
        draws = any(isinstance(node.op, Draw) for node in all_nodes(graph))
        return replace(self, opset=min(self.opset, DRAWING_OPSET)) if draws else self
