"""The committee's five trained models of MLPerf Tiny in every format, in float and int8, beside its own int8 files.

    python -m tests.benchmarks.mlperf_tiny [TASK ...] [--to tflite,onnx]

One table: status, SNR to Keras, accuracy where there are labels, bytes, latency of one row with one thread, arena in
TFLite Micro, and the part of the operators that Vela puts on an Ethos-U55. For int8, `kexport.export` has to quantize.
"""

from __future__ import annotations

import argparse
import inspect
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import kexport
from kexport.engines.runner import run_artifact
from kexport.errors import KexportError
from kexport.target import Runtime, find_target
from tests.benchmarks.tiny_tasks import FOLDER, TASKS, TEST, Data, Rows, Task

ACCELERATOR = "ethos-u55-128"
REPEATS = 50
FORMS = ("float", "int8")


@dataclass(frozen=True)
class Row:
    """One line of the table; None is not known."""

    maker: str
    form: str
    target: str
    status: str
    snr: float | None = None
    accuracy: float | None = None
    size: int | None = None
    seconds: float | None = None
    arena: int | None = None
    share: float | None = None
    note: str = ""


def main(words: Sequence[str] | None = None) -> None:
    """Print the table, a block a task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="beginnings of their names; default: all five")
    parser.add_argument("--to", default=None, metavar="TARGET,...", help="default: all formats")
    given = parser.parse_args(words)
    if not FOLDER.is_dir():
        raise SystemExit(f"there are no models at {FOLDER}: name their folder in KEXPORT_MLPERF_TINY")
    for task in TASKS:
        if not given.tasks or any(task.name.startswith(t) for t in given.tasks):
            for line in measured(task, given.to):
                print(line, flush=True)


def measured(task: Task, to: str | None) -> Iterator[str]:
    """The lines of one task."""
    data = task.read(FOLDER)
    data = Data(data.calibration, data.test[:TEST], None if data.labels is None else data.labels[:TEST], data.about)
    expected = _keras(FOLDER / task.model, data.test)
    quality = "" if data.labels is None else f", accuracy of Keras {_accuracy(expected, data.labels):.1%}"
    yield f"\n{task.name}: {len(data.test)} rows ({data.about}){quality}"
    yield (
        f"{'':<10}{'':<7}{'format':<11}{'status':<11}{'SNR dB':>7}{'accuracy':>10}{'bytes':>10}{'ms':>8}{'arena':>9}"
        f"{'on NPU':>8}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for form in FORMS:
            for row in ours(task, form, data, expected, to, Path(folder) / form):
                yield _line(row)
    yield _line(theirs(task, data, expected))


def ours(task: Task, form: str, data: Data, expected: Rows, to: str | None, out: Path) -> list[Row]:
    """Rows of what kexport makes of a task's model."""
    how: dict[str, Any] = {}
    if form != "float":
        if "quantize" not in inspect.signature(kexport.export).parameters:
            return [Row("kexport", form, "all", "absent", note="this kexport does not quantize")]
        out.mkdir(parents=True)
        np.savez(out.parent / "calibration.npz", **{_input_name(out.parent): data.calibration})
        how = {"quantize": form, "calibrate": out.parent / "calibration.npz"}
    try:
        report = kexport.export(str(FOLDER / task.model), to, out, name="tiny", **how)
    except KexportError as e:
        return [Row("kexport", form, to or "all", "refused", note=e.what)]
    name = report.contract.inputs[0].name
    return [_artifact(a, form, name, data, expected) for a in report.artifacts]


def theirs(task: Task, data: Data, expected: Rows) -> Row:
    """The row of the committee's int8 file."""
    path = FOLDER / task.int8
    got, seconds = _litert(path, data.test)
    other = _tflm(path, data.test, _litert(path, data.test, "BUILTIN_REF")[0], got)
    arena, share = _mcu(path)
    size = path.stat().st_size
    snr = _snr(expected, got) if task.is_of_model else None
    other += "" if task.is_of_model else "; its weights are of another training"
    return Row(
        "committee",
        "int8",
        "tflite",
        "given",
        snr,
        _accuracy(got, data.labels),
        size,
        seconds,
        arena,
        share,
        other,
    )


def _artifact(report: Any, form: str, name: str, data: Data, expected: Rows) -> Row:
    path = Path(report.path)
    target = find_target(report.target)
    head = "kexport", form, target.name, report.status
    if report.status in ("refused", "failed"):
        return Row(*head, note=report.reason)
    runtime = next((r for r in target.runtimes() if r.version() and r.volunteers(path)), None)
    if runtime is None:
        return Row(*head, size=report.size, note="no runtime here")
    got, seconds, problem = _run(path, target.name, runtime, name, data.test)
    arena, share = _mcu(path) if target.name == "tflite" else (None, None)
    if got is None:
        return Row(*head, size=report.size, arena=arena, share=share, note=problem)
    seconds = None if runtime.simulated else seconds
    snr = _snr(expected, got)
    accuracy = _accuracy(got, data.labels)
    note = _in_tflm(path, name, data.test, expected) if target.name == "tflite" and form != "float" else ""
    return Row(*head, snr, accuracy, report.size, seconds, arena, share, note)


