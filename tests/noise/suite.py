"""Right models, many seeds, every engine: how near right artifacts come to their tolerances."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from kexport.capture.capturing import Captured, capture
from kexport.errors import KexportError
from kexport.evidence.reference_file import Reference
from kexport.evidence.samples import Samples
from kexport.ir.graph import Graph
from kexport.lowered import lower_for, optimize
from kexport.proof.artifact import check_artifact
from kexport.target import find_target
from kexport.verify.record import noises
from kexport.verify.status import Status, Verdict
from kexport.verify.tolerance import capture_excess
from kexport.workflows.progress import silent
from kexport.workflows.recording import make_reference
from tests.faults.engines import in_process
from tests.noise import weights
from tests.noise.models import Model

CAPTURE = "capture"
"""Stands for an engine: the distance of Keras from the captured graph, in units of what is allowed."""


@dataclass(frozen=True)
class Point:
    """One right model with one seed in one engine."""

    model: str
    seed: int
    engine: str
    ratio: float
    """The largest error / tolerance of its outputs."""
    status: str
    reason: str


def points(
    models: Iterable[tuple[str, Model]],
    seeds: Sequence[int],
    targets: Sequence[str],
    folder: Path,
    skip: Callable[[str, int], bool] = lambda name, seed: False,
) -> Iterator[Point]:
    """All that is measured, model by model; those that `skip` names are left out."""
    import keras

    for name, make in models:
        wanted = [s for s in seeds if not skip(name, s)]
        if not wanted:
            continue
        keras.backend.clear_session()
        keras.utils.set_random_seed(1)
        model = make()
        for seed in wanted:
            weights.draw(model, seed)
            yield from _measured(name, seed, model, targets, folder)


def _measured(name: str, seed: int, model: object, targets: Sequence[str], folder: Path) -> Iterator[Point]:
    captured = capture(model)
    graph = optimize(captured.graph)
    try:
        reference = make_reference(captured, Samples(), silent)
    except KexportError as e:
        yield Point(name, seed, CAPTURE, float("inf"), "error", e.what)
        return
    excess = max(capture_excess(found) for found in noises(reference).values())
    yield Point(name, seed, CAPTURE, excess, "", "")
    for target in targets:
        for verdict in _verdicts(captured, graph, reference, target, folder):
            ratio = max((_ratio(verdict)), default=0.0)
            yield Point(name, seed, verdict.runtime, ratio, verdict.status.value, verdict.reason)


def _verdicts(captured: Captured, graph: Graph, reference: Reference, name: str, folder: Path) -> list[Verdict]:
    target = find_target(name)
    with tempfile.TemporaryDirectory(dir=folder) as place:  # some formats are folders, which have to be new
        path = Path(place) / f"m{target.suffix}"
        try:
            lower_for(target, target.options(), graph, captured.contract).write(path)
        except KexportError as e:
            return [Verdict(path.name, name, name, None, "", "", Status.EMITTED, e.what)]
        return check_artifact(path, target, reference, in_process(name))


def _ratio(verdict: Verdict) -> Iterator[float]:
    for check in verdict.outputs:
        metrics = check.metrics
        allowed = check.tolerance.atol
        if check.passed is None or not allowed:
            continue
        floats = metrics.same_shape and not metrics.nonfinite_mismatches and not _discrete(metrics.expected_dtype)
        yield metrics.max_abs / allowed if floats else float(check.passed is False)


def _discrete(dtype: str) -> bool:
    return dtype != "bfloat16" and not np.issubdtype(np.dtype(dtype), np.floating)


def save(point: Point, path: Path) -> None:
    """Append a point to a file of lines."""
    with path.open("a") as file:
        file.write(json.dumps(asdict(point)) + "\n")


def load(path: Path) -> list[Point]:
    """The points of such a file."""
    if not path.exists():
        return []
    return [Point(**json.loads(line)) for line in path.read_text().splitlines() if line]


def table(found: Sequence[Point]) -> Iterator[str]:
    """The distribution of error / tolerance, an engine a line."""
    yield f"{'engine':18} {'points':>7} {'median':>7} {'> 0.25':>8} {'> 0.5':>8} {'> 1':>6} {'max':>7}  not verified"
    for engine in dict.fromkeys(p.engine for p in found):
        mine = [p for p in found if p.engine == engine]
        ratios = np.array([p.ratio for p in mine])
        shares = " ".join(f"{(ratios > limit).mean():8.3%}" for limit in (0.25, 0.5))
        rest = sum(p.status not in ("", "verified", "simulated") for p in mine)
        worst = f"{(ratios > 1).sum():6} {ratios.max():7.3f}"
        yield f"{engine:18} {len(mine):7} {np.median(ratios):7.3f} {shares} {worst}  {rest}"
