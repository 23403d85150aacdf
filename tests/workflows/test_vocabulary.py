"""Vocabularies are written beside the artifacts, as the layers have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kexport.errors import CaptureError, ConfigError
from kexport.workflows.vocabularies import write_vocabularies

keras = pytest.importorskip("keras", reason="lookup layers are of Keras")


def model_of(*layers: Any) -> Any:
    inputs = [
        keras.Input((1,), dtype=x.vocabulary_dtype if hasattr(x, "vocabulary_dtype") else "string") for x in layers
    ]
    return keras.Model(inputs, [layer(x) for layer, x in zip(layers, inputs, strict=True)], name="net")


def test_each_layer_has_its_file(tmp_path: Path) -> None:
    text = keras.layers.TextVectorization(vocabulary=["für", "b c"], output_sequence_length=3, name="text")
    words = keras.layers.StringLookup(vocabulary=["x"], num_oov_indices=2, mask_token="-", name="words")
    weighted = {"output_mode": "tf_idf", "idf_weights": [0.5, 0.25]}
    ids = keras.layers.IntegerLookup(vocabulary=[7, -3], name="ids", **weighted)
    written = write_vocabularies(model_of(text, words, ids), tmp_path)
    assert [p.name for p, _ in written] == [f"net.{n}.vocabulary.txt" for n in ("text", "words", "ids")]
    assert written[0][0].read_bytes() == "\n[UNK]\nfür\nb c\n".encode()
    assert written[1][0].read_text() == "-\n[UNK]\n[UNK]\nx\n"
    assert written[2][0].read_text() == "-1\n7\n-3\n"
    known = [json.loads(p.with_suffix(".json").read_text()) for p, _ in written]
    assert [(k["class"], k["size"]) for k in known] == [
        ("TextVectorization", 4),
        ("StringLookup", 4),
        ("IntegerLookup", 3),
    ]
    assert (
        known[0]["settings"] | {"standardize": "lower_and_strip_punctuation", "split": "whitespace"}
        == known[0]["settings"]
    )
    assert known[0]["settings"]["output_sequence_length"] == 3
    assert known[1]["settings"]["num_oov_indices"] == 2
    assert known[2]["settings"]["idf_weights"] == [0.375, 0.5, 0.25]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        q.name for p, _ in written for q in (p, p.with_suffix(".json"))
    )


def test_a_model_without_one(tmp_path: Path) -> None:
    x = keras.Input((1,))
    with pytest.raises(ConfigError, match="net: no layer of the model has a vocabulary"):
        write_vocabularies(keras.Model(x, keras.layers.Dense(1)(x), name="net"), tmp_path)


@pytest.mark.parametrize("token", ["a\nb", "a\n", "\r"])
def test_a_token_that_is_no_line(tmp_path: Path, token: str) -> None:
    layer = keras.layers.StringLookup(vocabulary=["x", token], name="words")
    with pytest.raises(CaptureError, match=r"words: the token .* has a line break"):
        write_vocabularies(model_of(layer), tmp_path)
    assert not list(tmp_path.iterdir())
