"""Damaged documents: mutants of a manifest, a bundle, a reference, texts of graphs, side files and reports."""

from __future__ import annotations

import copy
import hashlib
import json
import random
import re
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kexport.evidence.graph_archive import save_graph
from kexport.replay.pack import bundle
from kexport.workflows.graph_text_file import write_graph
from kexport.workflows.manifest import FILE, FileEntry, read_manifest, write_manifest
from tests.documents.test_schemas import EXAMPLES
from tests.replay.dist import NAME, write_dist
from tests.tfjs.nets import image_net

DEEP = "[" * 5000
WORDS = (
    "", "x", "\x00", "\x1b[31m", "\u202e", "\ud83d", "../x", "/etc/passwd", "a" * 100_000, "9" * 5000, "nan", "inf",
    "(a0+b0)*(a1+b1)*(a2+b2)*(a3+b3)*(a4+b4)*(a5+b5)*(a6+b6)*(a7+b7)*(a8+b8)*(a9+b9)*(c0+d0)*(c1+d1)*(c2+d2)",
    "f32[9223372036854775807,9223372036854775807]", "f32[" + "1," * 70 + "1]", "f32[batch,8,8,3]", "sha256",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1, 3, 1 << 40, -(1 << 63), 1 << 63, 10**400, 0.5, 1e308, float("nan"), float("-inf"),
    [], [[]], [None], {}, {"x": {}}, *WORDS,
)  # fmt: skip
"""Values that no document of ours has at most places."""
LINES = (
    "%z = neg(%q)",
    '%z: f32[n] = relu(%"x")',
    "%c: f32[9999999,99999999] = const #0123456789abcdef",
    "return",
    "}",
    "%c: f32[4] = const splat(1e999)",
    "%c: f32[1] = const random(-1)",
    'graph "g" () {',
    "%z = const 1",
    ";",
    "%z = tile(%x) {reps=[n*n*n*n, 999999999, max(n,m), 3]}",
    '%w = while(%x) {cond=graph "c" () { return }}',
)
PIECES = ("{", "}", "[", "]", "(", ")", ",", '"', "%", "@", "-1", "1e999", "9" * 50, "none", "true", "f99", "n//0", "0")
CASES = ("manifest", "reference", "kx", "graph", "bench", "layers", "runs", "bundle", "bundled manifest")


def bases(folder: Path) -> Path:
    """A folder as `export` writes it, with everything that may lie beside the artifacts, and its bundle."""
    dist = write_dist(folder / "dist", ("onnx", "tfjs"), size=4)
    entry = read_manifest(dist)[NAME]
    graph = image_net(4)
    write_graph(graph, dist / f"{NAME}.kx")
    save_graph(graph, dist / f"{NAME}.graph.safetensors")
    entry.graph = FileEntry.of(dist / f"{NAME}.kx", dist)
    entry.captured = FileEntry.of(dist / f"{NAME}.graph.safetensors", dist)
    write_manifest(dist, {NAME: entry}, dist)
    for kind in ("bench", "layers", "runs"):
        text = json.dumps(EXAMPLES[kind]).replace('"m"', f'"{NAME}"')
        (dist / f"kexport.{kind}.json").write_text(text)
    bundle(dist, folder / "check.zip")
    return dist


def mutants(seed: int, folder: Path, count: int) -> Iterator[tuple[str, str, Path]]:
    """`count` mutants: what was done, the kind, and the folder or bundle. The same ones for the same seed."""
    dist = bases(folder)
    for number in range(count):
        draw = random.Random(f"{seed}/{number}")
        kind = draw.choice(CASES)
        place = folder / "mutant"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        path = _bundle(kind, folder, place, draw) if kind.startswith("bundle") else _folder(kind, dist, place, draw)
        yield f"{seed}/{number} {kind}", kind, path


def _folder(kind: str, dist: Path, place: Path, draw: random.Random) -> Path:
    made = shutil.copytree(dist, place / "dist")
    if kind in ("kx", "graph", "reference"):
        file = made / (f"{NAME}.kx" if kind == "kx" else f"{NAME}.{kind}.safetensors")
        change = _text if kind == "kx" else _tensors
        file.write_bytes(_bytes(file.read_bytes(), draw) if draw.random() < 0.2 else change(file.read_bytes(), draw))
        _rehash(made, file)
    else:
        file = made / (FILE if kind == "manifest" else f"kexport.{kind}.json")
        file.write_bytes(_json(file.read_bytes(), draw))
    return made


def _rehash(dist: Path, file: Path) -> None:
    """Let the manifest say the hash of a file as it is now."""
    text = (dist / FILE).read_text()
    old = next(e for e in read_manifest(dist)[NAME].beside if e.path == file.name)
    new = hashlib.sha256(file.read_bytes()).hexdigest()
    text = text.replace(old.sha256, new).replace(f'"size": {old.size}', f'"size": {file.stat().st_size}')
    (dist / FILE).write_text(text)


