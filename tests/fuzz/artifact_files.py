"""Damaged artifacts of every format: mutants of their bytes, of their JSON, of their messages, and of their folders."""

from __future__ import annotations

import json
import random
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kexport.workflows.files import remove
from tests.target.artifacts import FORMS, write
from tests.tfjs.loops import halved

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 3, 1 << 40, -(1 << 63), 10**400, 0.5, 1e308, "", "x", "-1", "9" * 5000, "\x00\x1b[31m", "../x",
    "/etc/passwd", [], [[]], [None], {}, {"dim": None}, {"size": "x"}, "DT_STRING", "Const", "(a+b)*(c+d)",
)  # fmt: skip
"""Values that no artifact has at most places."""
EXTREME = (0, 1, -1, 127, 128, 1 << 20, (1 << 31) - 1, -(1 << 31), 0xDEADBEEF)
DEEP = b"[" * 5000 + b"]" * 5000


def bases(folder: Path) -> dict[str, Path]:
    """An artifact of every form of a net, and one with loops of every format."""
    found = {form: write(form, folder / f"base-{i}") for i, form in enumerate(FORMS)}
    for form in ("onnx", "tflite", "tfjs", "savedmodel", "coreml"):
        found[f"{form} with loops"] = write(form, folder / f"loops-{form}", halved())
    return found


def mutants(seed: int, folder: Path, count: int) -> Iterator[tuple[str, Path]]:
    """`count` mutants: what was done, and where the artifact lies until the next. The same ones for the same seed."""
    found = bases(folder)
    for number in range(count):
        draw = random.Random(f"{seed}/{number}")
        name = draw.choice(sorted(found))
        place = folder / "mutant"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(found[name].parent, place)
        path = place / found[name].name
        done = [mutate(path, draw) for _ in range(draw.choice((1, 1, 1, 2, 5)))]
        yield f"{seed}/{number} {name}: {', '.join(done)}", path


def mutate(path: Path, draw: random.Random) -> str:
    """Damage one file of an artifact, or the folder; says how."""
    files = sorted(p for p in path.parent.rglob("*") if p.is_file() and not p.is_symlink())
    file = draw.choice(files) if files else path
    if not files or draw.random() < 0.03:
        return _mutate_folder(file, draw)
    data = file.read_bytes()
    if file.suffix == ".json" and draw.random() < 0.8:
        kind = "json"
        changed = _json(data, draw)
    elif file.suffix in MESSAGES and draw.random() < 0.4:
        kind = "message"
        changed = _message(data, MESSAGES[file.suffix], draw)
    else:
        mutate = draw.choice(BYTES)
        kind = mutate.__name__.strip("_")
        changed = mutate(data, draw)
    file.write_bytes(changed)
    return f"{kind} of {file.name}"


def _mutate_folder(file: Path, draw: random.Random) -> str:
    kind = draw.choice(("lost", "folder", "link", "circle"))
    remove(file)
    if kind == "folder":
        file.mkdir()
    elif kind == "link":
        file.symlink_to("/etc/hostname")
    elif kind == "circle":
        file.symlink_to(file.name)
    return f"{kind} for {file.name}"


# --- bytes


def _cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


def _flip(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 3, 20)) if data else 0):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _noise(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data) + 1)
    size = draw.choice((1, 4, 64, 1000))
    return data[:at] + draw.randbytes(size) + data[at + size :]


