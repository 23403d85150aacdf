"""Convolutions, pooling and resizing: every option of the Keras layers, in both data formats, against predict()."""

from __future__ import annotations

from typing import Any

import pytest

from kexport.errors import UnsupportedError
from tests.capture.agree import agree, normal, op_counts, randomize
from tests.capture.layer_of import layer_of

LAYERS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("Conv2D", {"filters": 5, "kernel_size": 3}),
    "same": ("Conv2D", {"filters": 5, "kernel_size": (3, 4), "padding": "same", "activation": "relu"}),
    "strided": ("Conv2D", {"filters": 5, "kernel_size": 3, "strides": 2}),
    "strided_same": ("Conv2D", {"filters": 5, "kernel_size": (4, 3), "strides": (2, 3), "padding": "same"}),
    "dilated": ("Conv2D", {"filters": 5, "kernel_size": 3, "dilation_rate": 2}),
    "dilated_same": ("Conv2D", {"filters": 5, "kernel_size": 3, "dilation_rate": (2, 3), "padding": "same"}),
    "no_bias": ("Conv2D", {"filters": 5, "kernel_size": 1, "use_bias": False}),
    "grouped": ("Conv2D", {"filters": 8, "kernel_size": 3, "groups": 4, "strides": 2, "padding": "same"}),
    "grouped_dilated": ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2, "dilation_rate": 2}),
    "as_wide_as_filters": ("Conv2D", {"filters": 12, "kernel_size": 3, "padding": "same"}),
    "depthwise": ("DepthwiseConv2D", {"kernel_size": 3}),
    "depthwise_many": ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 2, "strides": 2, "padding": "same"}),
    "depthwise_dilated": ("DepthwiseConv2D", {"kernel_size": 3, "dilation_rate": 2, "padding": "same"}),
    "separable": ("SeparableConv2D", {"filters": 5, "kernel_size": 3, "depth_multiplier": 2, "padding": "same"}),
    "separable_strided": ("SeparableConv2D", {"filters": 5, "kernel_size": 3, "strides": 2}),
    "transposed": ("Conv2DTranspose", {"filters": 5, "kernel_size": 3, "strides": 2}),
    "transposed_same": ("Conv2DTranspose", {"filters": 5, "kernel_size": (4, 3), "strides": (3, 2), "padding": "same"}),
    "transposed_extra": ("Conv2DTranspose", {"filters": 5, "kernel_size": 3, "strides": 2, "output_padding": 1}),
    "max": ("MaxPooling2D", {"pool_size": 2}),
    "max_same": ("MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}),
    "average": ("AveragePooling2D", {"pool_size": (2, 3)}),
    "average_same": ("AveragePooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}),
    "global_average": ("GlobalAveragePooling2D", {}),
    "global_max_kept": ("GlobalMaxPooling2D", {"keepdims": True}),
    "larger": ("UpSampling2D", {"size": (2, 3)}),
    "larger_bilinear": ("UpSampling2D", {"size": 2, "interpolation": "bilinear"}),
    "padded": ("ZeroPadding2D", {"padding": ((0, 2), (1, 3))}),
    "cropped": ("Cropping2D", {"cropping": ((0, 2), (1, 3))}),
    "normalized": ("BatchNormalization", {}),
}
FIXED_FORMAT = ("normalized",)
SIZES_NOT_OPEN_IN_KERAS = ("transposed_extra",)


def build(keras: Any, shape: tuple[int | None, ...], data_format: str, without: tuple[str, ...] = ()) -> Any:
    x = keras.Input(shape)
    outputs = []
    for name, (layer, options) in LAYERS.items():
        if name in without:
            continue
        if layer == "BatchNormalization":
            more = {"axis": 1 if data_format == "channels_first" else -1}
        else:
            more = {"data_format": data_format}
        outputs.append(getattr(keras.layers, layer)(**options, **more, name=name)(x))
    return randomize(keras.Model(x, outputs))


def test_two_dimensions_channels_last(keras: Any) -> None:
    captured = agree(build(keras, (11, 12, 4), "channels_last"), [normal(2, 11, 12, 4)], [normal(1, 11, 12, 4, seed=1)])
    counts = op_counts(captured)
    assert counts["conv"] == 12  # ten of Conv2D and the pointwise ones of two separable convolutions
    assert counts["depthwise_conv"] == 5
    assert counts["conv_transpose"] == 3
    assert not counts.keys() & {"transpose", "split", "space_to_batch", "tile"}, counts


def test_two_dimensions_of_any_size(keras: Any) -> None:
    model = build(keras, (None, None, 4), "channels_last")
    captured = agree(model, [normal(2, 11, 12, 4)], [normal(1, 9, 14, 4, seed=1)])
    assert str(captured.contract.inputs[0].type) == "f32[batch,height,width,4]"
    by_name = {p.name: str(p.type) for p in captured.contract.outputs}
    assert by_name["strided_same"] == "f32[batch,(height+1)//2,(width+2)//3,5]"
    assert by_name["transposed_same"] == "f32[batch,3*height,2*width,5]"


def test_two_dimensions_channels_first(keras: Any) -> None:
    captured = agree(build(keras, (4, 11, 12), "channels_first"), [normal(2, 4, 11, 12)])
    convolutions = [n for n in captured.graph.nodes if n.op.name == "conv"]
    assert all(n.inputs[0].type.shape[-1] in (4, 8) for n in convolutions)  # they are channels-last


@pytest.mark.parametrize(
    ("layer", "options"),
    [
        ("Conv1D", {"filters": 6, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}),
        ("Conv1D", {"filters": 6, "kernel_size": 4, "padding": "same", "strides": 3}),
        ("Conv1D", {"filters": 6, "kernel_size": 3, "groups": 2, "padding": "valid"}),
        ("DepthwiseConv1D", {"kernel_size": 3, "depth_multiplier": 2, "padding": "same"}),
        ("SeparableConv1D", {"filters": 6, "kernel_size": 3, "padding": "same"}),
        ("Conv1DTranspose", {"filters": 6, "kernel_size": 3, "strides": 2, "padding": "same"}),
        ("MaxPooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}),
        ("AveragePooling1D", {"pool_size": 2}),
        ("UpSampling1D", {"size": 3}),
        ("ZeroPadding1D", {"padding": (2, 1)}),
        ("Cropping1D", {"cropping": (1, 2)}),
    ],
    ids=lambda v: v if isinstance(v, str) else "-".join(map(str, v.values())),
)
def test_one_dimension_of_any_length(keras: Any, layer: str, options: dict[str, Any]) -> None:
    x = keras.Input((None, 4))
    model = randomize(keras.Model(x, getattr(keras.layers, layer)(**options)(x)))
    captured = agree(model, [normal(2, 13, 4)], [normal(1, 10, 4, seed=1)])
    assert str(captured.contract.inputs[0].type) == "f32[batch,length,4]"


def test_three_dimensions(keras: Any) -> None:
    layers = keras.layers
    x = keras.Input((7, 8, 6, 4))
    outputs = [
        layers.Conv3D(5, 3, padding="same", strides=2)(x),
        layers.Conv3D(5, (1, 2, 3), dilation_rate=(2, 1, 1))(x),
        layers.Conv3D(4, 3, groups=2, activation="relu")(x),
        layers.Conv3DTranspose(3, 3, strides=2, padding="same")(x),
        layers.MaxPooling3D(2)(x),
        layers.AveragePooling3D(3, strides=2, padding="same")(x),
        layers.UpSampling3D(2)(x),
        layers.GlobalAveragePooling3D()(x),
        layers.Cropping3D(((1, 1), (0, 2), (1, 0)))(layers.ZeroPadding3D((1, 2, 0))(x)),
    ]
    agree(randomize(keras.Model(x, outputs)), [normal(2, 7, 8, 6, 4)])


def test_three_dimensions_channels_first(keras: Any) -> None:
    x = keras.Input((4, 6, 7, 5))
    y = keras.layers.Conv3D(5, 3, padding="same", data_format="channels_first")(x)
    z = keras.layers.MaxPooling3D(2, data_format="channels_first")(y)
    agree(randomize(keras.Model(x, [y, z])), [normal(2, 4, 6, 7, 5)])


def test_adaptive_pooling(keras: Any) -> None:
    x = keras.Input((12, 10, 4))
    outputs = [keras.layers.AdaptiveAveragePooling2D((3, 4))(x), keras.layers.AdaptiveMaxPooling2D(5)(x)]
    captured = agree(keras.Model(x, outputs), [normal(2, 12, 10, 4)])
    assert op_counts(captured)["gather"] == 4  # with constant indices: those were computed


def test_strides_and_dilation_at_once(keras: Any) -> None:
    x = keras.Input((12, 13, 4))
    outputs = [
        keras.layers.DepthwiseConv2D(3, strides=2, dilation_rate=2, padding="same")(x),
        keras.layers.SeparableConv2D(3, 3, strides=2, dilation_rate=2)(x),
    ]
    captured = agree(randomize(keras.Model(x, outputs)), [normal(2, 12, 13, 4)])
    assert op_counts(captured) == {"depthwise_conv": 2, "conv": 1, "add": 2}


def test_resizing(keras: Any) -> None:
    x = keras.Input((10, 12, 3))
    layers = keras.layers
    outputs = [
        layers.Resizing(17, 9)(x),
        layers.Resizing(6, 31, interpolation="nearest")(x),
        layers.Resizing(8, 8, crop_to_aspect_ratio=True)(x),
        layers.Resizing(16, 16, pad_to_aspect_ratio=True)(x),
        layers.Resizing(5, 6, antialias=True)(x),
        layers.CenterCrop(8, 8)(x),
        layers.CenterCrop(14, 14)(x),
    ]
    captured = agree(keras.Model(x, outputs), [normal(2, 10, 12, 3)])
    assert op_counts(captured)["resize"] == 6


def test_resizing_as_older_programs_do(keras: Any) -> None:
    import tensorflow as tf

    def resized(x: Any) -> list[Any]:
        v1 = tf.compat.v1.image
        sizes = [(17, 9), (4, 25), (1, 1), (20, 24), (10, 12)]
        ways = [(s, m, a) for s in sizes for m in ("bilinear", "nearest") for a in (False, True)]
        return [v1.resize(x, s, m, align_corners=a) for s, m, a in ways]

    x = keras.Input((10, 12, 3))
    agree(keras.Model(x, layer_of(keras, resized)(x)), [normal(2, 10, 12, 3)])
    x = keras.Input((None, 12, 3))
    open_height = layer_of(keras, lambda x: tf.compat.v1.image.resize(x, (4, 25), align_corners=True))
    with pytest.raises(UnsupportedError, match="whose size is not fixed"):
        agree(keras.Model(x, open_height(x)))


def test_bicubic_is_as_close_as_tensorflows_table(keras: Any) -> None:
    """TensorFlow takes the weights of bicubic resizing from a table of 1024 places between two pixels."""
    x = keras.Input((10, 12, 3))
    resized = keras.layers.Resizing(17, 9, interpolation="bicubic")(x)
    agree(keras.Model(x, resized), [normal(1, 10, 12, 3)], tolerance=3e-3)
    agree(keras.Model(x, keras.layers.UpSampling2D(2, interpolation="bicubic")(x)), [normal(1, 10, 12, 3)])
