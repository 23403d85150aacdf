"""Text layers: what Keras makes with ragged tensors, on dense ones; and a clear word where that is not possible."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kexport.capture.capturing import capture
from kexport.capture.lowering.text import literal_texts
from kexport.errors import UnsupportedError
from tests.capture.agree import agree, op_counts

SENTENCES = np.array(
    [["the cat, the DOG!"], [" two  spaces\tand\nlines the the the"], [""], ["naïve ÉCOLE 日本 #1 the cat"]], object
)
TOKENS = np.array([["the", "cat", "x"], ["", "dog", "[UNK]"], ["日本", "mm", "the"]], object)
WORDS = ["the", "cat", "dog", "naïve", "日本"]
WEIGHTS = [0.1, 0.2, 0.3, 0.4, 0.5]


def text_model(keras: Any, layer: Any, width: int = 1) -> Any:
    x = keras.Input((width,), dtype="string", name="x")
    return keras.Model(x, layer(x))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"output_sequence_length": 4},
        {"output_sequence_length": 40},
        {"standardize": None},
        {"standardize": "lower"},
        {"standardize": "strip_punctuation"},
        {"split": None, "standardize": None},
        {"split": "character", "output_sequence_length": 6, "vocabulary": ["t", "é", "日", " "]},
        {"split": "character", "output_mode": "count", "vocabulary": list("abcthe")},
        {"output_mode": "multi_hot"},
        {"output_mode": "multi_hot", "max_tokens": 12, "pad_to_max_tokens": True},
        {"output_mode": "count"},
        {"output_mode": "tf_idf", "idf_weights": WEIGHTS},
        {"output_mode": "count", "ngrams": 2, "vocabulary": ["the", "the cat", "cat"]},
        {"output_mode": "multi_hot", "ngrams": (1, 3), "vocabulary": ["the", "the the the", "two spaces"]},
        {"output_sequence_length": 7, "ngrams": 3, "vocabulary": ["the", "the cat", "cat", "the the the"]},
        {"output_sequence_length": 50, "ngrams": (2,), "vocabulary": ["the the"]},
    ],
    ids=str,
)
def test_texts_become_numbers(keras: Any, options: dict[str, Any]) -> None:
    layer = keras.layers.TextVectorization(**{"vocabulary": WORDS, **options})
    agree(text_model(keras, layer), [SENTENCES], [SENTENCES[2:]])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mask_token": ""},
        {"mask_token": "mm", "output_mode": "count"},
        {"output_mode": "multi_hot"},
        {"output_mode": "tf_idf", "idf_weights": WEIGHTS},
        {"num_oov_indices": 3},
        {"num_oov_indices": 2, "salt": [3, 4], "oov_method": "farmhash"},
        {"num_oov_indices": 0, "vocabulary": sorted({*TOKENS.reshape(-1).tolist()})},
    ],
    ids=str,
)
def test_words_become_numbers(keras: Any, options: dict[str, Any]) -> None:
    agree(text_model(keras, keras.layers.StringLookup(**{"vocabulary": WORDS, **options}), 3), [TOKENS])


def test_numbers_become_words(keras: Any) -> None:
    x = keras.Input((2,), dtype="int64")
    model = keras.Model(x, keras.layers.StringLookup(vocabulary=WORDS, invert=True)(x))
    captured = agree(model, [np.array([[1, 5], [0, 99]])], [np.array([[3, 2]])])
    assert str(captured.contract.outputs[0].type) == "string[batch,2]"


@pytest.mark.parametrize("options", [{}, {"salt": 133}, {"salt": [1, 2**40]}, {"output_mode": "one_hot"}], ids=str)
def test_hashes(keras: Any, options: dict[str, Any]) -> None:
    numbers = np.array([[0], [-7], [2**31 - 1], [123456789012]])
    x = keras.Input((1,), dtype="int64")
    agree(keras.Model(x, keras.layers.Hashing(7, **options)(x)), [numbers])
    agree(text_model(keras, keras.layers.Hashing(7, mask_value="", **options)), [SENTENCES])


def test_hashed_integers_out_of_a_vocabulary(keras: Any) -> None:
    x = keras.Input((3,), dtype="int64")
    layer = keras.layers.IntegerLookup(vocabulary=[1], num_oov_indices=5, oov_method="farmhash")
    agree(keras.Model(x, layer(x)), [np.array([[1, 2, 3], [-1, 10**12, 0]])])


def test_a_standardization_of_ones_own(keras: Any) -> None:
    import tensorflow as tf

    def clean(text: Any) -> Any:
        text = tf.strings.regex_replace(tf.strings.upper(text), "<BR />", " ")
        return tf.strings.join([tf.strings.regex_replace(text, r"[\d\.\-']".replace(r"\d", "0-9"), ""), "END"], " ")

    layer = keras.layers.TextVectorization(vocabulary=["THE", "CATS", "END"], standardize=clean)
    agree(text_model(keras, layer), [np.array([["the<br />cat's 42"], ["T-H-E cats"]], object)])


def test_text_runs_through_a_classifier(keras: Any) -> None:
    layers = keras.layers
    x = keras.Input((1,), dtype="string")
    h = layers.Embedding(8, 4, mask_zero=True)(layers.TextVectorization(vocabulary=WORDS)(x))
    captured = agree(keras.Model(x, layers.Dense(2)(layers.LSTM(3)(h))), [SENTENCES[[0, 1, 3]]])
    assert op_counts(captured)["lstm"] == 1


def test_two_texts_have_lengths_of_their_own(keras: Any) -> None:
    inputs = [keras.Input((1,), dtype="string", name=n) for n in "ab"]
    model = keras.Model(inputs, [keras.layers.TextVectorization(vocabulary=WORDS)(x) for x in inputs])
    captured = agree(model, [SENTENCES, SENTENCES[::-1].copy()], [SENTENCES[:2], SENTENCES[2:]])
    types = {str(p.type) for p in captured.contract.outputs}
    assert types == {"i64[batch,tokens]", "i64[batch,tokens_2]"}


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda k: k.TextVectorization(vocabulary=["a"], ngrams=2, name="at"), "an output_sequence_length or counted"),
        (lambda k: k.TextVectorization(vocabulary=["a"], split=_by_comma, name="at"), "split at whitespace"),
    ],
)
def test_what_is_not_exported_is_refused_by_its_layer(keras: Any, make: Any, reason: str) -> None:
    x = keras.Input((1,), dtype="string")
    tokens = make(keras.layers)(x)
    with pytest.raises(UnsupportedError, match=rf"at: TextVectorization: .*{reason}.*`kexport vocabulary`") as error:
        capture(keras.Model(x, tokens))
    assert {i.where for i in error.value.items} == {"at"}


def _by_comma(text: Any) -> Any:
    import tensorflow as tf

    return tf.strings.split(text, ",").to_tensor()


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("<br />", ("<br />",)),
        ("[a-c]", ("a", "b", "c")),
        (r"[\]\-x]", ("]", "-", "x")),
        (r"[\s]", ("\t", "\n", "\f", "\r", " ")),
        (r"\.", (".",)),
        ("a+", None),
        ("a|bc", None),
        ("[^a]", None),
        ("(?i)ab", None),
        ("^a", None),
        (r"\bthe\b", None),
        ("", None),
        ("(", None),
        (r"[\p{P}]", None),
    ],
)
def test_patterns_that_are_texts(pattern: str, texts: tuple[str, ...] | None) -> None:
    assert literal_texts(pattern) == texts
