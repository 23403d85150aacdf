"""Names of open sizes: what they are called, which are one, and what the user may wish."""

from __future__ import annotations

from typing import Any

import pytest

from kexport.capture.capture import capture
from kexport.capture.symbols import Symbols
from kexport.errors import CaptureError, ConfigError
from kexport.ir.dim import parse_dim
from tests.capture.agree import agree, integers, normal

IDS = ("ids", "int32", (None, None))
MASK = ("mask", "bool", (None, None))
IMAGE = ("image", "float32", (None, None, None, 3))


def types(*inputs: Any, **dims: Any) -> list[str]:
    return [str(t) for t in Symbols(list(inputs), dims or None).types()]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ([("x", "float32", (None, 3))], ["f32[batch,3]"]),
        ([("x", "float32", (4, 3))], ["f32[4,3]"]),
        ([IDS], ["i32[batch,length]"]),
        ([IDS, MASK], ["i32[batch,ids_length]", "bool[batch,mask_length]"]),
        ([IDS, ("y", "float32", (None, 2))], ["i32[batch,length]", "f32[batch,2]"]),
        ([IMAGE], ["f32[batch,height,width,3]"]),
        ([("x", "float32", (None, 3, None, None))], ["f32[batch,3,height,width]"]),
        ([("x", "float32", (None, 8, None, 3))], ["f32[batch,8,width,3]"]),
        ([IMAGE, IDS], ["f32[batch,height,width,3]", "i32[batch,length]"]),
        ([("x", "float32", (None, None, None))], ["f32[batch,x_1,x_2]"]),
        ([("a-b/c", "float32", (None, None, None))], ["f32[batch,a_b_c_1,a_b_c_2]"]),
        ([("a-b", "float32", (None, None, 3)), ("a_b", "float32", (None, None, 3))],
         ["f32[batch,a_b_length,3]", "f32[batch,a_b_length_,3]"]),
        ([("3d", "float32", (None, None, None))], ["f32[batch,_3d_1,_3d_2]"]),
        ([("max", "int8", (None, None)), ("class", "string", (None, None))],
         ["i8[batch,max__length]", "string[batch,class__length]"]),
    ],
)  # fmt: skip
def test_names(inputs: Any, expected: list[str]) -> None:
    assert types(*inputs) == expected


@pytest.mark.parametrize(
    ("dims", "expected"),
    [
        ({"batch": 1}, ["i32[1,ids_length]", "bool[1,mask_length]"]),
        ({"batch": "n"}, ["i32[n,ids_length]", "bool[n,mask_length]"]),
        ({"ids:1": 16}, ["i32[batch,16]", "bool[batch,mask_length]"]),
        ({"ids:1": "length"}, ["i32[batch,length]", "bool[batch,mask_length]"]),
        ({"ids:1": "words", "mask:1": "words"}, ["i32[batch,words]", "bool[batch,words]"]),
        ({"length": 12}, ["i32[batch,12]", "bool[batch,12]"]),
        ({"mask_length": 12}, ["i32[batch,ids_length]", "bool[batch,12]"]),
        ({"ids:0": 2, "mask:0": 2}, ["i32[2,ids_length]", "bool[2,mask_length]"]),
        ({"length": "words", "words": 9}, ["i32[batch,9]", "bool[batch,9]"]),
    ],
)
def test_wishes(dims: dict[str, Any], expected: list[str]) -> None:
    assert types(IDS, MASK, **dims) == expected


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ({"size": 3}, "no input has an open size 'size'"),
        ({"ids:2": 3}, "no input has an open size 'ids:2'"),
        ({"batch": 0}, "at least 1, got 0"),
        ({"batch": True}, "at least 1, got True"),
        ({"batch": 1.5}, "at least 1, got 1.5"),
        ({"batch": "my batch"}, "'my batch' cannot be the name of a size"),
        ({"batch": "max"}, "'max' cannot be the name of a size"),
        ({"batch": 1, "ids:0": 2}, "a size cannot be 1 and 2"),
    ],
)
def test_wishes_that_cannot_be(dims: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")) as e:
        types(IDS, MASK, **dims)
    if "no input" in message:
        assert e.value.hint == "open sizes are batch, ids_length, mask_length, ids:0, ids:1, mask:0, mask:1"


def test_merging_keeps_the_first_name_and_the_role_for_all() -> None:
    symbols = Symbols([IDS, MASK, ("extra", "int32", (None, None))])
    assert symbols.merge(parse_dim("mask_length"), parse_dim("extra_length"))
    assert [str(t.shape[1]) for t in symbols.types()] == ["ids_length", "mask_length", "mask_length"]
    assert symbols.merge(parse_dim("mask_length"), parse_dim("ids_length"))
    assert [str(t.shape[1]) for t in symbols.types()] == ["length"] * 3
    assert symbols.merge(parse_dim("length"), 7)
    assert [t.shape[1] for t in symbols.types()] == [7] * 3
    assert not symbols.merge(parse_dim("2*batch"), parse_dim("batch"))
    assert not symbols.merge(3, 4)


def test_inputs_that_are_added_have_one_length(keras: Any) -> None:
    layers = keras.layers
    words, kinds = (keras.Input((None,), dtype="int32", name=n) for n in ("words", "kinds"))
    x = layers.Embedding(20, 8)(words) + layers.Embedding(3, 8)(kinds)
    model = keras.Model([words, kinds], layers.Dense(2)(x))
    batches = [[integers(2, n, high=20), integers(2, n, high=3)] for n in (5, 9)]
    captured = agree(model, *batches)
    assert captured.contract.symbols == ("batch", "length")


def test_inputs_that_meet_nowhere_keep_their_lengths(keras: Any) -> None:
    a, b = (keras.Input((None, 4), name=n) for n in ("query", "memory"))
    model = keras.Model([a, b], keras.layers.MultiHeadAttention(2, 4)(a, b))
    captured = agree(model, [normal(2, 5, 4), normal(2, 7, 4)])
    assert captured.contract.symbols == ("batch", "query_length", "memory_length")


def test_a_size_that_the_model_fixes(keras: Any) -> None:
    x = keras.Input((None, 4), name="x")
    model = keras.Model(x, x + keras.ops.ones((1, 6, 4)))
    assert str(agree(model, [normal(2, 6, 4)]).contract.inputs[0].type) == "f32[batch,6,4]"


def test_fixed_sizes(keras: Any) -> None:
    x = keras.Input((None, 4), name="x")
    model = keras.Model(x, keras.layers.Dense(3)(x))
    captured = agree(model, [normal(1, 16, 4)], dims={"batch": 1, "x:1": 16})
    assert str(captured.contract.outputs[0].type) == "f32[1,16,3]"
    assert captured.graph.symbols() == set()


def test_sizes_that_only_fit_sometimes(keras: Any) -> None:
    layers = keras.layers
    x = keras.Input((None, 8, 3), name="x")
    model = keras.Model(x, layers.Add()([layers.UpSampling2D(2)(layers.MaxPooling2D(2)(x)), x]))
    with pytest.raises(CaptureError, match=r"2\*\(\(width\)//2\)|height") as e:
        capture(model)
    assert "add" in str(e.value.where)
    assert "--dim" in str(e.value.hint)
    agree(model, [normal(2, 12, 8, 3)], dims={"x:1": 12})
