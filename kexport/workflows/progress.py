"""Progress: a function that receives the current work."""

from __future__ import annotations

from collections.abc import Callable

from kexport.verify.told import Tell

Progress = Callable[[str, str, float | None], None]
"""Called with a stage ("capture"), a detail and the finished part from 0 to 1, if known.

The detail is the item of the stage ("model.keras"); its part after a comma and a space changes meanwhile.
"""


def tell_batches(tell: Progress, name: str) -> Tell:
    """Report the batches of a reference: `resnet, float64 on batch 3 of 8`."""

    def told(what: str, number: int, count: int) -> None:
        tell("reference", f"{name}, {what} on batch {number} of {count}", (number - 1) / count)

    return told


def tell_runtimes(tell: Progress, target: str, number: int, count: int) -> Tell:
    """Report the runtimes of one artifact among `count`: `onnx, in onnxruntime-cpu`."""
    return lambda what, turn, turns: tell("verify", f"{target}, in {what}", (number + (turn - 1) / turns) / count)


def silent(stage: str, detail: str = "", fraction: float | None = None) -> None:
    """Report to nobody."""
