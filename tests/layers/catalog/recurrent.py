"""Recurrent layers with their options, masks, states, and wrappers."""

from __future__ import annotations

from typing import Any

from tests.layers.item import Built, Entry, Feed

ROWS = Feed((5, 4), open=(None, 4))
MASK = Feed((5,), "bool", open=(None,))
STATE = Feed((3,))
BOTH = {"return_sequences": True, "return_state": True}
ENDS: dict[str, tuple[Any, ...]] = {
    "use_bias": (False,),
    "dropout": (0.5,),
    "recurrent_dropout": (0.5,),
    "return_sequences": (True,),
    "return_state": (True,),
    "go_backwards": (True,),
    "stateful": (),
}
ALSO = ({**BOTH, "go_backwards": True}, {"unroll": True, "return_sequences": True})


def masked(layer, x, mask):
    """With a mask over time."""
    return layer(x, mask=mask)


def started(layer, x, *states):
    """From a state that is given."""
    return layer(x, initial_state=list(states))


def simple(states: int, **more: tuple[Any, ...]) -> tuple[Entry, ...]:
    """SimpleRNN, GRU, LSTM."""
    return (
        Entry((ROWS,), {"units": 3}, {**ENDS, "unroll": (), "activation": ("relu", "gelu"), **more}, ALSO),
        Entry(
            (ROWS, MASK),
            {"units": 3},
            {"return_sequences": (True,), "go_backwards": (True,)},
            ({**BOTH, "go_backwards": True},),
            call=masked,
            note="masked",
        ),
        Entry((ROWS, *[STATE] * states), {"units": 3}, {}, (BOTH,), call=started, note="started"),
    )


def convolutional(feed: Feed) -> tuple[Entry, ...]:
    """ConvLSTM1D to ConvLSTM3D."""
    vary = {
        **ENDS,
        "strides": (2,),
        "padding": ("same",),
        "dilation_rate": (2,),
        "activation": ("relu",),
        "recurrent_activation": ("hard_sigmoid",),
        "data_format": ("channels_first",),
        "kernel_size": (1,),
        "unit_forget_bias": (False,),
    }
    return (Entry((feed,), {"filters": 2, "kernel_size": 2}, vary, (BOTH,)),)


def cell(text: str) -> Built:
    """A cell by its class, of three units."""
    return Built(text, lambda k: getattr(k.layers, text)(3))


STACK = Built("two", lambda k: k.layers.StackedRNNCells([k.layers.LSTMCell(3), k.layers.GRUCell(2)]))


def inner(kind: str, **options: Any) -> Built:
    """A recurrent layer to wrap."""
    return Built(kind + "".join(f",{k}" for k in options), lambda k: getattr(k.layers, kind)(3, **options))


RECURRENT = {
    "SimpleRNN": simple(1),
    "GRU": simple(1, recurrent_activation=("hard_sigmoid",), reset_after=(False,), use_cudnn=(False,)),
    "LSTM": simple(2, recurrent_activation=("hard_sigmoid",), unit_forget_bias=(False,), use_cudnn=(False,)),
    "RNN": (
        Entry((ROWS,), {"cell": cell("LSTMCell")},
              {"cell": (cell("GRUCell"), cell("SimpleRNNCell"), STACK), "return_sequences": (True,),
               "return_state": (True,), "go_backwards": (True,), "unroll": (), "stateful": ()},
              ({**BOTH, "cell": STACK, "go_backwards": True}, {"unroll": True})),
        Entry((ROWS, MASK), {"cell": STACK}, {"zero_output_for_mask": (True,), "return_sequences": (True,)},
              ({**BOTH, "zero_output_for_mask": True},), call=masked, note="masked"),
    ),
    "Bidirectional": (
        Entry((ROWS,), {"layer": inner("LSTM")},
              {"merge_mode": ("sum", "mul", "ave", None),
               "layer": (inner("GRU", return_sequences=True), inner("SimpleRNN", return_state=True)),
               "backward_layer": (inner("GRU", go_backwards=True),)}),
        Entry((ROWS, MASK), {"layer": inner("LSTM", return_sequences=True)}, {"merge_mode": ("sum",)}, call=masked,
              note="masked"),
    ),
    "TimeDistributed": (
        Entry((ROWS,), {"layer": Built("Dense(5)", lambda k: k.layers.Dense(5))}),
        Entry((Feed((3, 6, 6, 2), open=(None, 6, 6, 2)),),
              {"layer": Built("Conv2D(4,3)", lambda k: k.layers.Conv2D(4, 3))}, note="of images"),
        Entry((Feed((3, 5, 4)),), {"layer": inner("LSTM")}, note="of sequences"),
    ),
    "ConvLSTM1D": convolutional(Feed((4, 6, 3), open=(None, 6, 3))),
    "ConvLSTM2D": convolutional(Feed((3, 5, 5, 2), open=(None, 5, 5, 2))),
    "ConvLSTM3D": convolutional(Feed((3, 4, 4, 4, 2), open=(None, 4, 4, 4, 2))),
}  # fmt: skip
