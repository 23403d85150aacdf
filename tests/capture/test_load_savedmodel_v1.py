"""SavedModels of TensorFlow 1, in which loading runs nodes that the file names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.capture.load import load
from kexport.errors import CaptureError
from tests.capture.test_load_savedmodel_safe import change


@pytest.fixture(scope="module")
def version1(keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table that is filled from an asset, and a variable of either kind."""
    import tensorflow as tf

    v1 = tf.compat.v1
    path = tmp_path_factory.mktemp("v1") / "m"
    words = path.with_name("words.txt")
    words.write_text("a\nb\nc\n")
    lines = tf.lookup.TextFileIndex.WHOLE_LINE
    numbers = tf.lookup.TextFileIndex.LINE_NUMBER
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        x = v1.placeholder(tf.string, [None], name="x")
        v = v1.get_variable("v", initializer=tf.constant([1.0, 2.0, 3.0]), use_resource=True)
        w = v1.get_variable("w", initializer=tf.constant([10.0]), use_resource=False)
        initializer = tf.lookup.TextFileInitializer(str(words), tf.string, lines, tf.int64, numbers)
        y = tf.gather(v, tf.lookup.StaticHashTable(initializer, 0).lookup(x)) * w
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        builder = v1.saved_model.Builder(str(path))
        signature = v1.saved_model.predict_signature_def({"x": x}, {"y": y})
        assets = v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS)
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {"serving_default": signature},
            assets_collection=assets,
            main_op=v1.tables_initializer(),
        )
        builder.save()
    return path


def test_it_loads_and_computes(version1: Path) -> None:
    (version1.parent / "words.txt").unlink(missing_ok=True)
    source = load(version1)
    assert source.run([np.array([b"b", b"c", b"?"], object)])[0].tolist() == [20, 30, 10]


def node(meta: Any, op: str, *, name: str = "added") -> Any:
    return meta.graph_def.node.add(name=name, op=op)


def nodes(meta: Any) -> dict[str, Any]:
    return {n.name: n for n in meta.graph_def.node}


def first(meta: Any, op: str) -> Any:
    return next(n for n in meta.graph_def.node if n.op == op)


def write_at_first(meta: Any) -> None:
    node(meta, "WriteFile")
    meta.collection_def["saved_model_main_op"].node_list.value[:] = ["added"]


def save_at_first(meta: Any) -> None:
    meta.collection_def["saved_model_main_op"].node_list.value[:] = [first(meta, "SaveV2").name]


def save_behind_a_result(meta: Any) -> None:
    tensor = next(iter(meta.signature_def["serving_default"].outputs.values())).name
    nodes(meta)[tensor.partition(":")[0]].input.append(f"^{first(meta, 'SaveV2').name}")


def save_to_restore(meta: Any) -> None:
    meta.saver_def.restore_op_name = first(meta, "SaveV2").name


def restore_other_variables(meta: Any) -> None:
    const = node(meta, "Const")
    const.attr["value"].tensor.string_val.append(b"other")
    first(meta, "RestoreV2").input[0] = "added"


def save_to_begin_with(meta: Any) -> None:
    from tensorflow.core.framework.variable_pb2 import VariableDef

    variables = meta.collection_def["variables"].bytes_list.value
    variable = VariableDef.FromString(variables[0])
    variable.initializer_name = first(meta, "SaveV2").name
    variables[0] = variable.SerializeToString()


def save_in_the_signature_for_loading(meta: Any) -> None:
    meta.signature_def["__saved_model_init_op"].outputs["o"].name = first(meta, "SaveV2").name


def file_that_is_no_asset(meta: Any) -> None:
    del meta.collection_def["saved_model_assets"]


def file_of_another_node(meta: Any) -> None:
    meta.asset_file_def.add(filename="words.txt").tensor_info.name = "x:0"


def file_outside(meta: Any) -> None:
    from tensorflow.core.protobuf.meta_graph_pb2 import AssetFileDef

    (listed,) = meta.collection_def["saved_model_assets"].any_list.value
    asset = AssetFileDef.FromString(listed.value)
    asset.filename = "../../words.txt"
    listed.Pack(asset)


def file_behind_a_result(meta: Any) -> None:
    tensor = next(iter(meta.signature_def["serving_default"].outputs.values())).name
    nodes(meta)[tensor.partition(":")[0]].input.append(f"^{first(meta, 'InitializeTableFromTextFileV2').name}")


def assets_that_are_damaged(meta: Any) -> None:
    meta.collection_def["saved_model_assets"].any_list.value[0].value = b"\xff\xff"


MUTATIONS: dict[Callable[[Any], None], str] = {
    write_at_first: r"not known to be harmless \(WriteFile\)",
    save_at_first: "which is run, reads or writes files",
    save_behind_a_result: "which is run, reads or writes files",
    save_to_restore: "which restores variables, writes files",
    restore_other_variables: "reads variables that are not the file's own",
    save_to_begin_with: "which is run, reads or writes files",
    save_in_the_signature_for_loading: "which is run, reads or writes files",
    file_that_is_no_asset: "a file that is none of its assets",
    file_behind_a_result: "a file that is none of its assets",
    file_of_another_node: "a file that is none of its assets",
    file_outside: "it names 'assets/../../words.txt', which leads out of its folder",
    assets_that_are_damaged: "its list of assets is damaged",
}


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda m: m.__name__)
def test_nodes_that_would_be_run(mutate: Callable[[Any], None], version1: Path, tmp_path: Path) -> None:
    path = change(version1, mutate, tmp_path / "m")
    with pytest.raises(CaptureError, match=MUTATIONS[mutate]) as error:
        load(path)
    assert "--trust" in str(error.value.hint)
