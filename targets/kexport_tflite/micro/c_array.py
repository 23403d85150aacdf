"""C++ sources of a file for a microcontroller: its bytes as an array, and what a program has to know to run them."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from kexport.errors import EmitError
from kexport.ir.contract import Contract
from kexport_tflite.micro.arena import Arena, measure
from kexport_tflite.micro.outline import End, Outline
from kexport_tflite.micro.resolver import ADDS

HEADER, SOURCE = SOURCES = (".h", ".cc")
"""The endings of what is written."""
_LINE = 20
"""Bytes on a line."""
_CHUNK = _LINE << 12
_RANK = 8
"""Sizes in the shape of an input or output; the rest are 0."""
_PLAIN = frozenset(f"{string.ascii_letters}{string.digits} _./-:".encode())
"""What a string of C++ may hold as it is."""
_TYPES = {
    "FLOAT32": "kTfLiteFloat32",
    "FLOAT16": "kTfLiteFloat16",
    "INT8": "kTfLiteInt8",
    "INT16": "kTfLiteInt16",
    "INT32": "kTfLiteInt32",
    "INT64": "kTfLiteInt64",
    "UINT8": "kTfLiteUInt8",
    "BOOL": "kTfLiteBool",
}

_HEADER = """\
// {file} for TensorFlow Lite for Microcontrollers. Written by kexport.
#ifndef {guard}
#define {guard}

#include <cstddef>

#include "tensorflow/lite/c/common.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

namespace {namespace} {{

// The file.
extern const unsigned char kModel[];
constexpr std::size_t kModelSize = {size};

// Bytes of the tensor arena, as tflite-micro {version} needs them on a 64-bit host with its portable kernels.
// 32-bit pointers take less; kernels of a vendor may take more.
constexpr std::size_t kArenaSize = {arena};

// An input or output. Integers stand for scale * (integer - zero_point); a scale of 0 means that they are no such
// integers. The shape has `rank` sizes.
struct Port {{
  const char* name;
  TfLiteType type;
  int rank;
  int shape[{rank}];
  float scale;
  int zero_point;
}};

// In the order of MicroInterpreter::input() and output().
constexpr int kInputCount = {input_count};
constexpr Port kInputs[] = {{
{inputs}
}};
constexpr int kOutputCount = {output_count};
constexpr Port kOutputs[] = {{
{outputs}
}};

// The operators that the model needs, and no others.
constexpr int kOperatorCount = {operator_count};
using Resolver = tflite::MicroMutableOpResolver<kOperatorCount>;

inline TfLiteStatus RegisterOperators(Resolver& resolver) {{
{adds}
  return kTfLiteOk;
}}

}}  // namespace {namespace}

#endif  // {guard}
"""


def require_fixed(contract: Contract) -> None:
    """Raise for sizes that are known only when a model runs; a batch is 1 on a microcontroller.

    Raises:
        EmitError: names the dimensions.
    """
    batch = {str(p.type.shape[0]) for p in contract.inputs if p.type.rank}
    if loose := [s for s in contract.symbols if s not in batch]:
        hint = " ".join(f"--dim {name}=SIZE" for name in loose)
        raise EmitError(f"a microcontroller needs fixed sizes, and these are not: {', '.join(loose)}", hint=hint)


def write_c_array(path: Path) -> Arena:
    """Write NAME.h and NAME.cc beside NAME.tflite; returns the arena that it needs.

    Raises:
        ConfigError: tflite-micro is not installed.
        EmitError: TFLite Micro cannot run the file, or a source cannot be written.
    """
    outline = Outline.read(path)
    arena = measure(path)
    try:
        path.with_suffix(HEADER).write_text(header(path, outline, arena), encoding="utf-8")
        with path.with_suffix(SOURCE).open("w", encoding="utf-8") as file:
            file.writelines(_source(path))
    except OSError as e:
        raise EmitError(f"the C++ sources cannot be written: {e.strerror}", where=str(path.parent)) from e
    return arena


def namespace(stem: str) -> str:
    """A name of C++ for a file's name: it ends with `model`, as no word of the language does."""
    words = re.sub(r"[^A-Za-z0-9]+", "_", stem).strip("_")
    words = f"m{words}" if words[:1].isdigit() else words
    return words if words.endswith("model") else f"{words}_model".lstrip("_")


def header(path: Path, outline: Outline, arena: Arena) -> str:
    """The text of NAME.h."""
    name = namespace(path.stem)
    return _HEADER.format(
        file=path.name,
        guard=f"KEXPORT_{name.upper()}_H_",
        namespace=name,
        size=path.stat().st_size,
        version=arena.version,
        arena=arena.size,
        rank=_RANK,
        input_count=len(outline.inputs),
        inputs=_ports(outline.inputs),
        output_count=len(outline.outputs),
        outputs=_ports(outline.outputs),
        operator_count=max(1, len(outline.operators)),
        adds="\n".join(f"  if (resolver.{ADDS[o]}() != kTfLiteOk) return kTfLiteError;" for o in outline.operators),
    )


def _ports(ends: Sequence[End]) -> str:
    return "\n".join(f"    {_port(end)}," for end in ends)


def _port(end: End) -> str:
    if len(end.shape) > _RANK:
        raise EmitError(f"{end.name} has more than {_RANK} dimensions, too many for TFLite Micro")
    shape = ", ".join(map(str, end.shape)) or "0"
    fields = (_text(end.name), _TYPES[end.type], len(end.shape), f"{{{shape}}}", _number(end.scale), end.zero_point)
    return f"{{{', '.join(map(str, fields))}}}"


def _text(name: str) -> str:
    """A string of C++, with an octal escape of three digits for every byte that is no plain character."""
    return '"' + "".join(chr(b) if b in _PLAIN else f"\\{b:03o}" for b in name.encode()) + '"'


def _number(value: float) -> str:
    """A float of C++ that is exactly this float32."""
    text = f"{np.float32(value):.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def _source(path: Path) -> Iterator[str]:
    """The text of NAME.cc, piece by piece."""
    name = namespace(path.stem)
    yield f'// {path.name} as an array. Written by kexport.\n#include "{path.stem}.h"\n\nnamespace {name} {{\n\n'
    yield "alignas(16) const unsigned char kModel[] = {\n"
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            lines = (chunk[i : i + _LINE] for i in range(0, len(chunk), _LINE))
            yield "".join(f"    {','.join(map(str, line))},\n" for line in lines)
    yield f"}};\n\n}}  // namespace {name}\n"
