"""SavedModels that would do more than compute are refused before TensorFlow loads them, unless they are trusted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kexport.capture.load import load
from kexport.capture.lowering import COMPLEX, TABLE
from kexport.capture.regions.table import REGIONS
from kexport.capture.sources.allowed.operations import checkpoint_operations, harmless_operations
from kexport.capture.tracing.standins import STAND_IN
from kexport.errors import CaptureError
from tests.capture.fresh_tensorflow import names

REFUSED = set(Path(__file__).with_name("refused_operations.txt").read_text(encoding="utf-8").split())
SLASHES = "/" * 2
LOADED_BY = "if you trust the file, --trust (in Python: trust=True) lets it run its own code"


# --- the lists


def test_every_operation_of_tensorflow_is_on_one_list() -> None:
    """A new TensorFlow brings new operations: list them as harmless only if they compute and do nothing else."""
    lists = (harmless_operations(), checkpoint_operations(), REFUSED)
    _, operations = names()
    assert operations - set().union(*lists) == set()
    assert sum(map(len, lists)) == len(set().union(*lists))


def test_what_is_lowered_is_on_the_list(keras: Any) -> None:
    lowered = {*TABLE.ops, *COMPLEX, *REGIONS} - {STAND_IN}
    assert lowered - harmless_operations() == {"DebugIdentityV2"}, "it writes to the addresses in its attributes"


def test_no_harmless_operation_has_a_path_or_an_address(keras: Any) -> None:
    """An attribute that is named like one makes an operation suspect."""
    from tensorflow.python.framework import op_def_registry

    words = ("file", "path", "url", "descriptor", "stream", "region", "address", "dir")
    known = {("CTCBeamSearchDecoder", "top_paths")} | {(f"CudnnRNN{k}", "direction") for k in CUDNN}
    found = set()
    for name in harmless_operations():
        attributes = getattr(op_def_registry.get(name), "attr", ())
        found |= {(name, a.name) for a in attributes if any(w in a.name for w in words)}
    assert found - known == set()


CUDNN = (
    "",
    "V2",
    "V3",
    "Backprop",
    "BackpropV2",
    "BackpropV3",
    "CanonicalToParams",
    "CanonicalToParamsV2",
    "ParamsSize",
    "ParamsToCanonical",
    "ParamsToCanonicalV2",
)


# --- operations in a signature


def _hostile(place: str) -> dict[str, Callable[[Any], Any]]:
    """Functions of a text that touch the file system, each with one operation that is not allowed."""
    import tensorflow as tf

    raw = tf.raw_ops

    def summary(x: Any) -> Any:
        writer = raw.SummaryWriter(shared_name="w", container="")
        raw.CreateSummaryFileWriter(writer=writer, logdir=place, max_queue=1, flush_millis=1, filename_suffix="")
        return x

    return {
        "ReadFile": lambda x: raw.ReadFile(filename=x),
        "WriteFile": lambda x: [raw.WriteFile(filename=place, contents=x), x][1],
        "MatchingFiles": lambda x: raw.MatchingFiles(pattern=x),
        "PrintV2": lambda x: [tf.print(x, output_stream=f"file:{SLASHES}{place}"), x][1],
        "EagerPyFunc": lambda x: tf.py_function(lambda t: t, [x], tf.string),
        "PyFuncStateless": lambda x: tf.numpy_function(lambda t: t, [x], tf.string, stateful=False),
        "DebugIdentityV2": lambda x: raw.DebugIdentityV2(input=x, debug_urls=[f"file:{SLASHES}{place}"]),
        "CreateSummaryFileWriter": summary,
        "ImmutableConst": lambda x: raw.ImmutableConst(dtype=tf.float32, shape=[1], memory_region_name=place),
        "RestoreV2": lambda x: raw.RestoreV2(
            prefix=x,
            tensor_names=["v"],
            shape_and_slices=[""],
            dtypes=[tf.float32],
        )[0],
        "SaveV2": lambda x: [
            raw.SaveV2(prefix=place, tensor_names=["v"], shape_and_slices=[""], tensors=[x]),
            x,
        ][1],
        "TextLineDataset": lambda x: tf.data.TextLineDataset(x).reduce(x, lambda a, b: b),
        "DecodeProtoV2": lambda x: raw.DecodeProtoV2(
            bytes=x,
            message_type="m",
            field_names=[],
            output_types=[],
            descriptor_source=place,
        )[0],
    }


OPERATIONS = (
    "ReadFile",
    "WriteFile",
    "MatchingFiles",
    "PrintV2",
    "EagerPyFunc",
    "PyFuncStateless",
    "DebugIdentityV2",
    "CreateSummaryFileWriter",
    "ImmutableConst",
    "RestoreV2",
    "SaveV2",
    "TextLineDataset",
    "DecodeProtoV2",
)


def save(path: Path, function: Callable[[Any], Any]) -> Path:
    import tensorflow as tf

    module = tf.Module()
    module.f = tf.function(lambda x: {"y": function(x)}, autograph=False)
    tf.saved_model.save(module, str(path), module.f.get_concrete_function(x=tf.TensorSpec((), tf.string)))
    return path


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operations_that_touch_files(operation: str, keras: Any, tmp_path: Path) -> None:
    place = tmp_path / "place"
    path = save(tmp_path / "m", _hostile(str(place))[operation])
    with pytest.raises(CaptureError, match=rf"\b{operation}\b|functions read or write files") as error:
        load(path)
    assert error.value.hint == LOADED_BY
    assert not place.exists()
    assert load(path, trust=True).output_names


# --- messages that TensorFlow itself would not write


@pytest.fixture(scope="module")
def vocabulary(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel with a table that is filled from an asset."""
    import tensorflow as tf

    words = tmp_path_factory.mktemp("words") / "words.txt"
    words.write_text("a\nb\n")
    lines = tf.lookup.TextFileIndex.WHOLE_LINE
    numbers = tf.lookup.TextFileIndex.LINE_NUMBER
    module = tf.Module()
    initializer = tf.lookup.TextFileInitializer(str(words), tf.string, lines, tf.int64, numbers)
    module.table = tf.lookup.StaticHashTable(initializer, -1)
    module.f = tf.function(lambda x: {"y": module.table.lookup(x)})
    path = tmp_path_factory.mktemp("saved") / "m"
    tf.saved_model.save(module, str(path), module.f.get_concrete_function(x=tf.TensorSpec((None,), tf.string)))
    return path


