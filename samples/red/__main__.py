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

    def wrong(context: Any, op: Gelu, node: Any) -> None:
        emit(context, Gelu(approximate=True), node)

    emitters[Gelu] = wrong


if __name__ == "__main__":
    break_gelu()
    main()