def _bundle(kind: str, folder: Path, place: Path, draw: random.Random) -> Path:
    """A bundle changed as bytes, or with another manifest in it."""
    data = (folder / "check.zip").read_bytes()
    path = place / "check.zip"
    if kind == "bundle":
        path.write_bytes(_bytes(data, draw))
        return path
    import zipfile

    with zipfile.ZipFile(folder / "check.zip") as old, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            new.writestr(info, _json(content, draw) if info.filename.endswith(f"dist/{FILE}") else content)
    return path


# --- bytes


def _bytes(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data) + 1)
    near = draw.choice((at, min(at, 2000), max(len(data) - 2000, 0) + at % 2000))  # most decides at the ends
    size = draw.choice((1, 4, 64, 1000))
    match draw.randrange(5):
        case 0:
            return data[:near]
        case 1:
            return data[:near] + draw.randbytes(size) + data[near + size :]
        case 2:
            return data[:near] + data[near + size :]
        case 3:
            number = draw.choice((0, 1, -1, 1 << 31, (1 << 63) - 1))
            return data[:near] + struct.pack("<q", number) + data[near + 8 :]
        case _:
            return data[:near] + data[max(near - size, 0) : near] + data[near:]


# --- JSON


def _json(data: bytes, draw: random.Random) -> bytes:
    """Places in a document changed, or its text."""
    if draw.random() < 0.15:
        return _bytes(data, draw)
    if draw.random() < 0.05:
        return draw.choice((DEEP, '{"a":' * 5000, "", "null", "[]", '"x"', "{}", "1", "NaN")).encode()
    document = _changed(json.loads(data), draw)
    return json.dumps(document, ensure_ascii=True).encode()


def _changed(document: Any, draw: random.Random) -> Any:
    """A document with a few places changed, lost, renamed or exchanged."""
    made = copy.deepcopy(document)
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        places = list(_places(made))
        if not places:
            return draw.choice(ODD)
        holder, key = draw.choice(places)
        match draw.randrange(6):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[draw.choice(WORDS)] = holder.pop(key)
            case 2:
                other, name = draw.choice(places)
                holder[key] = copy.deepcopy(other[name]) if _has(other, name) else None
            case 3 if isinstance(holder, dict):
                holder[draw.choice(WORDS)] = draw.choice(ODD)
            case _:
                holder[key] = draw.choice(ODD)
    return made


def _has(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else key < len(holder)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(inner):
        yield value, key
        yield from _places(item)


# --- files of tensors, and texts of graphs


def _tensors(data: bytes, draw: random.Random) -> bytes:
    """The header of a safetensors file changed, or what we keep in it."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    if draw.random() < 0.3:
        header = _changed(header, draw)
    else:
        facts = json.loads(header["__metadata__"]["kexport"])
        if "graph" in facts["metadata"] and draw.random() < 0.8:
            facts["metadata"]["graph"] = _text(facts["metadata"]["graph"].encode(), draw).decode(errors="replace")
        else:
            facts = _changed(facts, draw)
        header["__metadata__"]["kexport"] = json.dumps(facts)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def _text(data: bytes, draw: random.Random) -> bytes:
    """A line lost, doubled, exchanged or odd, or a piece of one."""
    text = data.decode()
    for _ in range(draw.choice((1, 1, 2, 5))):
        changes: tuple[Callable[[str, random.Random], str], ...] = (_line, _piece, _piece, _word)
        text = draw.choice(changes)(text, draw)
    return text.encode(errors="surrogatepass") if draw.random() < 0.9 else _bytes(text.encode(), draw)


def _line(text: str, draw: random.Random) -> str:
    lines = text.split("\n")
    at = draw.randrange(len(lines))
    lines[at : at + draw.randrange(2)] = draw.choice(([], [draw.choice(lines)], [draw.choice(LINES)]))
    return "\n".join(lines)


def _piece(text: str, draw: random.Random) -> str:
    at = draw.randrange(len(text) + 1)
    return text[:at] + draw.choice(PIECES) + text[at + draw.choice((0, 1, 3)) :]


def _word(text: str, draw: random.Random) -> str:
    """A number, name or type exchanged for another one of the text, or an odd one."""
    words = list(re.finditer(r"%?[\w.]+(?:\[[^\]\n]*\])?", text))
    if not words:
        return text
    word = draw.choice(words)
    other = draw.choice(words)
    new = draw.choice((other[0], other[0], draw.choice(WORDS[:12])))
    return text[: word.start()] + new + text[word.end() :]
