"""Names of open sizes: what they are called, which are one, and what the user may wish."""

from __future__ import annotations

from typing import Any

import pytest

from kexport.capture.capturing import capture
from kexport.capture.symbols import Symbols
from kexport.errors import CaptureError, ConfigError
from kexport.ir.dim_parser import parse_dim
from tests.capture.agree import agree, integers, normal
from tests.capture.layer_of import layer_of

IDS = ("ids", "int32", (None, None))
MASK = ("mask", "bool", (None, None))
IMAGE = ("image", "float32", (None, None, None, 3))


def types(*inputs: Any, **dims: Any) -> list[str]:
    return types_of(Symbols(list(inputs), dims or None))


def types_of(symbols: Symbols) -> list[str]:
    return [str(t) for t in symbols.types()]


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
        (
            [("a-b", "float32", (None, None, 3)), ("a_b", "float32", (None, None, 3))],
            ["f32[batch,a_b_length,3]", "f32[batch,a_b_length_,3]"],
        ),
        ([("3d", "float32", (None, None, None))], ["f32[batch,_3d_1,_3d_2]"]),
        (
            [("max", "int8", (None, None)), ("class", "string", (None, None))],
            ["i8[batch,max__length]", "string[batch,class__length]"],
        ),
    ],
)
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
        assert str(e.value.hint).endswith("open sizes: batch, ids_length, mask_length, ids:0, ids:1, mask:0, mask:1")


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


@pytest.mark.parametrize(
    ("left", "right", "merged"),
    [
        ("min(ids_length,mask_length)", "ids_length", True),
        ("max(ids_length,mask_length)", "mask_length", True),
        ("2*ids_length+1", "2*mask_length+1", True),
        ("(ids_length+1)//2", "(mask_length+1)//2", True),
        ("batch*ids_length", "batch*mask_length", True),
        ("ids_length+1", "mask_length", False),
        ("min(ids_length,batch)", "ids_length", False),
    ],
)
def test_merging_what_is_made_of_sizes(left: str, right: str, merged: bool) -> None:
    symbols = Symbols([IDS, MASK])
    assert symbols.merge(parse_dim(left), parse_dim(right)) == merged
    expected = ["length", "length"] if merged else ["ids_length", "mask_length"]
    assert [str(t.shape[1]) for t in symbols.types()] == expected


def test_inputs_that_are_added_have_one_length(keras: Any) -> None:
    layers = keras.layers
    words, kinds = (keras.Input((None,), dtype="int32", name=n) for n in ("words", "kinds"))
    x = layers.Embedding(20, 8)(words) + layers.Embedding(3, 8)(kinds)
    model = keras.Model([words, kinds], layers.Dense(2)(x))
    batches = [[integers(2, n, high=20), integers(2, n, high=3)] for n in (5, 9)]
    captured = agree(model, *batches)
    assert captured.contract.symbols == ("batch", "length")


def test_a_mask_that_is_cut_to_the_words_is_as_long(keras: Any) -> None:
    ops = keras.ops
    words = keras.Input((None, 4), name="words")
    mask = keras.Input((None,), name="mask")
    cut = layer_of(keras, lambda w, m: w * m[:, : ops.shape(w)[1], None])
    captured = agree(keras.Model([words, mask], cut(words, mask)), [normal(2, 5, 4), normal(2, 5)])
    assert captured.contract.symbols == ("batch", "length")


def test_what_has_to_be_as_many_as_the_batch_is_one(keras: Any) -> None:
    x = keras.Input((3,), name="x")
    parts = keras.Input((None, 3), name="parts")
    added = layer_of(keras, lambda a, b: a + keras.ops.reshape(b, (-1, 3)))
    captured = agree(keras.Model([x, parts], added(x, parts)), [normal(2, 3), normal(2, 1, 3)])
    assert str(captured.contract.inputs[1].type) == "f32[batch,1,3]"


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


