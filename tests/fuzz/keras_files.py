"""Damaged Keras files: mutants of the bytes, attributes, arrays, members and configs of files of Keras 1, 2 and 3."""

from __future__ import annotations

import base64
import copy
import io
import json
import random
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.capture.keras1_files import layer, write

Mutate = Callable[[bytes, random.Random], bytes]
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 3, 1 << 40, -(1 << 63), 10**400, 0.5, float("nan"), float("inf"), 1e308, "", "x", "os.system",
    "\x00\x1b[31m", "../../etc/passwd", "/etc/passwd", [], [[]], [None], {}, {"class_name": "Dense"},
    {"class_name": "function", "config": "f"}, {"class_name": None, "config": None}, ["x", 0, 0], [["x", 0, 9]],
    "float16", "int99", "relu",
)  # fmt: skip
"""Values that no Keras writes at most places."""


def bases(folder: Path) -> dict[str, Path]:
    """Small files of every kind: convolutions, recurrent layers, wrappers, models in models, TensorFlow functions."""
    import keras
    import tf_keras

    found: dict[str, Path] = {}
    for name, package in (("keras2", tf_keras), ("keras3", keras)):
        for kind, model in (("nested", _nested(package)), ("chain", _chain(package)), ("lambda", _lambda(package))):
            for suffix in (".h5", ".keras"):
                found[f"{name}-{kind}{suffix}"] = folder / f"{name}-{kind}{suffix}"
                model.save(folder / f"{name}-{kind}{suffix}")
    found["keras1.h5"] = _keras1(folder / "keras1.h5")
    return found


def mutants(seed: int, files: dict[str, Path], count: int) -> Iterator[tuple[str, str, bytes]]:
    """`count` mutants: what was done, the suffix of the file, and its bytes. The same ones for the same seed."""
    for number in range(count):
        draw = random.Random(f"{seed}/{number}")
        name = draw.choice(sorted(files))
        suffix = Path(name).suffix
        data = files[name].read_bytes()
        kind = draw.choice(sorted(MUTATORS[suffix]))
        for _ in range(draw.choice((1, 1, 1, 2, 5))):
            data = MUTATORS[suffix][kind](data, draw)
        yield f"{seed}/{number} {name} {kind}", suffix, data


def _nested(package: Any) -> Any:
    layers = package.layers
    x = package.Input((6, 3), name="x")
    inner = package.Sequential([package.Input((6, 3)), layers.Dense(4, activation="relu")], name="inner")
    both = layers.Bidirectional(layers.LSTM(2, return_sequences=True), name="both")(inner(x))
    timed = layers.TimeDistributed(layers.Dense(3, kernel_regularizer="l2"), name="timed")(both)
    shared = layers.Dense(3, name="shared")
    if package.__name__ == "tf_keras":
        import tensorflow as tf

        joined = tf.concat([tf.nn.gelu(shared(timed)) * 2.0, shared(x)], axis=-1)[:, :, :4]
    else:
        joined = layers.Concatenate()([layers.Activation("gelu")(shared(timed)), shared(x)])
    model = package.Model({"x": x}, {"a": joined, "b": layers.GRU(2)(joined)}, name="nested")
    model.compile("adam", "mse")
    return model


def _chain(package: Any) -> Any:
    layers = package.layers
    chain = [
        package.Input((8, 8, 3), name="image"),
        layers.Conv2D(4, 3, padding="same", kernel_constraint="max_norm"),
        layers.BatchNormalization(),
        layers.DepthwiseConv2D(3, strides=2),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(3, activation="softmax"),
    ]
    return package.Sequential(chain, name="chain")


def _lambda(package: Any) -> Any:
    scale = 0.5
    layers = [
        package.Input((4,), name="x"),
        package.layers.Lambda(lambda x: x / 127.5 - 1.0, name="scaled"),
        package.layers.Lambda(lambda x, by=(2.0, 3.0): abs(x * by[0]) + scale, name="moved"),
        package.layers.Dense(2),
    ]
    return package.Sequential(layers, name="lambdas")


