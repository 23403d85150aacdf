"""Frames: which Keras layer or function call made a TensorFlow op, and with which Python arguments.

While a model is traced, every call of a Keras layer, a `keras.ops` operation or a public function of Keras'
TensorFlow backend opens a Frame, and every op made meanwhile, in any FuncGraph, is tagged with the innermost one.

A function that is traced once and called twice carries the frames of its FIRST call. So a frame belongs to the
FuncGraph it was opened in (`Frame.graph`), and whoever inlines a function adds the context of the call himself:

    frames of an inlined op = frames of the call op (in its own context) + local(frame_of(op), graph of the op)

which is right for the first call and for every later one. `path_of(frames)` is then the exact layer path, and
`(frame.index, context)` tells two inlined instances of one frame apart.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Frame:
    """One call of a layer, an operation or a backend function while tracing.

    `label` says what was called: `layer.Dense` (a Keras layer, by class), `op.Gelu` (a `keras.ops` operation class),
    `nn.gelu`, `numpy.einsum` (a function of Keras' TensorFlow backend), `layer2.Dense` (a layer of Keras 2, that is of
    tf_keras), `custom.Mine` (a class that is not Keras' own, or has another `call`), `mask.Embedding` (the layer's
    mask, computed after its call), `model` (the root). `kinds` are the labels this call may be treated as, best first:
    a subclass of Dense which keeps what `Dense` computes is also a `layer.Dense`, one which overrides `call` is not.

    `layer` is the Keras object, `function` the plain function behind a function frame or a layer's bound `call`.
    `args` and `kwargs` are as called; tensors in them belong to `graph` or to an outer graph.
    `outputs` is what the call returned, `tensors` the tensors in it in order; None and empty while it runs or after it
    raised. `name` is the part of the layer path that this frame adds ("" for functions and operations).
    """

    label: str
    index: int
    parent: Frame | None = None
    graph: Any = None
    name: str = ""
    kinds: tuple[str, ...] = ()
    layer: Any = None
    function: Callable[..., Any] | None = None
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    outputs: Any = None
    tensors: list[Any] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<Frame {self.index} {self.label} {self.path!r}>"

    @property
    def path(self) -> str:
        """The Keras layer path as recorded: layer names only, "" for the model itself."""
        return path_of(tuple(self.chain())[::-1])

    def chain(self) -> Iterator[Frame]:
        """This frame and its parents, innermost first, the root last."""
        frame: Frame | None = self
        while frame is not None:
            yield frame
            frame = frame.parent

    @property
    def layer_type(self) -> type | None:
        """The class of the innermost layer or operation at or above this frame."""
        return next((type(f.layer) for f in self.chain() if f.layer is not None), None)

    def is_kind(self, *labels: str) -> bool:
        """Whether the call may be treated as one of these labels."""
        return any(label in self.kinds for label in labels)

    def bound(self) -> dict[str, Any]:
        """The arguments by parameter name, defaults filled in; `*args` and `**kwargs` under their own names."""
        assert self.function is not None, "the root frame has no arguments"
        arguments = inspect.signature(self.function).bind(*self.args, **self.kwargs)
        arguments.apply_defaults()
        return dict(arguments.arguments)


def local(frame: Frame, graph: Any) -> tuple[Frame, ...]:
    """The frames opened in `graph` that lead to `frame`, outermost first: its part of an inlined op's frames."""
    return tuple(f for f in frame.chain() if f.graph is graph)[::-1]


def path_of(frames: Sequence[Frame]) -> str:
    """The Keras layer path of frames given outermost first."""
    return "/".join(f.name for f in frames if f.name)
