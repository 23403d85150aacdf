"""`python -m samples.red ARGS` is `kexport ARGS` with a mistake in its ONNX emitter: GELU by tanh."""

from __future__ import annotations

from typing import Any

from kexport.cli.main import main
from kexport.ops import Gelu
from kexport.target import find_target


def break_gelu() -> None:
    """Let the ONNX target write GELU by tanh for GELU by erf, in this process."""
    emitters = find_target("onnx").emitters.emitters
    emit = emitters[Gelu]

    def wrong(context: Any, node: Any) -> None:
        right, node.op = node.op, Gelu(approximate=True)
        try:
            emit(context, node)
        finally:
            node.op = right

    emitters[Gelu] = wrong


if __name__ == "__main__":
    break_gelu()
    main()
