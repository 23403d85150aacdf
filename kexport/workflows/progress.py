"""Progress: a function that is told what is being done."""

from __future__ import annotations

from collections.abc import Callable

from kexport.verify.told import Tell

Progress = Callable[[str, str, float | None], None]
"""Called with a stage ("capture"), a detail and the finished part from 0 to 1, if known.

The detail is what the stage works on ("model.keras"); what follows a comma and a blank changes while it does.
"""


def tell_batches(tell: Progress, name: str) -> Tell:
    """Tells of the batches of a reference: `resnet, float64 on batch 3 of 8`."""

    def told(what: str, number: int, count: int) -> None:
        tell("reference", f"{name}, {what} on batch {number} of {count}", (number - 1) / count)

    return told


def tell_runtimes(tell: Progress, target: str, number: int, count: int) -> Tell:
    """Tells of the runtimes of one artifact among `count`: `onnx, in onnxruntime-cpu`."""
    return lambda what, turn, turns: tell("verify", f"{target}, in {what}", (number + (turn - 1) / turns) / count)


def silent(stage: str, detail: str = "", fraction: float | None = None) -> None:
    """Tells nobody."""
