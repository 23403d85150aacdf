"""One function for each way to make an artifact: `make(model, path)`; imports happen in `prepare`, untimed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple


class Maker(NamedTuple):
    """How to import what is needed, and how to make the artifact; returns the artifact's path."""

    prepare: Callable[[], Any]
    make: Callable[[Any, Path], Path]


def _kexport(*targets: str, imports: tuple[str, ...] = (), **options: Any) -> Maker:
    def prepare() -> None:
        from kexport.target import find_target

        for target in targets:
            find_target(target).missing()
        for name in (*CAPTURE, *imports):
            import_module(name)
        if "coreml" in targets:
            from kexport_coreml import proto

            proto.model()

    def make(model: Any, folder: Path) -> Path:
        import kexport

        report = kexport.export(model, to=targets, out=folder, verify=False, options=dict.fromkeys(targets, options))
        return Path(report.artifacts[0].path)

    return Maker(prepare, make)


def _import_tf2onnx() -> None:
    import tf2onnx  # noqa: F401


def _tf2onnx(model: Any, folder: Path) -> Path:
    import tensorflow as tf
    import tf2onnx

    shape = [None, *model.input_shape[1:]]
    function = tf.function(lambda image: model(image, training=False), input_signature=[tf.TensorSpec(shape)])
    path = folder / "model.onnx"
    tf2onnx.convert.from_function(function, function.input_signature, opset=18, output_path=str(path))
    return path


def _keras_onnx(model: Any, folder: Path) -> Path:
    path = folder / "model.onnx"
    model.export(str(path), format="onnx", verbose=False)
    return path


def _import_tensorflow() -> None:
    import tensorflow  # noqa: F401


def _tflite_converter(model: Any, folder: Path) -> Path:
    import tensorflow as tf

    path = folder / "model.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    return path


def _tflite_converter_of_one(model: Any, folder: Path) -> Path:
    """With a batch of 1: recurrent layers with a dynamic one become operators that are not in LiteRT."""
    import keras

    one = keras.Input(model.input_shape[1:], batch_size=1)
    return _tflite_converter(keras.Model(one, model(one)), folder)


def _keras_savedmodel(model: Any, folder: Path) -> Path:
    """What the converter of TensorFlow.js is given."""
    path = folder / "model"
    model.export(str(path), format="tf_saved_model", verbose=False)
    return path


def _import_coremltools() -> None:
    import coremltools  # noqa: F401


def _coremltools(model: Any, folder: Path) -> Path:
    """From a concrete function: of models of Keras 3 themselves it converts hardly any."""
    import coremltools
    import tensorflow as tf

    shape = [1, *model.input_shape[1:]]
    function = tf.function(lambda image: model(image, training=False), input_signature=[tf.TensorSpec(shape)])
    converted = coremltools.convert(
        [function.get_concrete_function()],
        source="tensorflow",
        convert_to="mlprogram",
        skip_model_load=True,
        minimum_deployment_target=coremltools.target.iOS16,
        compute_precision=coremltools.precision.FLOAT32,
    )
    path = folder / "model.mlpackage"
    converted.save(str(path))
    return path


CAPTURE = (
    "kexport.workflows",
    "kexport.capture.capturing",
    "kexport.capture.load",
    "kexport.capture.lower_trace",
)
TFLITE = ("ai_edge_litert.schema_py_generated", "flatbuffers")
COREML = ("kexport_coreml.writer",)
MAKERS: dict[str, Maker] = {
    "kexport onnx": _kexport("onnx"),
    "tf2onnx": Maker(_import_tf2onnx, _tf2onnx),
    "keras onnx": Maker(_import_tf2onnx, _keras_onnx),
    "kexport tflite": _kexport("tflite", imports=TFLITE),
    "kexport tfjs": _kexport("tfjs"),
    "keras savedmodel": Maker(_import_tensorflow, _keras_savedmodel),
    "kexport coreml": _kexport("coreml", imports=COREML),
    "kexport together": _kexport("onnx", "tflite", "tfjs", "coreml", imports=(*TFLITE, *COREML)),
    "coremltools": Maker(_import_coremltools, _coremltools),
    "tflite converter": Maker(_import_tensorflow, _tflite_converter),
    "tflite converter, batch 1": Maker(_import_tensorflow, _tflite_converter_of_one),
}
