"""Dense and embedding layers, activations, merging, and what only matters in training."""

from __future__ import annotations

from tests.layers.item import Built, Entry, Feed

ROW = Feed((6,))
ROWS = Feed((4, 6), open=(None, 6))
IDS = Feed((5,), "int32", high=11, open=(None,))
PAIR = (ROWS, ROWS)

CORE = {
    "Dense": (
        Entry((ROW,), {"units": 5}, {"activation": ("relu", "gelu", "softmax"), "use_bias": (False,)}),
        Entry((ROWS,), {"units": 5}, note="of rows"),
        Entry((Feed((2, 3, 4, 6)),), {"units": 3}, note="of rank 5"),
    ),
    "EinsumDense": (
        Entry((ROWS,), {"equation": "abc,cd->abd", "output_shape": (None, 5)},
              {"bias_axes": ("d",), "activation": ("relu",)}),
        Entry((ROWS,), {"equation": "abc,cde->abde", "output_shape": (None, 2, 3), "bias_axes": "de"}, note="to heads"),
        Entry((Feed((4, 2, 3)),), {"equation": "abcd,cde->abe", "output_shape": (None, 5)}, note="from heads"),
        Entry((ROWS,), {"equation": "...x,xy->...y", "output_shape": 5}, note="with dots"),
        Entry((Feed((4, 6)),), {"equation": "abc,bd->adc", "output_shape": (5, 6)}, note="over the middle"),
    ),
    "Embedding": (
        Entry((IDS,), {"input_dim": 11, "output_dim": 4}, {"mask_zero": (True,)}),
        Entry((Feed((5,), high=11),), {"input_dim": 11, "output_dim": 4}, note="of floats"),
    ),
    "ReversibleEmbedding": (
        Entry((IDS,), {"input_dim": 11, "output_dim": 4}, {"tie_weights": (False,), "mask_zero": (True,)}),
        Entry((Feed((5, 4)),), {"input_dim": 11, "output_dim": 4},
              {"tie_weights": (False,), "logit_soft_cap": (3.0,), "reverse_dtype": ("float32",)},
              call=lambda layer, x: layer(x, reverse=True), note="backwards"),
    ),
    "Lambda": (
        Entry((ROWS,), {"function": Built("square", lambda k: k.ops.square)},
              {"arguments": (), "output_shape": ((4, 6),)}),
    ),
    "Identity": (Entry((ROWS,)),),
    "Masking": (Entry((ROWS,), {}, {"mask_value": (1.0,)}),),
    "Activation": tuple(
        Entry((ROWS,), {"activation": name}, note=name) for name in (
            "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh",
            "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu",
            "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax",
            "squareplus", "tanh", "tanh_shrink",
        )
    ),
    "ReLU": (
        Entry((ROWS,), {}, {"max_value": (6.0, 1.5), "negative_slope": (0.1,), "threshold": (0.3,)},
              ({"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2},)),
    ),
    "LeakyReLU": (Entry((ROWS,), {}, {"negative_slope": (0.05,)}),),
    "PReLU": (
        Entry((Feed((4, 5, 6)),), {}, {"shared_axes": ([1, 2], [1], [-1])}),
    ),
    "ELU": (Entry((ROWS,), {}, {"alpha": (0.5,)}),),
    "Softmax": (
        Entry((ROWS,), {}, {"axis": (1, [1, 2])}),
        Entry((ROWS, Feed((4, 6), "bool", open=(None, 6))), note="masked"),
    ),
    "Add": (Entry(PAIR, as_list=True), Entry((ROWS, Feed((1, 6)), Feed((4, 1))), as_list=True, note="broadcast")),
    "Subtract": (Entry(PAIR, as_list=True),),
    "Multiply": (Entry(PAIR, as_list=True), Entry((ROWS, Feed((6,))), as_list=True, note="of ranks 3 and 2")),
    "Average": (Entry((ROWS, ROWS, ROWS), as_list=True),),
    "Maximum": (Entry(PAIR, as_list=True),),
    "Minimum": (Entry(PAIR, as_list=True),),
    "Concatenate": (Entry((Feed((4, 6)), Feed((4, 6))), {}, {"axis": (1, 2)}, as_list=True),),
    "Dot": (
        Entry((Feed((4, 6)), Feed((3, 6))), {"axes": 2}, {"normalize": (True,), "axes": ((2, 2), -1)}, as_list=True),
        Entry((ROW, ROW), {"axes": 1}, {"normalize": (True,)}, as_list=True, note="of vectors"),
    ),
    "ActivityRegularization": (Entry((ROWS,), {"l1": 0.1, "l2": 0.1}),),
    "Dropout": (Entry((ROWS,), {"rate": 0.5}, {"noise_shape": ((None, 1, 6),)}),),
    "AlphaDropout": (Entry((ROWS,), {"rate": 0.5}, {"noise_shape": ((None, 1, 6),)}),),
    "GaussianDropout": (Entry((ROWS,), {"rate": 0.5}),),
    "GaussianNoise": (Entry((ROWS,), {"stddev": 0.5}),),
    "SpatialDropout1D": (Entry((ROWS,), {"rate": 0.5}),),
    "SpatialDropout2D": (Entry((Feed((4, 4, 3)),), {"rate": 0.5}, {"data_format": ("channels_first",)}),),
    "SpatialDropout3D": (Entry((Feed((4, 4, 4, 3)),), {"rate": 0.5}, {"data_format": ("channels_first",)}),),
    "SpectralNormalization": (
        Entry((ROWS,), {"layer": Built("Dense(5)", lambda k: k.layers.Dense(5))}, {"power_iterations": (2,)}),
    ),
    "Pipeline": (
        Entry((Feed((8, 8, 3), high=255),),
              {"layers": [Built("Rescaling", lambda k: k.layers.Rescaling(1 / 255)),
                          Built("CenterCrop", lambda k: k.layers.CenterCrop(6, 6))]}),
    ),
}  # fmt: skip