def _keras1(path: Path) -> Path:
    import numpy as np

    first = layer(
        "Convolution1D",
        "c",
        nb_filter=2,
        filter_length=3,
        batch_input_shape=[None, 6, 4],
        activation="relu",
        border_mode="same",
        subsample_length=1,
        bias=True,
    )
    ones = np.ones((3, 1, 4, 2), np.float32), np.ones(2, np.float32)
    flat = layer("Flatten", "f"), layer("Dense", "d", output_dim=1, activation="linear", bias=True)
    weights = {
        "c": [("c_W:0", ones[0]), ("c_b:0", ones[1])],
        "f": [],
        "d": [("d_W:0", np.ones((12, 1), np.float32)), ("d_b:0", np.ones(1, np.float32))],
    }
    return write(path, [first, *flat], weights)


def flip(data: bytes, draw: random.Random) -> bytes:
    """Some bytes replaced, most of them early in the file, where its structure is."""
    made = bytearray(data or b"x")
    for _ in range(draw.choice((1, 2, 8))):
        at = int(len(made) * draw.random() ** draw.choice((1, 3)))
        made[min(at, len(made) - 1)] = draw.choice((0, 1, 255, draw.randrange(256)))
    return bytes(made)


def cut(data: bytes, draw: random.Random) -> bytes:
    """A part taken out, or put in twice."""
    start = draw.randrange(len(data) or 1)
    end = min(len(data), start + draw.choice((1, 4, 64, 4096)))
    return data[:start] + draw.choice((b"", data[start:end] * 2)) + data[end:]


def truncate(data: bytes, draw: random.Random) -> bytes:
    """The end taken off."""
    return data[: draw.randrange(len(data) or 1)]


def attribute(data: bytes, draw: random.Random) -> bytes:
    """An attribute of a group or array of an HDF5 file changed or taken out."""
    import numpy as np

    def change(file: Any) -> None:
        places: list[Any] = [file]
        file.visititems(lambda _, item: places.append(item))
        pairs = [(p, name) for p in places for name in p.attrs]
        if not pairs:
            return
        place, name = draw.choice(pairs)
        numbers = (3, 2.5, True, np.float16(1), [1, 2], np.zeros((2, 2)), np.void(b"x"))
        texts = ("", "x", b"\xff\xfe", "\x00", "9.9.9", "2.x", "3", "1", np.array(["a", "b"], "S1"), np.array([], "S1"))
        value: Any = draw.choice((*numbers, *texts))
        del place.attrs[name]
        if draw.random() < 0.8:
            place.attrs[name] = value

    return _with_hdf5(data, change)


def array(data: bytes, draw: random.Random) -> bytes:
    """A group or array of an HDF5 file taken out, or replaced by one of another shape, type or kind."""
    import numpy as np

    def change(file: Any) -> None:
        names: list[str] = []
        file.visit(names.append)
        if not names:
            return
        name = draw.choice(names)
        del file[name]
        made = draw.choice(
            [None, np.zeros(0), np.zeros((3, 3, 3)), np.zeros((), "i8"), np.array([b"a"]), "group", np.nan]
        )
        if isinstance(made, str):
            file.create_group(name)
        elif made is not None:
            file[name] = made

    return _with_hdf5(data, change)


def hdf5_config(data: bytes, draw: random.Random) -> bytes:
    """The config in an .h5 file, changed as a tree."""

    def change(file: Any) -> None:
        text: Any = file.attrs.get("model_config")
        if text is not None:
            file.attrs["model_config"] = json.dumps(_changed(json.loads(text), draw))

    return _with_hdf5(data, change)


def hdf5_bytecode(data: bytes, draw: random.Random) -> bytes:
    """The bytecode of Lambda layers in an .h5 file, changed as bytes."""

    def change(file: Any) -> None:
        text: Any = file.attrs.get("model_config")
        if text is not None:
            file.attrs["model_config"] = _damaged_text(text, draw)

    return _with_hdf5(data, change)


def zip_bytecode(data: bytes, draw: random.Random) -> bytes:
    """The bytecode of Lambda layers in a .keras file, changed as bytes."""
    return _with_member(data, "config.json", lambda text: _damaged_text(text.decode(), draw).encode())