def _number(data: bytes, draw: random.Random) -> bytes:
    """An integer of 32 bits, where one may be, becomes an extreme one."""
    if len(data) < 8:
        return data
    at = draw.randrange(len(data) // 4) * 4
    return data[:at] + struct.pack("<q", draw.choice(EXTREME))[:4] + data[at + 4 :]


def _doubled(data: bytes, draw: random.Random) -> bytes:
    start, stop = sorted((draw.randrange(len(data) + 1), draw.randrange(len(data) + 1)))
    return data[:stop] + data[start:stop] + data[stop:]


def _without(data: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(data) + 1)
    return data[:start] + data[start + draw.choice((1, 4, 100)) :]


def _head(data: bytes, draw: random.Random) -> bytes:
    """Most of what decides is at the beginning of a file, or at its end."""
    size = min(len(data), 2000)
    if draw.random() < 0.5:
        return _flip(data[:size], draw) + data[size:]
    return data[: len(data) - size] + _flip(data[len(data) - size :], draw)


def _deep(data: bytes, draw: random.Random) -> bytes:
    return DEEP


BYTES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _cut,
    _flip,
    _flip,
    _noise,
    _number,
    _number,
    _doubled,
    _without,
    _head,
    _head,
    _deep,
)


# --- JSON


def _json(data: bytes, draw: random.Random) -> bytes:
    """A value somewhere inside becomes an odd one, is lost, or comes twice."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return data
    places = list(_places(document))
    if not places:
        return data
    holder, key = draw.choice(places)
    action = draw.randrange(4)
    if action == 0:
        del holder[key]
    elif action == 1 and isinstance(holder, list):
        holder.append(holder[key])
    elif action == 2 and isinstance(holder, dict):
        holder[draw.choice(("", "x", str(key) + "_"))] = holder.pop(key)
    else:
        holder[key] = draw.choice(ODD)
    try:
        return json.dumps(document).encode()
    except ValueError:  # an integer too long to be written
        return data


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(inner):
        yield value, key
        yield from _places(item)


# --- messages

MESSAGES = {".onnx": "onnx", ".mlmodel": "coreml", ".pb": "savedmodel"}
"""What kind of message a file holds, by its suffix."""


def _class_of(kind: str) -> Any:
    if kind == "onnx":
        from onnx import ModelProto

        return ModelProto
    if kind == "coreml":
        from kexport_coreml import proto

        return proto.model().Model
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    return SavedModel


def _message(data: bytes, kind: str, draw: random.Random) -> bytes:
    """A part somewhere inside of a message is lost, comes twice, or has an odd value."""
    from google.protobuf.message import DecodeError

    try:
        message = _class_of(kind).FromString(data)
    except DecodeError:
        return data
    target = message
    for _ in range(draw.randrange(12)):
        inner = [v for f, v in target.ListFields() if f.message_type is not None]
        inner = [m for v in inner for m in _messages(v)]
        if not inner:
            break
        target = draw.choice(inner)
    _spoil(target, draw)
    return message.SerializeToString()


def _messages(value: Any) -> list[Any]:
    """The messages in the value of a field."""
    if hasattr(value, "ListFields"):
        return [value]
    items = list(value.values()) if hasattr(value, "values") else list(value)
    return [v for v in items if hasattr(v, "ListFields")]


def _spoil(message: Any, draw: random.Random) -> None:
    fields = [f for f, _ in message.ListFields()] or list(message.DESCRIPTOR.fields)
    if not fields:
        return
    field = draw.choice(fields)
    value = getattr(message, field.name)
    if draw.random() < 0.3:
        message.ClearField(field.name)
    elif hasattr(value, "extend") and len(value):
        value.extend([value[draw.randrange(len(value))]] * draw.choice((1, 1, 50)))
    elif field.message_type is None and not hasattr(value, "extend"):
        _set(message, field.name, value, draw)


def _set(message: Any, name: str, value: Any, draw: random.Random) -> None:
    odd: tuple[Any, ...] = EXTREME
    if isinstance(value, str):
        odd = ("", "x", "../x", "\x1b[31m", "9" * 5000, "(a+b)*(c+d)", "a" * 100_000)
    elif isinstance(value, bytes):
        odd = (b"", b"\xff\xfe", b"0" * 100_000)
    elif isinstance(value, float):
        odd = (float("nan"), float("inf"), -1.0)
    try:
        setattr(message, name, draw.choice(odd))
    except (ValueError, TypeError):
        message.ClearField(name)
