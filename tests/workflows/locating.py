"""A small net for which divergences are made: in files, by one weight, and in emitters, by one attribute."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.engines.runner import run_here
from kexport.ir.op import Op
from kexport.target import find_target
from kexport.workflows.manifest import FILE, sha256

TARGETS = ("onnx", "tflite", "savedmodel", "tfjs", "coreml")


@contextmanager
def in_this_process() -> Iterator[None]:
    """While it lasts, engines run here: a process each costs more than such a small net."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("proof.artifact", "locate.divergence"):
            patch.setattr(f"kexport.{module}.run_artifact", run_here)
        yield


def net(name: str = "net") -> Any:
    """Convolutions, a norm that is folded and one that is not, a GELU, and two heads; all weights are random."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(11)
    image = keras.Input((8, 8, 2), name="image")
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(image)
    x = layers.Conv2D(6, 3, strides=2, padding="same", name="second")(x)
    x = layers.BatchNormalization(name="folded")(x)
    x = layers.LayerNormalization(name="norm")(x)
    x = layers.Activation("gelu", name="bend")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(12, activation="tanh", name="hidden")(x)
    digit = layers.Dense(5, activation="softmax", name="digit")(x)
    score = layers.Dense(3, name="score")(x)
    model = keras.Model(image, {"digit": digit, "score": score}, name=name)
    rng = np.random.default_rng(3)
    for weight in model.weights:
        spread = rng.uniform(0.5, 1.5, weight.shape) if "variance" in weight.path else rng.normal(0, 0.4, weight.shape)
        weight.assign(spread.astype(np.float32))
    return model


def change_weight(dist: Path, target: str, weight: Any) -> None:
    """Make one weight in the files of an artifact five times as large, in place, and let the manifest agree."""
    files = _files(dist, target)
    for value in np.asarray(weight, np.float32).flat:
        old = value.tobytes()
        new = np.float32(value * 5).tobytes()
        holders = [(path, data) for path in files if old in (data := path.read_bytes())]
        if len(holders) == 1 and holders[0][1].count(old) == 1:
            path, data = holders[0]
            path.write_bytes(data.replace(old, new))
            break
    else:
        raise AssertionError(f"no weight of {target} is found in its files")
    agree(dist)


def agree(dist: Path) -> None:
    """Write the sizes and hashes of the files as they are into the manifest."""
    path = dist / FILE
    manifest = json.loads(path.read_text())
    for model in manifest["models"].values():
        for file in (f for a in model["artifacts"].values() for f in a["files"]):
            file["sha256"], file["size"] = sha256(dist / file["path"]), (dist / file["path"]).stat().st_size
    path.write_text(json.dumps(manifest))


def break_emitter(
    monkeypatch: pytest.MonkeyPatch, target: str, kind: type[Op], change: Mapping[str, Any] | Callable[[Op], Op]
) -> None:
    """Let a target emit other attributes than an op has."""
    emitters = find_target(target).emitters.emitters
    emit = emitters[kind]

    def wrong(context: Any, op: Any, node: Any) -> None:
        emit(context, change(op) if callable(change) else dataclasses.replace(op, **change), node)

    monkeypatch.setitem(emitters, kind, wrong)


def _files(dist: Path, target: str) -> list[Path]:
    manifest = json.loads((dist / FILE).read_text())
    (model,) = manifest["models"].values()
    return [dist / f["path"] for f in model["artifacts"][target]["files"]]
