"""TensorFlow loads SavedModels that kexport wrote, and no others: those could write files, or run Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.errors import EmitError
from kexport_savedmodel import TARGET
from kexport_savedmodel.operations import OPERATIONS
from kexport_shared.graphdef.wire import Message, fields
from tests.savedmodel.helper import export, run
from tests.tfjs.nets import image_net

MODEL = "saved_model.pb"
INPUTS = {"image": np.zeros((1, 12, 12, 3), np.float32)}


def parsed(path: Path) -> Any:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    return SavedModel.FromString((path / MODEL).read_bytes())


def write_file(model: Any, path: Path) -> None:
    """A node that writes a file, before the first that computes."""
    graph = model.meta_graphs[0].graph_def
    for name, text in (("name", str(path.with_name("written"))), ("text", "x")):
        node = graph.node.add(name=name, op="Const")
        node.attr["dtype"].type = 7
        node.attr["value"].tensor.dtype = 7
        node.attr["value"].tensor.tensor_shape.SetInParent()
        node.attr["value"].tensor.string_val.append(text.encode())
    graph.node.add(name="write", op="WriteFile", input=["name", "text"])
    next(n for n in graph.node if n.op == "Relu6").input.append("^write")


def table_of_a_file(model: Any, path: Path) -> None:
    model.meta_graphs[0].graph_def.node.add(name="n", op="InitializeTableFromTextFileV2")


def operation_in_a_function(model: Any, path: Path) -> None:
    function = model.meta_graphs[0].graph_def.library.function.add()
    function.signature.name = "f"
    function.node_def.add(name="n", op="PyFunc")


def function_called_like_a_node(model: Any, path: Path) -> None:
    model.meta_graphs[0].graph_def.library.function.add().signature.name = "WriteFile"
    model.meta_graphs[0].graph_def.node.add(name="n", op="WriteFile")


def second_graph(model: Any, path: Path) -> None:
    model.meta_graphs.add().CopyFrom(model.meta_graphs[0])


def objects(model: Any, path: Path) -> None:
    model.meta_graphs[0].object_graph_def.nodes.add().user_object.SetInParent()


def saver(model: Any, path: Path) -> None:
    model.meta_graphs[0].saver_def.restore_op_name = "relu6"


def asset(model: Any, path: Path) -> None:
    model.meta_graphs[0].asset_file_def.add().filename = "../secret"


def device(model: Any, path: Path) -> None:
    model.meta_graphs[0].graph_def.node[0].device = "/job:worker"


def stored_variables(model: Any, path: Path) -> None:
    model.meta_graphs[0].collection_def["variables"].bytes_list.value.append(b"x")


def gradient(model: Any, path: Path) -> None:
    model.meta_graphs[0].graph_def.library.gradient.add().function_name = "f"


MUTATIONS: dict[Callable[[Any, Path], None], str] = {
    write_file: "it has the operation 'WriteFile', which kexport does not write; it is not run",
    table_of_a_file: "it has the operation 'InitializeTableFromTextFileV2'",
    operation_in_a_function: "it has the operation 'PyFunc'",
    function_called_like_a_node: "it has the operation 'WriteFile'",
    second_graph: "the model has part 2 2 times",
    objects: r"the graph has a part that kexport does not write \(field 7\)",
    saver: r"the graph has a part that kexport does not write \(field 3\)",
    asset: r"the graph has a part that kexport does not write \(field 6\)",
    device: r"a node has a part that kexport does not write \(field 4\)",
    stored_variables: r"a collection of nodes has a part that kexport does not write \(field 2\)",
    gradient: r"the library has a part that kexport does not write \(field 2\)",
}


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda m: m.__name__)
def test_what_others_write_is_not_run(mutate: Callable[[Any, Path], None], tmp_path: Path) -> None:
    path = export(image_net(), tmp_path / "m")
    model = parsed(path)
    mutate(model, path)
    (path / MODEL).write_bytes(model.SerializeToString())
    runtime = TARGET.runtimes()[0]
    for road in (lambda: TARGET.validate(path), lambda: runtime.load(path), lambda: runtime.tap(path, ["relu6"])):
        with pytest.raises(EmitError, match=MUTATIONS[mutate]):
            road()
    assert not (tmp_path / "written").exists()


def test_the_same_node_does_write_in_tensorflow(tmp_path: Path) -> None:
    """So that the test above tests something."""
    import tensorflow as tf

    path = export(image_net(), tmp_path / "m")
    model = parsed(path)
    write_file(model, path)
    (path / MODEL).write_bytes(model.SerializeToString())
    tf.saved_model.load(str(path)).signatures["serving_default"](image=tf.constant(INPUTS["image"]))
    assert (tmp_path / "written").read_text() == "x"


def _definition(*nodes: Message) -> bytes:
    """A graph's definition, as bytes of a field that TensorFlow would merge with the one before it."""
    definition = Message()
    for node in nodes:
        definition.message(1, node)
    return _bytes(Message().message(2, definition.message(4, Message())))


