"""Preprocessing of numbers and signals."""

from __future__ import annotations

from tests.layers.item import Entry, Feed

NUMBERS = Feed((5,), open=(None,))
IDS = Feed((4,), "int32", high=7)
WAVE = Feed((400,))
WAVES = Feed((400, 1))
KEYS = Feed((4,), "int64", low=-6, high=24, open=(None,))
KEY = Feed((1,), "int64", low=-6, high=24)
SMALL_KEYS = Feed((4,), "int32", low=-6, high=24)
WORDS = {"vocabulary": [10, 20, -5]}
MODES = ("one_hot", "multi_hot", "count")

NUMERIC = {
    "Discretization": (
        Entry((NUMBERS,), {"bin_boundaries": [-1.0, 0.0, 0.5]}),
        Entry((Feed((5,)),), {"bin_boundaries": [-1.0, 0.0, 0.5], "output_mode": "multi_hot"},
              {"output_mode": ("count",)}, note="counted"),
        Entry((Feed((1,)),), {"bin_boundaries": [-1.0, 0.0, 0.5], "output_mode": "one_hot"}, note="one hot"),
    ),
    "CategoryEncoding": (
        Entry((IDS,), {"num_tokens": 7}, {"output_mode": ("count",)}),
        Entry((Feed((1,), "int32", high=7),), {"num_tokens": 7, "output_mode": "one_hot"}, note="one hot"),
    ),
    "IntegerLookup": (
        Entry((KEYS,), WORDS, {
            "num_oov_indices": (2, 3), "mask_token": (0,), "oov_token": (-9,), "invert": (True,), "max_tokens": (9,),
            "oov_method": ("floormod",), "salt": (None,), "vocabulary_dtype": ("int64",),
            "vocabulary": ([7, 3, -100000, 2000000, 11],), "output_mode": ("multi_hot", "count"),
        }, (
            {"num_oov_indices": 3, "mask_token": 0, "output_mode": "count"},
            {"output_mode": "tf_idf", "idf_weights": [0.5, 0.25, 0.125]},
            {"output_mode": "multi_hot", "max_tokens": 9, "pad_to_max_tokens": True},
        )),
        Entry((SMALL_KEYS,), WORDS, note="of int32"),
        Entry((KEY,), {**WORDS, "output_mode": "one_hot"}, {"mask_token": (0,)}, note="one hot"),
        Entry((Feed((4,), "int64", high=3),), {**WORDS, "invert": True}, note="inverted"),
    ),
    "MelSpectrogram": (
        Entry((WAVE,), {"fft_length": 128, "sequence_stride": 64, "num_mel_bins": 16, "sampling_rate": 8000}, {
            "sequence_length": (100,), "window": ("hamming",), "min_freq": (100.0,), "max_freq": (3000.0,),
            "power_to_db": (False,), "top_db": (40.0,), "mag_exp": (1.0,), "min_power": (1e-5,), "ref_power": (2.0,),
        }),
    ),
    "STFTSpectrogram": (
        Entry((WAVES,), {"frame_length": 80, "frame_step": 40, "fft_length": 128}, {
            "mode": ("magnitude", "psd", "real", "imag", "angle", "stft"), "window": ("hamming", None),
            "periodic": (True,), "scaling": ("spectrum", None), "padding": ("same",), "expand_dims": (True,),
        }),
        Entry((Feed((1, 400)),), {"frame_length": 80, "data_format": "channels_first"}, note="channels first"),
    ),
}  # fmt: skip