def _in_tflm(path: Path, name: str, x: Rows, expected: Rows) -> str:
    """What TFLite Micro makes of an artifact."""
    from kexport_tflite.micro.runtime import Tflm

    got, _, problem = _run(path, "tflite", Tflm(), name, x)
    return f"not in TFLite Micro: {problem}" if got is None else f"in TFLite Micro {_snr(expected, got):.1f} dB"


def _run(path: Path, target: str, runtime: Runtime, name: str, x: Rows) -> tuple[Rows | None, float, str]:
    """The first output for all rows, the time of the best run of one row, and what went wrong."""
    done = run_artifact(path, target, runtime, [{name: x}])
    if not done.ok:
        return None, math.nan, done.message
    one = run_artifact(path, target, runtime, [{name: x[:1]}], repeats=REPEATS)
    return next(iter(done.outputs[0].values())), one.seconds.get("best", math.nan), ""


def _keras(path: Path, x: Rows) -> Rows:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tf_keras

    return tf_keras.models.load_model(path, compile=False).predict(x, verbose=0)


def _input_name(folder: Path) -> str:
    """The name of the input, from the float export beside."""
    from kexport.workflows.manifest import read_manifest

    return read_manifest(folder / FORMS[0])["tiny"].contract.inputs[0].name


def _litert(path: Path, x: Rows, resolver: str = "AUTO") -> tuple[Rows, float]:
    """The real numbers that an int8 file gives, row by row, and the median time of a row."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    from tests.benchmarks.latency import interleaved

    kernels = OpResolverType[resolver]
    interpreter = Interpreter(model_path=str(path), num_threads=1, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    given = interpreter.get_input_details()[0]
    made = interpreter.get_output_details()[0]
    rows = []
    for row in _quantized(x, *given["quantization"]):
        interpreter.set_tensor(given["index"], row[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(made["index"])[0])
    times = interleaved({"": interpreter.invoke}, REPEATS)
    return _real(np.array(rows), *made["quantization"]), times[""]


def _tflm(path: Path, x: Rows, reference: Rows, xnnpack: Rows) -> str:
    """How far TFLite Micro is from LiteRT's kernels on the same file, at worst, in quanta of the output."""
    from kexport_tflite.micro.outline import Outline
    from kexport_tflite.micro.runtime import Tflm

    outline = Outline.read(path)
    (given,) = outline.inputs
    (made,) = outline.outputs
    try:
        got = Tflm().load(path).run({given.name: _quantized(x, given.scale, given.zero_point)})[made.name]
    except KexportError as e:
        return f"not in TFLite Micro: {e.what}"
    real = _real(got, made.scale, made.zero_point)
    near, far = (np.abs(real - other).max() / made.scale for other in (reference, xnnpack))
    return f"TFLite Micro within {near:.0f} quanta of LiteRT's reference kernels, {far:.0f} of XNNPACK"


def _quantized(x: Rows, scale: float, zero_point: int) -> Rows:
    return np.clip(np.round(x / scale) + zero_point, -128, 127).astype(np.int8)


def _real(q: Rows, scale: float, zero_point: int) -> Rows:
    return (q.astype(np.float32) - zero_point) * np.float32(scale)


def _mcu(path: Path) -> tuple[int | None, float | None]:
    """The arena of TFLite Micro, and the part of the operators that runs on the NPU."""
    from kexport_tflite.micro.arena import measure
    from kexport_tflite.micro.vela import compile_for

    try:
        arena = measure(path).size
    except KexportError:
        arena = None
    try:
        return arena, compile_for(path, ACCELERATOR).share
    except KexportError:
        return arena, None


def _snr(expected: Rows, got: Rows) -> float:
    noise = float(((expected.astype(np.float64) - got) ** 2).sum())
    return 10 * math.log10(float((expected.astype(np.float64) ** 2).sum()) / noise) if noise else math.inf


def _accuracy(got: Rows, labels: Rows | None) -> float | None:
    return None if labels is None else float((got.argmax(-1) == labels).mean())


def _line(row: Row) -> str:
    def shown(value: float | None, form: str, factor: float = 1) -> str:
        return "-" if value is None else format(value * factor, form)

    return (
        f"{row.maker:<10}{row.form:<7}{row.target:<11}{row.status:<11}{shown(row.snr, '.1f'):>7}"
        f"{shown(row.accuracy, '.1%'):>10}{shown(row.size, ',.0f'):>10}{shown(row.seconds, '.3f', 1e3):>8}"
        f"{shown(row.arena, ',.0f'):>9}{shown(row.share, '.0%'):>8}  {row.note}".rstrip()
    )


if __name__ == "__main__":
    main()
