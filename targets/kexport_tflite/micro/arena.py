"""Measures the tensor arena of a file in TFLite Micro: `python -m kexport_tflite.micro.arena FILE` prints JSON.

It runs in a process of its own, as a file may end TFLite Micro.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kexport.errors import ConfigError, EmitError, KexportError, NotApplicable
from kexport.ir.op import Array
from kexport.lifeline import follow_parent, leashed
from kexport.target import pip_install
from kexport_tflite.micro.outline import Outline
from kexport_tflite.micro.runtime import heard, installed, interpreter, run_once, unknown

TIMEOUT = 120.0
"""Seconds."""
_TOTAL = re.compile(rb"Arena allocation total (\d+) bytes")
_STEP = 64
_MORE = 1 << 16
"""Bytes that planning may take beyond what is used in the end."""
_ALIGNMENT = 16
NUMPY = {
    "FLOAT32": np.float32,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "BOOL": np.bool_,
    "FLOAT16": np.float16,
}
"""The element types of inputs."""


@dataclass(frozen=True)
class Arena:
    """The bytes that TFLite Micro needs for tensors and bookkeeping, on a 64-bit host: 32-bit pointers take less."""

    size: int
    version: str
    """Of tflite-micro."""


def measure(path: Path) -> Arena:
    """The arena of a file.

    Raises:
        ConfigError: tflite-micro is not installed.
        EmitError: TFLite Micro cannot run the file.
    """
    found = installed()
    if found is None:
        what = "the arena is measured in TFLite Micro, which is not installed"
        raise ConfigError(what, hint=f"{pip_install('mcu')}; its package is for Linux on x86-64 alone")
    paths = os.pathsep.join(p for p in sys.path if p)
    command = leashed([sys.executable, "-m", __spec__.name, str(path.absolute())])
    env = {**os.environ, "PYTHONPATH": paths}
    try:
        done = subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=TIMEOUT
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        answer = {"problem": f"no result after {TIMEOUT:g} s"}
    except ValueError:
        answer = {"problem": "it ended without a result"}
    if "problem" in answer:
        hint = "leave out c_array, or change the layers that TFLite Micro cannot run"
        raise EmitError(f"no microcontroller can run this model: {answer['problem']}", where=path.name, hint=hint)
    return Arena(int(answer["size"]), found)


def main(path: Path) -> dict[str, Any]:
    """What is found out, as the document that is printed."""
    try:
        return {"size": _measured(path)}
    except KexportError as e:
        return {"problem": e.what}


def _measured(path: Path) -> int:
    outline = Outline.read(path)
    if lacking := unknown(outline):
        raise NotApplicable(f"TFLite Micro has no {', '.join(lacking)}")
    content = path.read_bytes()
    recording = interpreter(content)
    run_once(recording, list(_zeros(outline)))
    with heard() as printed:
        recording.print_allocations()
        printed.seek(0)
        total = _TOTAL.search(printed.read())
    if total is None:
        raise NotApplicable("TFLite Micro does not tell what it allocates")
    least = -(-int(total[1]) // _ALIGNMENT) * _ALIGNMENT
    return _sufficient(content, range(least, least + _MORE, _STEP))


def _sufficient(content: bytes, sizes: Iterable[int]) -> int:
    """The first of these sizes in which a file is loaded: planning may take more than what is used in the end."""
    refusal = NotApplicable("TFLite Micro finds no arena large enough")
    for size in sizes:
        try:
            interpreter(content, arena=size)
        except NotApplicable as e:
            refusal = e
        else:
            return size
    raise refusal


def _zeros(outline: Outline) -> Iterator[Array]:
    """Inputs of the sizes in the file."""
    for end in outline.inputs:
        yield np.zeros(end.shape, NUMPY.get(end.type, np.float32))


if __name__ == "__main__":
    follow_parent()
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]))))
