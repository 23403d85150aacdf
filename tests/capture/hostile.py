"""Configs of Keras 2 models that reach for more than a model: each road from a config to code, by what it is."""

from __future__ import annotations

import json
from typing import Any

Config = dict[str, Any]
MODEL = {"class_name": "Sequential", "config": {"name": "m", "layers": [{"class_name": "Lambda", "config": {}}]}}
TEXT = json.dumps(MODEL)
NODE = {"name": "w", "op": "WriteFile", "input": ["a", "b"]}


def layer(kind: str, module: str | None = None, **options: Any) -> Config:
    """A layer `l` as Keras 2 saves it; with a module as in `.keras` files."""
    saved: Config = {"class_name": kind, "config": {"name": "l", **options}}
    return {**saved, "module": module, "registered_name": None} if module else saved


def dense(**options: Any) -> Config:
    """A Dense layer with some options replaced."""
    return layer("Dense", "keras.layers", units=2, **options)


def function(name: Any, module: str | None, registered: str | None = None) -> Config:
    """A function as `.keras` files name it."""
    return {"class_name": "function", "config": name, "module": module, "registered_name": registered}


def thing(kind: Any, module: str | None, registered: str | None = None) -> Config:
    """An object of a class."""
    return {"class_name": kind, "config": {}, "module": module, "registered_name": registered}


