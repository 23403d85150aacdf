"""Layers that work on text. ONNX and SavedModel have operations on text; hashes of integers need none."""

from __future__ import annotations

from collections.abc import Mapping

from tests.layers.item import Built, Entry, Feed

WORDS = ("the", "cat", "dog", "naïve", "日本", "", "unheard", "UPPER", "Cat", "[UNK]", "it's")
KNOWN = {"vocabulary": ["the", "cat", "dog", "naïve", "日本"]}
WEIGHTS = [0.5, 0.25, 0.125, 1.5, 2.0]
TOKENS = Feed((3,), "string", words=WORDS)
TOKEN = Feed((1,), "string", words=WORDS)
SENTENCE = Feed((1,), "string", words=WORDS, longest=9)
KEYS = Feed((4,), "int64", low=-3_000_000_000, high=3_000_000_000)
SMALL_KEYS = Feed((2, 3), "int32", low=-1000, high=1000)


def _without_spaces(keras: object) -> object:
    import tensorflow as tf

    def standardize(text: object) -> object:
        return tf.strings.regex_replace(tf.strings.upper(text), "[ \t]", "")

    return standardize


TEXT: Mapping[str, tuple[Entry, ...]] = {
    "TextVectorization": (
        Entry((SENTENCE,), KNOWN, {
            "output_sequence_length": (4, 30), "ngrams": (None,), "encoding": ("utf-8",), "max_tokens": (9,),
            "standardize": (None, "lower", "strip_punctuation", Built("without spaces", _without_spaces)),
            "split": (None, "character"), "output_mode": ("multi_hot", "count"),
            "vocabulary": (["a"], ["the", "cat's"]),
        }, (
            {"output_mode": "tf_idf", "idf_weights": WEIGHTS},
            {"output_mode": "multi_hot", "max_tokens": 12, "pad_to_max_tokens": True},
            {"output_mode": "count", "ngrams": 2, "vocabulary": ["the", "the cat", "cat dog"]},
            {"output_mode": "multi_hot", "ngrams": (1, 3), "vocabulary": ["the", "the cat dog"]},
            {"output_sequence_length": 6, "ngrams": 2, "vocabulary": ["the", "the cat", "cat dog"]},
            {"output_sequence_length": 6, "split": "character", "vocabulary": ["t", "a", "日"]},
        )),
    ),
    "StringLookup": (
        Entry((TOKENS,), KNOWN, {
            "num_oov_indices": (2, 3), "mask_token": ("", "mask"), "oov_token": ("oov",), "max_tokens": (9,),
            "encoding": ("utf-8",), "vocabulary": (["the"],), "output_mode": ("multi_hot", "count"),
        }, (
            {"num_oov_indices": 2, "salt": [3, 5]},
            {"output_mode": "tf_idf", "idf_weights": WEIGHTS},
            {"output_mode": "multi_hot", "max_tokens": 9, "pad_to_max_tokens": True},
        )),
        Entry((TOKEN,), {**KNOWN, "output_mode": "one_hot"}, {"mask_token": ("",)}, note="one hot"),
        Entry((Feed((4,), "int64", high=6),), {**KNOWN, "invert": True}, note="inverted"),
    ),
    "Hashing": (
        Entry((KEYS,), {"num_bins": 7}, {
            "mask_value": (0,), "output_mode": ("multi_hot", "count"), "num_bins": (2, 100_000),
        }),
        Entry((SMALL_KEYS,), {"num_bins": 7}, note="of int32"),
        Entry((Feed((1,), "int64", high=10**6),), {"num_bins": 7, "output_mode": "one_hot"}, note="one hot"),
        Entry((KEYS,), {"num_bins": 7, "salt": 133}, {"salt": ([3, 2**40],)}, note="keyed"),
        Entry((TOKENS,), {"num_bins": 7}, {"mask_value": ("",), "salt": (133,)}, note="of text"),
    ),
}  # fmt: skip