def _damaged_text(text: str, draw: random.Random) -> str:
    """A config with one of its long texts in base64 changed as bytes."""
    found = list(re.finditer(r'"([A-Za-z0-9+/=\\]{40,}(?:\\n)?)"', text))
    if not found:
        return text
    match = draw.choice(found)
    try:
        code = base64.b64decode(match[1].replace("\\n", ""))
    except ValueError:
        return text
    code = draw.choice((flip, cut, truncate))(code, draw) if code else b"x"
    return text[: match.start(1)] + base64.b64encode(code).decode() + text[match.end(1) :]


def zip_config(data: bytes, draw: random.Random) -> bytes:
    """The config in a .keras file, changed as a tree."""
    return _with_member(data, "config.json", lambda text: json.dumps(_changed(json.loads(text), draw)).encode())


def zip_metadata(data: bytes, draw: random.Random) -> bytes:
    """The metadata in a .keras file, changed as a tree."""
    return _with_member(data, "metadata.json", lambda text: json.dumps(_changed(json.loads(text), draw)).encode())


def zip_weights(data: bytes, draw: random.Random) -> bytes:
    """The weights in a .keras file, changed as an HDF5 file or as bytes, with the checksum made right."""
    change = draw.choice((array, attribute, flip, cut, truncate))
    return _with_member(data, "model.weights.h5", lambda inner: change(inner, draw))


def zip_members(data: bytes, draw: random.Random) -> bytes:
    """A member of a .keras file taken out, renamed or emptied."""
    with _zip(data) as old:
        members = {name: old.read(name) for name in old.namelist()}
    if not members:
        return data
    name = draw.choice(sorted(members))
    content = members.pop(name)
    if draw.random() < 0.7:
        members[draw.choice((name, "assets/x", name.upper(), "x.h5"))] = draw.choice((b"", content, b"{}", b"[]"))
    return _zipped(members)


MUTATORS: dict[str, dict[str, Mutate]] = {
    ".h5": {
        "bytes": flip,
        "cut": cut,
        "end": truncate,
        "attribute": attribute,
        "array": array,
        "config": hdf5_config,
        "bytecode": hdf5_bytecode,
    },
    ".keras": {
        "bytes": flip,
        "cut": cut,
        "end": truncate,
        "config": zip_config,
        "bytecode": zip_bytecode,
        "metadata": zip_metadata,
        "weights": zip_weights,
        "members": zip_members,
    },
}
"""Ways to damage a file, by its suffix."""


def _changed(value: Any, draw: random.Random) -> Any:
    """A JSON tree with one place changed: an odd value, another part of the tree, nothing, or itself within itself."""
    made = copy.deepcopy(value)
    places = list(_places(made))
    if not places:
        return draw.choice(ODD)
    home, key = draw.choice(places)
    action = draw.random()
    if action < 0.5:
        home[key] = copy.deepcopy(draw.choice(ODD))
    elif action < 0.65:
        other, name = draw.choice(places)
        home[key] = copy.deepcopy(other[name])
    elif action < 0.8:
        home.pop(key)
    elif action < 0.9 and isinstance(home, dict):
        home[draw.choice(("class_name", "module", "name", "config", "layers", "inbound_nodes", "dtype"))] = home.pop(
            key
        )
    else:
        home[key] = copy.deepcopy(value)
    return made


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(item, (dict, list)):
            yield from _places(item)


def _with_hdf5(data: bytes, change: Callable[[Any], None]) -> bytes:
    """An HDF5 file after a change to it; as it was if it was damaged before."""
    import h5py

    stream = io.BytesIO(data)
    try:
        with h5py.File(stream, "r+") as file:
            change(file)
    except Exception:  # noqa: BLE001  whatever h5py has to say about a file that was damaged already
        return data
    return stream.getvalue()


def _zip(data: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(data))


def _zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, content in members.items():
            made.writestr(name, content)
    return stream.getvalue()


def _with_member(data: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """A .keras file with one member changed; as it was if that is not there."""
    try:
        with _zip(data) as old:
            members = {n: old.read(n) for n in old.namelist()}
        members[name] = change(members[name])
    except Exception:  # noqa: BLE001  it was damaged already
        return data
    return _zipped(members)