def test_python_that_needs_a_size_gets_the_fixed_one(keras: Any) -> None:
    ops = keras.ops

    class Steps(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            found: list[Any] = []
            for i in range(ops.shape(x)[1]):
                found.append(x[:, i] if not found else x[:, i] + found[-1])
            return ops.stack(found, axis=1)

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    x = keras.Input((None, 4), name="x")
    model = keras.Model(x, Steps(name="steps")(x))
    with pytest.raises(CaptureError, match="tracing the model failed") as e:
        capture(model)
    assert e.value.where == "steps"
    assert "Exception encountered" not in str(e.value)
    assert "--dim length=128" in str(e.value.hint)
    captured = agree(model, [normal(2, 5, 4)], dims={"length": 5})
    assert str(captured.contract.inputs[0].type) == "f32[batch,5,4]"


def test_sizes_that_only_fit_sometimes(keras: Any) -> None:
    layers = keras.layers
    x = keras.Input((None, 8, 3), name="x")
    model = keras.Model(x, layers.Add()([layers.UpSampling2D(2)(layers.MaxPooling2D(2)(x)), x]))
    captured = agree(model, [normal(2, 12, 8, 3)], [normal(1, 2, 8, 3)])
    assert str(captured.contract.inputs[0].type) == "f32[batch,2*height_by_2,8,3]"
    agree(model, [normal(2, 12, 8, 3)], dims={"x:1": 12})


def test_sizes_that_never_fit(keras: Any) -> None:
    layers = keras.layers
    x = keras.Input((None, 8, 3), name="x")
    model = keras.Model(x, layers.Add()([layers.Cropping2D(((1, 0), (0, 0)))(x), x]))
    with pytest.raises(CaptureError, match="must be equal, got height-1 and height") as e:
        capture(model)
    assert "add" in str(e.value.where)
    assert "--dim" in str(e.value.hint)


def test_a_net_that_halves_twice_takes_multiples_of_four(keras: Any) -> None:
    layers = keras.layers
    x = keras.Input((None, None, 3), name="image")
    half = layers.Conv2D(4, 3, padding="same", strides=2)(x)
    low = layers.MaxPooling2D()(half)
    up = layers.Concatenate()([layers.Conv2DTranspose(4, 2, strides=2)(low), half])
    out = layers.Concatenate()([layers.UpSampling2D()(up), x])
    captured = agree(keras.Model(x, [out, layers.Flatten()(low)]), [normal(2, 8, 12, 3)], [normal(1, 4, 4, 3)])
    assert str(captured.contract.inputs[0].type) == "f32[batch,4*height_by_4,4*width_by_4,3]"
    assert captured.contract.symbols == ("batch", "height_by_4", "width_by_4")


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_images_split_into_blocks_have_sizes_of_whole_ones(data_format: str, keras: Any) -> None:
    last = data_format == "channels_last"
    x = keras.Input((None, None, 4) if last else (4, None, None), name="image")
    model = keras.Model(x, keras.ops.space_to_depth(keras.ops.space_to_depth(x, 2, data_format), 3, data_format))
    shapes = [(2, 12, 6, 4), (1, 6, 18, 4)]
    captured = agree(model, *([normal(*(s if last else (s[0], 4, *s[1:3])))] for s in shapes))
    assert captured.contract.symbols == ("batch", "height_by_6", "width_by_6")


def test_sizes_of_two_roles_that_are_one_have_one_name() -> None:
    symbols = Symbols([("boxes", "float32", (None, None, 1, 4)), ("scores", "float32", (None, None, 2))])
    assert symbols.merge(parse_dim("batch*height"), parse_dim("batch*length"))
    assert types_of(symbols) == ["f32[batch,height,1,4]", "f32[batch,height,2]"]
    assert not symbols.merge(parse_dim("batch*height"), parse_dim("height"))


def test_multiples_of_one_size_are_multiples_of_another() -> None:
    symbols = Symbols([IDS, MASK])
    assert symbols.merge(parse_dim("ids_length"), parse_dim("ids_length//4*4"))
    assert symbols.merge(parse_dim("mask_length//6*3"), parse_dim("mask_length//2"))
    assert types_of(symbols) == ["i32[batch,4*ids_length_by_4]", "bool[batch,6*mask_length_by_6]"]
    assert symbols.merge(parse_dim("4*ids_length_by_4"), parse_dim("6*mask_length_by_6"))
    assert types_of(symbols) == ["i32[batch,12*length_by_12]", "bool[batch,12*length_by_12]"]
    assert symbols.merge(parse_dim("12*length_by_12"), 24)
    assert types_of(symbols) == ["i32[batch,24]", "bool[batch,24]"]
    assert not symbols.merge(parse_dim("batch//2*2"), parse_dim("batch"))
