"""The settings of layers that came or went between versions of Keras 3, and what it means to be without them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kexport.capture.versions import Version

ANYTHING = ("anything",)
"""In the place of neutral values: the setting has no say in what a loaded model computes."""


class Setting(NamedTuple):
    """A key of a class's config that versions from `since` on, before `until`, know.

    With one of its `neutral` values a class computes what it computes in versions without the setting.
    """

    since: Version
    neutral: tuple[Any, ...]
    until: Version | None = None

    def exists_in(self, version: Version) -> bool:
        """Whether a version knows it."""
        return self.since <= version and (self.until is None or version < self.until)

    def is_neutral(self, value: Any) -> bool:
        """Whether it makes no difference with this value."""
        return self.neutral == ANYTHING or any(type(value) is type(n) and value == n for n in self.neutral)


_ATTENTION = {
    "seed": Setting((3, 4), ANYTHING),
    "flash_attention": Setting((3, 7), ANYTHING),
    "use_gate": Setting((3, 14), (False,)),
    "sliding_window": Setting((3, 15), (None,)),
}
_QUANTIZABLE = {
    "lora_alpha": Setting((3, 10), ANYTHING),  # of weights that adapters were merged into; adapters have a rank as well
    "quantization_config": Setting((3, 13), (None,)),
}
_AXES = {"input_axes": Setting((3, 15), ANYTHING), "output_axes": Setting((3, 15), ANYTHING)}
_LOOKUP = {"oov_method": Setting((3, 14), ("floormod",)), "salt": Setting((3, 14), (None,))}
_IMAGE = {"data_format": Setting((3, 6), (None, "channels_last"))}
_DEFAULT_FORMAT = {"data_format": Setting((3, 4), (None, "channels_last"))}
"""Before, no format was channels_last, and None was not allowed."""
_TYPED = {"dtype": Setting((3, 11), (None,))}

SETTINGS: Mapping[str, Mapping[str, Setting]] = {
    "InputLayer": {"optional": Setting((3, 4), (False,)), "ragged": Setting((3, 9), (False, None))},
    "Dense": _QUANTIZABLE,
    "EinsumDense": {**_QUANTIZABLE, "gptq_unpacked_column_size": Setting((3, 12), (None,))},
    "Embedding": _QUANTIZABLE,
    "ReversibleEmbedding": _QUANTIZABLE,
    "MultiHeadAttention": _ATTENTION,
    "GroupedQueryAttention": _ATTENTION,
    "GroupQueryAttention": _ATTENTION,
    "BatchNormalization": {
        "renorm": Setting((3, 14), (False,)),
        "renorm_clipping": Setting((3, 14), ANYTHING),  # of renorm alone
        "renorm_momentum": Setting((3, 14), ANYTHING),
    },
    "LayerNormalization": {"rms_scaling": Setting((3, 0), (False,), until=(3, 11))},
    "Resizing": {"antialias": Setting((3, 9), (False,))},
    "RandomBrightness": _IMAGE,
    "RandomContrast": {**_IMAGE, "value_range": Setting((3, 8), ([0, 255],))},
    "RandomFlip": _IMAGE,
    "RandomRotation": {"value_range": Setting((3, 0), ([0, 255],), until=(3, 6))},
    "IntegerLookup": _LOOKUP,
    "StringLookup": _LOOKUP,
    "ZeroPadding1D": {"data_format": Setting((3, 5), (None, "channels_last"))},
    # how weights are drawn before those of the file are loaded
    "GlorotNormal": _AXES,
    "GlorotUniform": _AXES,
    "HeNormal": _AXES,
    "HeUniform": _AXES,
    "LecunNormal": _AXES,
    "LecunUniform": _AXES,
    "VarianceScaling": _AXES,
}
"""By class and key."""

OPERATIONS: Mapping[str, Mapping[str, Setting]] = {
    "Arange": _TYPED,
    "FullLike": _TYPED,
    "OnesLike": _TYPED,
    "ZerosLike": _TYPED,
    "AffineTransform": _DEFAULT_FORMAT,
    "CropImages": _DEFAULT_FORMAT,
    "ExtractPatches": _DEFAULT_FORMAT,
    "PadImages": _DEFAULT_FORMAT,
    "RGBToGrayscale": _DEFAULT_FORMAT,
    "Resize": _DEFAULT_FORMAT,
    "AssociativeScan": {"axis": Setting((3, 11), (0,))},
    "Cholesky": {"upper": Setting((3, 12), (False,))},
    "DotProductAttention": {
        "flash_attention": Setting((3, 11), ANYTHING),
        "attn_logits_soft_cap": Setting((3, 11), (None,)),
    },
    "Isclose": {"equal_nan": Setting((3, 11), (False,))},
    "ScatterUpdate": {"reduction": Setting((3, 14), (None,))},
    "SearchSorted": {"side": Setting((3, 11), ("left",))},
}
"""Of the operations of `keras.ops` in a functional model."""
NAME = Setting((3, 11), ANYTHING)
"""Of all of those: before, they are called as the model calls them, and number themselves."""

RENAMED: Mapping[str, tuple[Version, str]] = {"Orthogonal": ((3, 7), "OrthogonalInitializer")}
"""Classes by their present name: since when they have it, and the name before. Later versions know both."""

POLICIES_ARE_NAMES = (3, 4)
"""Before this version the dtype of a layer is the name of a policy, from it on a policy with a config."""
LISTS_OF_TENSORS = (3, 4)
"""Before this version a functional model lists its only input or output, from it on it may name it."""