ROADS: dict[str, tuple[Config, str]] = {
    "class method": (
        layer("ClassMethod", cls_symbol="keras.models", method_name="model_from_json"),
        "l: method keras.models.model_from_json",
    ),
    "class method of a class": (
        layer("ClassMethod", cls_symbol="io.gfile.GFile", method_name="write", method="RaggedTensor.from_tensor"),
        "l: method io.gfile.GFile.write",
    ),
    "method that is no constructor": (
        layer("ClassMethod", cls_symbol="RaggedTensor", method_name="__class__"),
        "l: method RaggedTensor.__class__",
    ),
    "slicing": (layer("SlicingOpLambda", function="keras.utils.get_file"), "l: tf keras.utils.get_file"),
    "function of Keras": (layer("TFOpLambda", function="keras.models.model_from_json"), "l: tf keras.models"),
    "raw operation": (layer("TFOpLambda", function="raw_ops.WriteFile"), "l: tf raw_ops.WriteFile"),
    "printing": (layer("TFOpLambda", function="keras.backend.print_tensor"), "l: tf keras.backend.print_tensor"),
    "vocabulary of a sampler": (
        layer("TFOpLambda", function="nn.fixed_unigram_candidate_sampler"),
        "l: tf nn.fixed_unigram_candidate_sampler",
    ),
    "attribute": (layer("InstanceProperty", attr_name="graph"), "l: attribute graph of a tensor"),
    "method of a tensor": (layer("InstanceMethod", attr_name="__reduce_ex__"), "l: attribute __reduce_ex__"),
    "operation": (layer("TensorFlowOpLayer", node_def=NODE), "l: operation WriteFile"),
    "operation as bytes": (layer("TensorFlowOpLayer", node_def="\n\x01w\x12\tWriteFile"), "l: operation WriteFile"),
    "operation that is none": (layer("TensorFlowOpLayer", node_def=3), "l: operation unknown"),
    "function of a module": (dense(activation=function("system", "os")), "l: function system of os"),
    "function by a long name": (
        dense(activation=function("os.system", "tf_keras.src.utils.data_utils")),
        "l: function os.system of tf_keras.src.utils.data_utils",
    ),
    "function in another's name": (
        dense(activation=function("relu", "keras.activations", "get")),
        "l: function relu of keras.activations",
    ),
    "function of another module": (dense(activation=function("relu", "posix")), "l: function relu of posix"),
    "function of Python": (dense(activation=function("eval", "builtins")), "l: activation 'eval'"),
    "name of an activation": (dense(activation="deserialize"), "l: activation 'deserialize'"),
    "name of an initializer": (dense(kernel_initializer="tf"), "l: initializer 'tf'"),
    "name of a regularizer": (dense(activity_regularizer="math"), "l: regularizer 'math'"),
    "class of a module": (dense(kernel_initializer=thing("Popen", "subprocess")), "l: class Popen of subprocess"),
    "class of Keras that is none": (
        dense(kernel_initializer=thing("get_file", "keras.utils")),
        "l: class get_file of keras.utils",
    ),
    "layer of another module": ({**dense(), "module": "subprocess", "registered_name": "Popen"}, "l: class Dense of"),
    "registered under another's name": ({**dense(), "registered_name": "Custom>Adam"}, "l: class Dense of keras"),
    "module that is no text": ({**dense(), "module": ["os"]}, 'l: class Dense of ["os"]'),
    "policy": (dense(dtype=thing("Policy", "os")), "class Policy of os"),
    "type": (
        layer("InputLayer", type_spec={**thing("__typespec__", "os"), "spec_name": "system", "config": []}),
        "l: type system of os",
    ),
    "type by its name": (
        layer("InputLayer", type_spec={"class_name": "TypeSpec", "type_spec": "tf.linalg.LinearOperatorDiagSpec"}),
        "l: type tf.linalg.LinearOperatorDiagSpec",
    ),
    "lambda": (layer("Lambda", function=["4wEA", None, None], function_type="lambda"), "l: a lambda"),
    "lambda as a mask": (
        layer("Lambda", function="relu", function_type="raw", mask=["4w", None, None], mask_type="lambda"),
        "l: a lambda",
    ),
    "lambda in a wrapper": (
        layer("RNN", cell=layer("ResidualWrapper", residual_fn=["4wEA", None, None], residual_fn_type="lambda")),
        "l/l: a lambda",
    ),
    "function in a wrapper": (
        layer("ResidualWrapper", residual_fn="f", residual_fn_type="function", residual_fn_module="os"),
        "l: function f",
    ),
    "lambda with a function of a module": (
        layer("Lambda", function=function("system", "os"), function_type="function"),
        "l: function system of os",
    ),
    "in a wrapper": (
        layer("TimeDistributed", layer=layer("TFOpLambda", function="io.write_file")),
        "l/l: tf io.write_file",
    ),
    "in both directions": (
        layer("Bidirectional", layer=layer("LSTM"), backward_layer=thing("system", "os")),
        "l: class system of os",
    ),
    "in cells": (layer("RNN", cell=layer("StackedRNNCells", cells=[thing("system", "os")])), "class system of os"),
    "in a model": (
        layer("Sequential", layers=[layer("TFOpLambda", function="io.read_file")]),
        "l/l: tf io.read_file",
    ),
    "in a constant": (
        {
            **dense(),
            "inbound_nodes": [["_CONSTANT_VALUE", -1, [{"_TYPE": "COMPOSITE"}, TEXT]]],
            "x": function("a", "os"),
        },
        "function a of os",
    ),
    "in the arguments of a call": (
        {**dense(), "inbound_nodes": [[["x", 0, 0, {"y": thing("system", "os")}]]]},
        "l: class system of os",
    ),
    "in how it is built": ({**dense(), "build_config": thing("system", "os")}, "l: class system of os"),
    "words in a file": (
        layer("StringLookup", vocabulary="/etc/passwd"),
        "l: vocabulary in the local file '/etc/passwd'",
    ),
    "numbers in a file": (layer("IntegerLookup", vocabulary="/etc/passwd"), "l: vocabulary in the local file"),
    "weights in a file": (
        layer("TextVectorization", vocabulary=["a"], idf_weights="/etc/passwd"),
        "l: idf_weights in the local file",
    ),
    "column with a file": (
        layer(
            "DenseFeatures",
            feature_columns=[
                {"class_name": "VocabularyFileCategoricalColumn", "config": {"vocabulary_file": "/etc/x"}}
            ],
        ),
        "l: vocabulary_file in the local file '/etc/x'",
    ),
    "column with a checkpoint": (
        layer(
            "DenseFeatures", feature_columns=[{"class_name": "EmbeddingColumn", "config": {"ckpt_to_load_from": "/x"}}]
        ),
        "l: ckpt_to_load_from in the local file",
    ),
    "texts without end": (
        layer("Rescaling", scale={"class_name": "__numpy__", "config": {"value": ["a"], "dtype": "S9999999999"}}),
        "l: elements of type 'S9999999999'",
    ),
    "changing words": (layer("DynamicLookup", "keras.layers.experimental"), "l: class DynamicLookup"),
}
"""What it is -> a layer that takes this road, and what the error says."""
