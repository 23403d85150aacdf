"""Calling a lowering with the arguments of a frame, whatever version of Keras they are of."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from kexport.capture.lowering.context import Context
from kexport.capture.not_lowered import NotLowered
from kexport.capture.tracing.frames import Frame

FORMER: Mapping[str, Mapping[str, str]] = {
    "image.affine_transform": {"image": "images"},
    "image.map_coordinates": {"input": "inputs"},
    "image.resize": {"image": "images"},
    "image.rgb_to_grayscale": {"image": "images"},
    "nn.ctc_decode": {"sequence_length": "sequence_lengths"},
    "nn.sparsemax": {"logits": "x"},
    "numpy.dot": {"x": "x1", "y": "x2"},
    "numpy.unravel_index": {"x": "indices"},
}
"""By label: what arguments were called in older versions, and what they are called in the newest."""


def call_lowering(function: Callable[..., Any], ctx: Context, frame: Frame) -> Any:
    """What a lowering makes of a call.

    Raises:
        NotLowered: it does not know an argument, as of a newer version, and passes.
    """
    if frame.layer is not None:
        args = (ctx, frame.layer, *frame.args)
        kwargs = frame.kwargs
    else:
        args = (ctx,)
        kwargs = present(frame.label, frame.bound())
    try:
        _signature(function).bind(*args, **kwargs)
    except TypeError as e:
        raise NotLowered(f"{frame.label} takes other arguments in this version: {e}") from e
    return function(*args, **kwargs)


def present(label: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by the names that the newest version has for them."""
    names = FORMER.get(label, {})
    if not names.keys() <= arguments.keys():
        return dict(arguments)
    return {names.get(name, name): value for name, value in arguments.items()}


@cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)
