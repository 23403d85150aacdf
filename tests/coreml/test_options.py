"""Sizes, images, labels: what the options make of the inputs and outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kexport_shared.mil
from kexport import ops
from kexport.errors import ConfigError
from kexport.ir.dim import Dim, symbol
from kexport.ir.evaluator import evaluate
from kexport.ir.graph import Graph
from kexport.ir.types import DType, TensorType
from kexport.lowered import contract_of
from kexport_coreml import TARGET
from kexport_coreml.options import CoremlOptions
from kexport_coreml.reader import read_model
from kexport_coreml.runtime import load_with_coremltools
from tests.coreml.helper import export, kinds, run
from tests.onnx.nets import Net, any_size

BATCH = symbol("batch")
LENGTH = symbol("length")


def line(*dims: Dim) -> Graph:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, dims or (BATCH, LENGTH, 2)))
    graph.output("y", graph.add(ops.ReduceSum((1,)), x).output)
    return graph


def photo(channels: int = 3, batch: Dim = BATCH, dtype: DType = DType.F32) -> Graph:
    net = Net(8, 6, channels=channels)
    net.graph = Graph("net")
    net.x = net.graph.input("photo", TensorType(dtype, (batch, 8, 6, channels)))
    x = net.add(ops.Cast(DType.F32), net.x) if dtype is not DType.F32 else net.x
    y = net.add(ops.ReduceMean((1, 2)), net.conv(x, 4, activation="relu"))
    return net.done(net.add(ops.Softmax(), net.dense(y, 3)))


def array(path: Path) -> Any:
    return read_model(path).description.input[0].type.multiArrayType


def ranges(path: Path) -> list[tuple[int, int]]:
    return [(r.lowerBound, r.upperBound) for r in array(path).shapeRange.sizeRanges]


def test_open_sizes_are_ranges(tmp_path: Path) -> None:
    path = export(line(), tmp_path / "m.mlpackage", sizes="length=3..7", limit=64)
    assert ranges(path) == [(1, 64), (3, 7), (2, 2)]
    assert list(array(path).shape) == [1, 3, 2]


def test_ranges_begin_where_the_graph_is_well_formed(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.input("x", TensorType(DType.F32, (BATCH, LENGTH, 2)))
    w = graph.constant(np.ones((5, 2, 3), np.float32))
    y = graph.add(ops.Conv((2,), "valid", (2,)), x, w).output
    graph.output("y", graph.add(ops.AvgPool((2,), (2,), "valid"), y).output)
    path = export(graph, tmp_path / "m.mlpackage")
    assert ranges(path)[:2] == [(1, 4096), (11, 4096)]  # 9 for the convolution, 2 more for the pool


def test_a_few_sizes(tmp_path: Path) -> None:
    path = export(line(), tmp_path / "m.mlpackage", sizes="length=4|16, batch=1|2")
    shapes = [list(s.shape) for s in array(path).enumeratedShapes.shapes]
    assert shapes == [[1, 4, 2], [1, 16, 2], [2, 4, 2], [2, 16, 2]]
    assert run(path, {"x": np.ones((2, 16, 2), np.float32)})["y"].tolist() == [[16, 16], [16, 16]]
    load_with_coremltools(path)


@pytest.mark.parametrize(
    ("sizes", "problem"),
    [
        ("length=4|16", "'x' has a few sizes of one axis and a range of another"),
        ("width=3", "the inputs have no dynamic dimension 'width'"),
        ("batch=" + "|".join(map(str, range(1, 20))) + ",length=" + "|".join(map(str, range(1, 20))), "361 shapes"),
    ],
)
def test_sizes_that_do_not_fit(sizes: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=problem):
        export(line(), tmp_path / "m.mlpackage", sizes=sizes)


def test_two_inputs_with_a_few_sizes_need_ios18(tmp_path: Path) -> None:
    graph = line(LENGTH, 2)
    z = graph.input("z", TensorType(DType.F32, (LENGTH,)))
    graph.output("w", graph.add(ops.Neg(), z).output)
    with pytest.raises(ConfigError, match="one input at most can have a few sizes only"):
        export(graph, tmp_path / "m.mlpackage", sizes="length=2|3")
    export(graph, tmp_path / "m.mlpackage", sizes="length=2|3", deployment="ios18")


def test_fixed_sizes_are_part_of_the_contract(tmp_path: Path) -> None:
    graph = any_size()
    path = export(graph, tmp_path / "m.mlpackage", sizes="batch=1,height=32,width=20")
    assert TARGET.read_contract(path) == contract_of(graph).bind({"batch": 1, "height": 32, "width": 20})
    assert not array(path).shapeRange.sizeRanges
    assert "shape" not in kinds(path)
    inputs = {"image": np.random.default_rng(0).standard_normal((1, 32, 20, 3)).astype(np.float32)}
    for name, want in evaluate(graph, inputs, wide=True).items():
        np.testing.assert_allclose(run(path, inputs)[name], want, rtol=0, atol=5e-6 * np.abs(want).max())


@pytest.mark.parametrize("layout", ["rgb", "bgr", "gray"])
def test_image_inputs(layout: str, tmp_path: Path) -> None:
    channels = 1 if layout == "gray" else 3
    graph = photo(channels)
    bias = "-1" if channels == 1 else "-1,-0.9,-1.1"
    path = export(graph, tmp_path / "m.mlpackage", images=f"photo={layout}", scale="0.0078125", bias=bias)
    image = read_model(path).description.input[0].type.imageType
    assert (image.width, image.height, image.colorSpace) == (6, 8, {"gray": 10, "rgb": 20, "bgr": 30}[layout])
    assert TARGET.read_contract(path) == contract_of(graph).bind({"batch": 1})
    pixels = np.random.default_rng(0).integers(0, 255, (1, channels, 8, 6)).astype(np.float32)
    data = np.moveaxis(pixels, 1, -1) * np.float32(0.0078125) + np.float32([float(b) for b in bias.split(",")])
    want = evaluate(graph, {"photo": data})["out0"]
    np.testing.assert_allclose(kexport_shared.mil.load(path).run({"photo": pixels})["out0"], want, atol=1e-6)
    np.testing.assert_allclose(run(path, {"photo": data})["out0"], want, atol=1e-6)
    assert kinds(path)["transpose"] == 0
    load_with_coremltools(path)


def test_images_of_bytes_need_no_arithmetic(tmp_path: Path) -> None:
    graph = photo(dtype=DType.U8, batch=1)
    path = export(graph, tmp_path / "m.mlpackage", images="photo=rgb")
    data = np.random.default_rng(0).integers(0, 255, (1, 8, 6, 3)).astype(np.uint8)
    np.testing.assert_allclose(run(path, {"photo": data})["out0"], evaluate(graph, {"photo": data})["out0"], atol=1e-6)


def test_images_of_several_sizes(tmp_path: Path) -> None:
    net = Net(symbol("height"), symbol("width"))
    graph = net.done(net.add(ops.ReduceMean((1, 2)), net.conv(net.x, 4)))
    path = export(graph, tmp_path / "a.mlpackage", images="image=rgb", sizes="height=8..64,width=9..32")
    area = read_model(path).description.input[0].type.imageType.imageSizeRange
    assert (area.heightRange.lowerBound, area.heightRange.upperBound) == (8, 64)
    assert (area.widthRange.lowerBound, area.widthRange.upperBound) == (9, 32)
    path = export(graph, tmp_path / "b.mlpackage", images="image=rgb", sizes="height=8|16,width=8")
    sizes = read_model(path).description.input[0].type.imageType.enumeratedSizes.sizes
    assert [(s.height, s.width) for s in sizes] == [(8, 8), (16, 8)]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"images": "photo"}, "'photo' names no image"),
        ({"images": "photo=cmyk"}, "'photo=cmyk' names no image"),
        ({"images": "foto=rgb"}, "there is no input 'foto'"),
        ({"images": "photo=gray"}, r"input 'photo' of type f32\[batch,8,6,3\] takes no gray image"),
        ({"images": "photo=rgb", "scale": "0"}, "'0' is no scale of images"),
        ({"images": "photo=rgb", "bias": "1,2"}, "'1,2' is no bias of images"),
        ({"images": "photo=rgb", "bias": "x"}, "'x' is no bias of images"),
        ({"images": "photo=rgb", "sizes": "batch=2"}, "takes 2 images at a time"),
    ],
)
def test_images_that_do_not_fit(options: dict[str, str], problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=problem):
        export(photo(), tmp_path / "m.mlpackage", **options)


def test_class_labels(tmp_path: Path) -> None:
    graph = photo()
    file = tmp_path / "labels.txt"
    file.write_text("cat\ndog\ngrüner Tee\n", encoding="utf-8")
    path = export(graph, tmp_path / "m.mlpackage", labels=str(file), sizes="batch=1")
    description = read_model(path).description
    assert (description.predictedFeatureName, description.predictedProbabilitiesName) == (
        "classLabel",
        "classLabel_probs",
    )
    data = np.random.default_rng(0).standard_normal((1, 8, 6, 3)).astype(np.float32)
    found = kexport_shared.mil.load(path).run({"photo": data})
    assert found["classLabel"] == ["cat", "dog", "grüner Tee"][int(found["out0"].argmax())]
    np.testing.assert_allclose(list(found["classLabel_probs"].values()), found["out0"][0], rtol=1e-6)
    assert [p.name for p in TARGET.read_contract(path).outputs] == ["out0"]
    assert run(path, {"photo": data})["out0"].shape == (1, 3)
    load_with_coremltools(path)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"labels": "a|b|c"}, "a classifier takes one input at a time"),
        ({"labels": "a|b", "sizes": "batch=1"}, "2 labels do not fit output"),
        ({"labels": "a|b|a", "sizes": "batch=1"}, "labels come twice: 'a'"),
        ({"labels": "a|b|c", "scores": "scores", "sizes": "batch=1"}, "there is no output 'scores' with scores"),
        ({"labels": "nowhere.txt", "sizes": "batch=1"}, "the labels in 'nowhere.txt' cannot be read"),
    ],
)
def test_labels_that_do_not_fit(options: dict[str, str], problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=problem):
        export(photo(), tmp_path / "m.mlpackage", **options)


@pytest.mark.parametrize(
    ("options", "way_out"),
    [
        ({"labels": "a|b|c"}, "-O coreml.sizes=batch=1"),
        ({"labels": "a|b", "sizes": "batch=1"}, "give 3 labels"),
        ({"labels": "a|b|c", "scores": "ouut0", "sizes": "batch=1"}, "-O coreml.scores=out0; did you mean 'out0'?"),
        ({"labels": "nowhere.txt"}, "-O 'coreml.labels=cat|dog'"),
    ],
)
def test_hints_of_labels_name_target_and_option(options: dict[str, str], way_out: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        export(photo(), tmp_path / "m.mlpackage", **options)
    assert caught.value.where == "coreml.labels"
    assert way_out in str(caught.value.hint)


def test_a_layer_that_is_not_there_is_told(tmp_path: Path) -> None:
    graph = Graph("net")
    options = CoremlOptions(precision="float16", float32="block/heda|block/head")
    x = graph.input("x", TensorType(DType.F32, (1, 4)))
    graph.output("y", graph.add(ops.Sin(), x, origin="block/head").output)
    told = "coreml.float32 names 'block/heda', no layer of the graph; did you mean 'block/head'? layers: block/head"
    assert told in TARGET.remarks(graph, options)


def test_of_two_outputs_one_must_be_named(tmp_path: Path) -> None:
    graph = photo()
    graph.output("other", graph.outputs[0].value)
    with pytest.raises(ConfigError, match="which output has the scores"):
        export(graph, tmp_path / "m.mlpackage", labels="a|b|c", sizes="batch=1")
    export(graph, tmp_path / "m.mlpackage", labels="a|b|c", sizes="batch=1", scores="out0")


def test_the_defaults() -> None:
    assert (CoremlOptions().deployment, CoremlOptions().precision) == ("ios16", "float32")


def test_what_xcode_shows(tmp_path: Path) -> None:
    words = {"about": "counts cats", "author": "Ada", "license": "Apache-2.0", "version": "1.2"}
    metadata = read_model(export(line(), tmp_path / "m.mlpackage", **words)).description.metadata
    found = (metadata.shortDescription, metadata.author, metadata.license, metadata.versionString)
    assert found == tuple(words.values())
    assert not read_model(export(line(), tmp_path / "bare.mlpackage")).description.metadata.author
