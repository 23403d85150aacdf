"""The layers of Keras 1: which layer of Keras 2 each one is, and what its options are called there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Rule:
    """What a layer becomes: its class in Keras 2, the options that count at inference, and options set in any case.

    Options not named here and not in `FOR_TRAINING` make the layer unknown. `packed` are options that become one.
    """

    to: str
    options: str = ""
    packed: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    fixed: Mapping[str, Any] = field(default_factory=dict[str, Any])
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])


RENAMED = {
    "output_dim": "units", "nb_filter": "filters", "filter_length": "kernel_size", "subsample": "strides",
    "subsample_length": "strides", "border_mode": "padding", "dim_ordering": "data_format", "bias": "use_bias",
    "atrous_rate": "dilation_rate", "pool_length": "pool_size", "stride": "strides", "length": "size", "p": "rate",
    "sigma": "stddev", "inner_activation": "recurrent_activation", "input_dtype": "dtype",
}  # fmt: skip
"""What options are called in Keras 2; others keep their names."""

_PARTS = "W U b activity beta gamma depthwise pointwise"
FOR_TRAINING = frozenset(
    [
        *(f"{part}_{kind}" for part in _PARTS.split() for kind in ("regularizer", "constraint", "init")),
        *("init", "inner_init", "forget_bias_init", "weights", "transform_bias", "trainable", "momentum", "l1", "l2"),
        *("dropout", "dropout_W", "dropout_U", "noise_shape", "seed", "consume_less", "name", "sparse"),
        *("input_dim", "input_length", "batch_input_shape", "input_dtype", "input_shape"),
    ]
)
"""Options that say how to train, or where weights start, or that are known from the rest of the model."""

_CONV2D = "nb_filter nb_row nb_col activation border_mode subsample dim_ordering bias"
_ROWS = {"kernel_size": ("nb_row", "nb_col")}
_RNN = "output_dim activation return_sequences go_backwards stateful unroll"
_POOL = "pool_size strides border_mode dim_ordering"

RULES: Mapping[str, Rule] = {
    "InputLayer": Rule("InputLayer", "batch_input_shape input_dtype sparse"),
    "Dense": Rule("Dense", "output_dim activation bias"),
    "TimeDistributedDense": Rule("Dense", "output_dim activation bias"),
    "MaxoutDense": Rule("MaxoutDense", "output_dim nb_feature bias"),
    "Highway": Rule("Highway", "activation bias"),
    "Activation": Rule("Activation", "activation"),
    "Dropout": Rule("Dropout", "p"),
    "SpatialDropout1D": Rule("SpatialDropout1D", "p"),
    "SpatialDropout2D": Rule("SpatialDropout2D", "p dim_ordering"),
    "SpatialDropout3D": Rule("SpatialDropout3D", "p dim_ordering"),
    "GaussianNoise": Rule("GaussianNoise", "sigma"),
    "GaussianDropout": Rule("GaussianDropout", "p"),
    "ActivityRegularization": Rule("ActivityRegularization"),
    "Flatten": Rule("Flatten"),
    "Reshape": Rule("Reshape", "target_shape"),
    "Permute": Rule("Permute", "dims"),
    "RepeatVector": Rule("RepeatVector", "n"),
    "Masking": Rule("Masking", "mask_value"),
    "Embedding": Rule("Embedding", "input_dim output_dim input_length mask_zero", renamed={"output_dim": "output_dim"}),
    "BatchNormalization": Rule("BatchNormalization", "epsilon axis mode"),
    "LeakyReLU": Rule("LeakyReLU", "alpha"),
    "ELU": Rule("ELU", "alpha"),
    "PReLU": Rule("PReLU", "shared_axes"),
    "ThresholdedReLU": Rule("ThresholdedReLU", "theta"),
    "Convolution1D": Rule("Conv1D", "nb_filter filter_length activation border_mode subsample_length bias"),
    "AtrousConvolution1D": Rule(
        "Conv1D", "nb_filter filter_length activation border_mode subsample_length bias atrous_rate"
    ),
    "Convolution2D": Rule("Conv2D", _CONV2D, _ROWS),
    "AtrousConvolution2D": Rule("Conv2D", f"{_CONV2D} atrous_rate", _ROWS),
    "Deconvolution2D": Rule("Conv2DTranspose", f"{_CONV2D} output_shape", _ROWS),
    "SeparableConvolution2D": Rule("SeparableConv2D", f"{_CONV2D} depth_multiplier", _ROWS),
    "Convolution3D": Rule(
        "Conv3D",
        "nb_filter kernel_dim1 kernel_dim2 kernel_dim3 activation border_mode subsample dim_ordering bias",
        {"kernel_size": ("kernel_dim1", "kernel_dim2", "kernel_dim3")},
    ),
    "MaxPooling1D": Rule("MaxPooling1D", "pool_length stride border_mode"),
    "AveragePooling1D": Rule("AveragePooling1D", "pool_length stride border_mode"),
    "MaxPooling2D": Rule("MaxPooling2D", _POOL),
    "AveragePooling2D": Rule("AveragePooling2D", _POOL),
    "MaxPooling3D": Rule("MaxPooling3D", _POOL),
    "AveragePooling3D": Rule("AveragePooling3D", _POOL),
    "GlobalMaxPooling1D": Rule("GlobalMaxPooling1D"),
    "GlobalAveragePooling1D": Rule("GlobalAveragePooling1D"),
    "GlobalMaxPooling2D": Rule("GlobalMaxPooling2D", "dim_ordering"),
    "GlobalAveragePooling2D": Rule("GlobalAveragePooling2D", "dim_ordering"),
    "GlobalMaxPooling3D": Rule("GlobalMaxPooling3D", "dim_ordering"),
    "GlobalAveragePooling3D": Rule("GlobalAveragePooling3D", "dim_ordering"),
    "ZeroPadding1D": Rule("ZeroPadding1D", "padding"),
    "ZeroPadding2D": Rule("ZeroPadding2D", "padding dim_ordering"),
    "ZeroPadding3D": Rule("ZeroPadding3D", "padding dim_ordering"),
    "Cropping1D": Rule("Cropping1D", "cropping"),
    "Cropping2D": Rule("Cropping2D", "cropping dim_ordering"),
    "Cropping3D": Rule("Cropping3D", "cropping dim_ordering"),
    "UpSampling1D": Rule("UpSampling1D", "length"),
    "UpSampling2D": Rule("UpSampling2D", "size dim_ordering"),
    "UpSampling3D": Rule("UpSampling3D", "size dim_ordering"),
    "SimpleRNN": Rule("SimpleRNN", _RNN),
    "LSTM": Rule("LSTM", f"{_RNN} inner_activation", fixed={"implementation": 1}),
    "GRU": Rule("GRU", f"{_RNN} inner_activation", fixed={"implementation": 1, "reset_after": False}),
    "TimeDistributed": Rule("TimeDistributed", "layer"),
    "Bidirectional": Rule("Bidirectional", "layer merge_mode"),
}
"""Layers by their class in Keras 1. Models and `Merge` are not among them."""

MERGES: Mapping[str, tuple[str, str | None, str]] = {
    "sum": ("Add", None, ""),
    "mul": ("Multiply", None, ""),
    "ave": ("Average", None, ""),
    "max": ("Maximum", None, ""),
    "concat": ("Concatenate", "concat_axis", "axis"),
    "dot": ("Dot", "dot_axes", "axes"),
}
"""Mode of a `Merge` -> (layer of Keras 2, the option that counts, its name there)."""

ACTIVATIONS = frozenset(["linear", "relu", "sigmoid", "hard_sigmoid", "tanh", "softmax", "softplus", "softsign", "elu"])
CHOICES: Mapping[str, Mapping[Any, Any]] = {
    "border_mode": {"valid": "valid", "same": "same"},
    "dim_ordering": {"tf": "channels_last", "th": "channels_first"},
    **{name: {a: a for a in ACTIVATIONS} for name in ("activation", "inner_activation")},
}
"""Option -> value in Keras 1 -> value in Keras 2."""
