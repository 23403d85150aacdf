"""Image preprocessing that computes, and augmentation, which at inference does not."""

from __future__ import annotations

from typing import Any

from tests.layers.item import Entry, Feed

OPEN_IMAGE = Feed((9, 8, 3), high=255, open=(None, None, 3))
PICTURE = Feed((9, 8, 3), high=255)
SMALL = Feed((9, 8, 3), high=1)
BYTES = Feed((9, 8, 3), "uint8", high=256)
FIRST: dict[str, tuple[Any, ...]] = {"data_format": ("channels_first",)}
RANGE: dict[str, tuple[Any, ...]] = {"value_range": ((0, 1),)}


def idle(base: dict[str, Any], **vary: tuple[Any, ...]) -> tuple[Entry, ...]:
    """A layer that does nothing at inference, whatever its options."""
    return (Entry((SMALL,), base, vary),)


MOVED: dict[str, tuple[Any, ...]] = {
    "interpolation": ("nearest",),
    "fill_mode": ("nearest",),
    "fill_value": (1.0,),
    **FIRST,
}
TABLE_STEP = 1e-3
"""TensorFlow reads the cubic weights from a table of 1024 steps unless antialias is set."""
FACTOR = {"factor": 0.5}

IMAGE_RESIZE = {
    "interpolation": ("nearest", "lanczos3", "lanczos5"),
    "antialias": (True,),
    "crop_to_aspect_ratio": (True,),
    "pad_to_aspect_ratio": (True,),
    **FIRST,
}

IMAGE_LAYERS: dict[str, tuple[Entry, ...]] = {
    "Rescaling": (
        Entry((PICTURE,), {"scale": 1 / 255}, {"offset": (-1.0,), "scale": ([0.1, 0.2, 0.3],)}),
        Entry((BYTES,), {"scale": 1 / 127.5, "offset": -1.0}, note="of bytes"),
    ),
    "Resizing": (
        Entry((PICTURE,), {"height": 5, "width": 6}, IMAGE_RESIZE, (
            {"interpolation": "bicubic", "antialias": True},
            {"pad_to_aspect_ratio": True, "fill_value": 7.0, "fill_mode": "constant"},
            {"crop_to_aspect_ratio": True, "interpolation": "nearest"},
        )),
        Entry((PICTURE,), {"height": 13, "width": 20}, IMAGE_RESIZE, note="up"),
        Entry((PICTURE,), {"height": 5, "width": 6, "interpolation": "bicubic"}, note="by cubics",
              tolerance=TABLE_STEP),
        Entry((OPEN_IMAGE,), {"height": 7, "width": 7}, note="of open size"),
        Entry((OPEN_IMAGE,), {"height": 7, "width": 9, "crop_to_aspect_ratio": True}, note="cut at open size"),
        Entry((OPEN_IMAGE,), {"height": 7, "width": 9, "pad_to_aspect_ratio": True}, note="padded at open size"),
        Entry((OPEN_IMAGE,), {"height": 7, "width": 9, "interpolation": "lanczos5", "antialias": True},
              note="by lanczos at open size"),
        Entry((OPEN_IMAGE,), {"height": 7, "width": 9, "interpolation": "bicubic"}, note="by cubics at open size",
              tolerance=TABLE_STEP),
    ),
    "CenterCrop": (
        Entry((PICTURE,), {"height": 5, "width": 4}, FIRST),
        Entry((PICTURE,), {"height": 12, "width": 4}, note="of a small image"),
    ),
    "RandomCrop": (Entry((PICTURE,), {"height": 5, "width": 4}, FIRST),),
}  # fmt: skip

AUGMENTATION: dict[str, tuple[Entry, ...]] = {
    "AugMix": idle({}, **RANGE, num_chains=(2,), chain_depth=(2,), factor=(0.1,), alpha=(0.5,), all_ops=(False,),
                   interpolation=("nearest",), **FIRST),
    "AutoContrast": idle({}, **RANGE),
    "CutMix": idle({}, factor=(0.5,), **FIRST),
    "MixUp": idle({}, alpha=(0.5,), **FIRST),
    "ContrastLimitedAdaptiveHistogramEqualization": idle({}, **RANGE, clip_limit=(2.0,), tile_grid_size=((4, 4),),
                                                         data_format=()),
    "RandAugment": idle({}, **RANGE, num_ops=(1,), factor=(0.1,), interpolation=("nearest",), **FIRST),
    "RandomBrightness": idle(FACTOR, **RANGE),
    "RandomColorDegeneration": idle(FACTOR, **RANGE, data_format=()),
    "RandomColorJitter": idle({}, **RANGE, brightness_factor=(0.1,), contrast_factor=(0.1,), saturation_factor=(0.1,),
                              hue_factor=(0.1,), **FIRST),
    "RandomContrast": idle(FACTOR, **RANGE),
    "RandomElasticTransform": idle({}, factor=(0.5,), scale=(0.5,), **RANGE, **MOVED),
    "RandomErasing": idle({}, factor=(0.5,), scale=((0.1, 0.2),), fill_value=(0.5,), **RANGE, **FIRST),
    "RandomFlip": idle({}, mode=("horizontal", "vertical"), **FIRST),
    "RandomGaussianBlur": idle({}, factor=(0.5,), kernel_size=(5,), sigma=(0.5,), **RANGE, **FIRST),
    "RandomGrayscale": idle({}, factor=(0.1,), **FIRST),
    "RandomHue": idle(FACTOR, **RANGE, **FIRST),
    "RandomInvert": idle({}, factor=(0.5,), **RANGE, **FIRST),
    "RandomPerspective": idle({}, factor=(0.5,), scale=(0.5,), interpolation=("nearest",), fill_value=(1.0,), **FIRST),
    "RandomPosterization": idle({"factor": 4}, **RANGE, **FIRST),
    "RandomRotation": idle(FACTOR, **MOVED),
    "RandomSaturation": idle(FACTOR, **RANGE, **FIRST),
    "RandomSharpness": idle(FACTOR, **RANGE, **FIRST),
    "RandomShear": idle({}, x_factor=(0.1,), y_factor=(0.1,), **MOVED),
    "RandomTranslation": idle({"height_factor": 0.1, "width_factor": 0.1}, **MOVED),
    "RandomZoom": idle({"height_factor": 0.1}, width_factor=(0.2,), **MOVED),
    "Solarization": idle({}, addition_factor=(0.1,), threshold_factor=(0.1,), **RANGE),
}  # fmt: skip

IMAGE = {**IMAGE_LAYERS, **AUGMENTATION}