def _bytes(message: Message) -> bytes:
    return b"".join(part for part in message.parts if isinstance(part, bytes))


def test_a_part_that_comes_twice_hides_nothing(tmp_path: Path) -> None:
    path = export(image_net(), tmp_path / "m")
    data = memoryview((path / MODEL).read_bytes())
    version, graph = fields(data)
    hidden = _definition(Message().bytes(1, "n").bytes(2, "NoOp"))
    inner = Message().bytes(2, hidden + bytes(graph.data))
    (path / MODEL).write_bytes(_bytes(Message().int(1, version.value)) + _bytes(inner))
    assert [n.name for n in parsed(path).meta_graphs[0].graph_def.node if n.op == "NoOp"] == ["n"]
    with pytest.raises(EmitError, match="the graph has part 2 2 times"):
        TARGET.validate(path)


@pytest.mark.parametrize("name", ["variables/variables.index", "saved_model.pbtxt", "fingerprint.pb", "assets/w.txt"])
def test_files_that_we_do_not_write(name: str, tmp_path: Path) -> None:
    path = export(image_net(), tmp_path / "m")
    (path / name).parent.mkdir(exist_ok=True)
    (path / name).touch()
    with pytest.raises(EmitError, match=f"it holds '{name}', which is no part of it"):
        TARGET.runtimes()[0].load(path)


def test_a_link_that_leads_out(tmp_path: Path) -> None:
    path = export(image_net(), tmp_path / "m")
    (path / MODEL).rename(tmp_path / "other")
    (path / MODEL).symlink_to(tmp_path / "other")
    with pytest.raises(EmitError, match="is a link that leads out of its folder"):
        TARGET.validate(path)


def test_files_that_tensorflow_does_not_read(tmp_path: Path) -> None:
    path = export(image_net(), tmp_path / "m")
    (path / ".DS_Store").touch()
    (path / "assets.extra" / "readme.txt").touch()
    assert run(path, INPUTS)


def test_every_operation_on_the_list_is_one_of_tensorflow() -> None:
    from tensorflow.python.framework import op_def_registry

    assert {name for name in OPERATIONS if op_def_registry.get(name) is None} == set()
    stateful = {name for name in OPERATIONS if op_def_registry.get(name).is_stateful}
    tables = {"HashTableV2", "LookupTableFindV2", "LookupTableImportV2"}
    assert stateful == tables | {"RandomStandardNormal", "RandomUniform"}


def test_a_value_has_one_part(tmp_path: Path) -> None:
    path = export(image_net(), tmp_path / "m")
    data = (path / MODEL).read_bytes()
    model = parsed(path)
    node = model.meta_graphs[0].graph_def.node[0]
    node.attr["dtype"].Clear()
    (path / MODEL).write_bytes(model.SerializeToString())
    assert data != (path / MODEL).read_bytes()
    with pytest.raises(EmitError, match="a value has not exactly one part"):
        TARGET.validate(path)


def test_who_made_a_model_may_be_told(tmp_path: Path) -> None:
    path = export(image_net(), tmp_path / "m")
    model = parsed(path)
    model.meta_graphs[0].meta_info_def.tensorflow_git_version = "somebody's"
    (path / MODEL).write_bytes(model.SerializeToString())
    TARGET.validate(path)