def change(path: Path, mutate: Callable[[Any], Any], to: Path) -> Path:
    """A copy of a SavedModel with other messages."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    shutil.copytree(path, to)
    model = SavedModel.FromString((to / "saved_model.pb").read_bytes())
    mutate(model.meta_graphs[0])
    (to / "saved_model.pb").write_bytes(model.SerializeToString())
    return to


def function_with(meta: Any, op: str) -> Any:
    """The first function with such a node, and the node."""
    found: Iterator[Any] = ((f, n) for f in meta.graph_def.library.function for n in f.node_def if n.op == op)
    return next(found)


def unused_function(meta: Any) -> None:
    function = meta.graph_def.library.function.add()
    function.signature.name = "idle"
    function.node_def.add(name="n", op="WriteFile")


def called_as_function(meta: Any) -> None:
    node = meta.graph_def.node.add(name="n", op="PartitionedCall")
    node.attr["f"].func.name = "WriteFile"


def called_in_attributes(meta: Any) -> None:
    node = meta.graph_def.node.add(name="n", op="StatelessCase")
    node.attr["branches"].list.func.add().attr["inner"].func.name = "ReadFile"


def named_like_an_operation(meta: Any) -> None:
    meta.graph_def.library.function.add().signature.name = "WriteFile"
    meta.graph_def.node.add(name="n", op="WriteFile")


def stand_in_for_others(meta: Any) -> None:
    function, _ = function_with(meta, "SaveV2")
    function.attr["api_implements"].s = b"f"


def save_in_public(meta: Any) -> None:
    function, _ = function_with(meta, "SaveV2")
    meta.object_graph_def.concrete_functions[function.signature.name].SetInParent()


def own_saver(meta: Any) -> None:
    meta.object_graph_def.nodes[0].registered_saver = "tf.TPUEmbedding"


def own_class(meta: Any) -> None:
    meta.object_graph_def.nodes[0].registered_name = "Custom.Thing"


def fixed_file(meta: Any) -> None:
    function, node = function_with(meta, "InitializeTableFromTextFileV2")
    const = function.node_def.add(name="name", op="Const")
    const.attr["value"].tensor.string_val.append(b"words")
    node.input[1] = "name:output:0"


def file_from_another_object(meta: Any) -> None:
    function, _ = function_with(meta, "InitializeTableFromTextFileV2")
    bound = meta.object_graph_def.concrete_functions[function.signature.name].bound_inputs
    bound[:] = [0] * len(bound)


def file_from_the_caller(meta: Any) -> None:
    function, _ = function_with(meta, "InitializeTableFromTextFileV2")
    del meta.object_graph_def.concrete_functions[function.signature.name].bound_inputs[:]


def file_in_a_branch(meta: Any) -> None:
    function, _ = function_with(meta, "InitializeTableFromTextFileV2")
    outer = meta.graph_def.library.function.add()
    outer.signature.name = "outer"
    node = outer.node_def.add(name="n", op="If")
    node.attr["then_branch"].func.name = function.signature.name


MUTATIONS: dict[Callable[[Any], None], str] = {
    unused_function: r"not known to be harmless \(WriteFile\)",
    called_as_function: r"not known to be harmless \(WriteFile\)",
    called_in_attributes: r"not known to be harmless \(.*ReadFile\)",
    named_like_an_operation: r"not known to be harmless \(WriteFile\)",
    stand_in_for_others: "could stand in for others read or write files",
    save_in_public: "its functions read or write files",
    own_saver: r"savers of its own \(tf.TPUEmbedding\)",
    own_class: r"classes that are not known to be harmless \(Custom.Thing\)",
    fixed_file: "a file that is none of its assets",
    file_from_another_object: "a file that is none of its assets",
    file_from_the_caller: "a file that is none of its assets",
    file_in_a_branch: "a file that is none of its assets",
}


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda m: m.__name__)
def test_messages_that_hide_what_they_do(mutate: Callable[[Any], None], vocabulary: Path, tmp_path: Path) -> None:
    path = change(vocabulary, mutate, tmp_path / "m")
    with pytest.raises(CaptureError, match=MUTATIONS[mutate]) as error:
        load(path)
    assert error.value.hint == LOADED_BY


@pytest.mark.parametrize("name", ["../../secret", "/etc/hostname", "a/../../../secret", "", "nul", "\\\\host\\x"])
def test_assets_outside_of_the_folder(name: str, vocabulary: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret\n")
    path = change(vocabulary, lambda m: setattr(m.asset_file_def[0], "filename", name), tmp_path / "m")
    with pytest.raises(CaptureError, match="it names 'assets/") as error:
        load(path)
    assert error.value.hint == LOADED_BY


@pytest.mark.parametrize("link", ["assets/words.txt", "variables/variables.index", "assets"])
def test_links_that_lead_out_of_the_folder(link: str, vocabulary: Path, tmp_path: Path) -> None:
    path = tmp_path / "m"
    shutil.copytree(vocabulary, path)
    (path / link).rename(tmp_path / "outside")
    (path / link).symlink_to(tmp_path / "outside")
    with pytest.raises(CaptureError, match=f"'{link}' is a link that leads out of the folder") as error:
        load(path)
    assert "cp -rL" in str(error.value.hint)
    assert load(path, trust=True).output_names
    shutil.copytree(path, tmp_path / "copy")  # as cp -rL
    assert load(tmp_path / "copy").output_names


def test_an_asset_is_read(vocabulary: Path) -> None:
    assert load(vocabulary).output_names == ["y"]


def huge(meta: Any) -> None:
    node = meta.graph_def.node.add(name="huge", op="Const")
    node.attr["value"].tensor.tensor_shape.dim.add(size=1 << 40)


def test_a_constant_of_a_size_that_nobody_has(vocabulary: Path, tmp_path: Path) -> None:
    path = change(vocabulary, huge, tmp_path / "m")
    for trust in (False, True):
        with pytest.raises(CaptureError, match="the constant 'huge' claims 1099511627776 elements"):
            load(path, trust=trust)


def deep(meta: Any) -> None:
    _, node = function_with(meta, "InitializeTableFromTextFileV2")
    for i in range(3000):
        function = meta.graph_def.library.function.add()
        function.signature.name = f"f{i}"
        call = function.node_def.add(name="n", op="PartitionedCall")
        call.attr["f"].func.name = f"f{i + 1}"
    last = meta.graph_def.library.function.add()
    last.signature.name = "f3000"
    last.node_def.add().CopyFrom(node)


def test_calls_that_go_deep(vocabulary: Path, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="its functions call each other too deep"):
        load(change(vocabulary, deep, tmp_path / "m"))


@pytest.mark.parametrize("function", ["fill", "tile", "range", "broadcast"])
def test_results_of_a_size_that_nobody_has(function: str, keras: Any, tmp_path: Path) -> None:
    """A few bytes can ask for more than any memory holds: nothing is computed of it."""
    import tensorflow as tf

    from kexport.capture.capturing import capture
    from kexport.errors import UnsupportedError

    size = 1 << 36
    one = tf.constant(1, tf.int64)
    made = {
        "fill": lambda: tf.fill([size], 1.0),
        "tile": lambda: tf.tile([1.0], [size]),
        "range": lambda: tf.cast(tf.raw_ops.Range(start=one, limit=one * size, delta=one), tf.float32),
        "broadcast": lambda: tf.broadcast_to([1.0], [size]),
    }[function]
    module = tf.Module()
    module.f = tf.function(lambda x: {"y": x + tf.reduce_sum(made())}, autograph=False)
    path = tmp_path / "m"
    tf.saved_model.save(module, str(path), module.f.get_concrete_function(x=tf.TensorSpec((2,))))
    with pytest.raises(UnsupportedError, match=r"its result has 687194767\d\d elements, more than any format holds"):
        capture(path)


def test_layers_that_were_adapted_to_data_are_loaded(keras: Any, tmp_path: Path) -> None:
    """Their files have the function that did it, which reads from an iterator that is not there any more."""
    import tensorflow as tf

    module = tf.Module()
    module.total = tf.Variable(0.0)

    @tf.function
    def adapt_step(iterator: Any) -> None:
        module.total.assign_add(next(iterator))

    data = iter(tf.data.Dataset.from_tensors(1.0).repeat())
    adapt_step(data)
    module.step = adapt_step.get_concrete_function(data)
    module.f = tf.function(lambda x: {"y": x + module.total})
    path = tmp_path / "m"
    tf.saved_model.save(module, str(path), module.f.get_concrete_function(x=tf.TensorSpec((2,))))
    assert load(path).output_names == ["y"]
