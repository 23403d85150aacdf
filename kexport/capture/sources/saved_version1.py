"""SavedModels of TensorFlow 1: one graph, in which loading runs nodes that the file names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kexport.capture.sources.allowed.operations import CHECKPOINT_READER, CHECKPOINT_WRITERS, checkpoint_operations
from kexport.capture.sources.saved_library import Library, behind, source_of
from kexport.errors import CaptureError

INIT = "__saved_model_init_op"
"""The signature that names the node to be run on loading."""
ASSETS = "saved_model_assets"
"""The collection in which files of TensorFlow 1 have their assets; others have a field."""


def graph_problems(meta: Any, library: Library) -> Iterator[str]:
    """Why the graph is not loaded without trust: nodes that are run read or write files that are not its own."""
    nodes = {n.name: n for n in meta.graph_def.node}
    filers = library.reaching(checkpoint_operations())
    run = behind(_results(meta), nodes)
    first = behind(_first(meta), nodes)
    for name in run | first:
        if nodes[name].op in checkpoint_operations() or library.called(nodes[name]) & filers:
            yield f"the node {name[:80]!r}, which is run, reads or writes files"
            break
    yield from _restoring(meta, nodes, library, filers)
    assets = {a.tensor_info.name.partition(":")[0] for a in assets_of(meta)}
    for node in meta.graph_def.node:
        for operand in library.file_operands(node):
            if source_of(node, operand, nodes) not in assets or node.name in run:
                yield f"a table is filled from a file that is none of its assets ({node.name[:80]})"


def assets_of(meta: Any) -> list[Any]:
    """The assets of a file, by the rule of TensorFlow's loader: of its field, or else of a collection.

    Raises:
        CaptureError: the collection is damaged.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.meta_graph_pb2 import AssetFileDef

    if meta.asset_file_def or ASSETS not in meta.collection_def:
        return list(meta.asset_file_def)
    try:
        return [AssetFileDef.FromString(v.value) for v in meta.collection_def[ASSETS].any_list.value]
    except DecodeError as e:
        raise CaptureError(f"its list of assets is damaged: {e}") from e


def _restoring(meta: Any, nodes: dict[str, Any], library: Library, filers: set[str]) -> Iterator[str]:
    """Restoring must read the variables of the file, and do nothing else."""
    wanted = meta.saver_def.filename_tensor_name.partition(":")[0]
    for name in behind([meta.saver_def.restore_op_name], nodes):
        node = nodes[name]
        if node.op in CHECKPOINT_WRITERS or library.called(node) & filers:
            yield f"the node {name[:80]!r}, which restores variables, writes files"
        elif node.op == CHECKPOINT_READER and source_of(node, 0, nodes) != wanted:
            yield f"the node {name[:80]!r} reads variables that are not the file's own"


def _results(meta: Any) -> Iterator[str]:
    """The tensors that are asked for: those of signatures, and what variables begin with."""
    for key, signature in meta.signature_def.items():
        if key != INIT:
            for info in (*signature.inputs.values(), *signature.outputs.values()):
                yield from _tensors(info)
    for key, collection in meta.collection_def.items():
        if collection.WhichOneof("kind") == "bytes_list":
            yield from _variable_parts(key, collection.bytes_list.value)


def _first(meta: Any) -> Iterator[str]:
    """What may be run on loading."""
    for info in meta.signature_def[INIT].outputs.values() if INIT in meta.signature_def else ():
        yield from _tensors(info)
    for collection in meta.collection_def.values():
        yield from collection.node_list.value


def _tensors(info: Any) -> Iterator[str]:
    sparse = info.coo_sparse
    yield from (info.name, sparse.values_tensor_name, sparse.indices_tensor_name, sparse.dense_shape_tensor_name)
    for component in info.composite_tensor.components:
        yield from _tensors(component)


def _variable_parts(key: str, messages: Any) -> Iterator[str]:
    """The nodes that a collection of variables names; none for collections of other things."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.framework.variable_pb2 import VariableDef

    if "variable" not in key and key != "global_step":
        return
    for message in messages:
        try:
            found = VariableDef.FromString(message)
        except DecodeError:
            continue
        yield from (found.variable_name, found.initial_value_name, found.initializer_name, found.snapshot_name)
