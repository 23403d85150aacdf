"""Records references: during an export, or on a chosen backend and device for later."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kexport.deadline import Clock
from kexport.errors import ConfigError, VerifyError
from kexport.evidence.batches import Batch
from kexport.evidence.reference_file import Environment, Reference, load_reference, save_reference, with_recordings
from kexport.evidence.samples import Samples, load_samples
from kexport.evidence.sizes import sizes_within
from kexport.ir.op import Array
from kexport.proof.inner import MOST_ELEMENTS, choose_recording
from kexport.target import Span
from kexport.verify import silence
from kexport.verify.judge import tolerances
from kexport.verify.moving import moving_batch
from kexport.verify.record import complete, plan_batches, record
from kexport.version import __version__
from kexport.workflows.place import check_file
from kexport.workflows.progress import Progress, silent, tell_batches

if TYPE_CHECKING:
    from kexport.capture.capturing import Captured
    from kexport.capture.tracing.trace import Source


@dataclass(frozen=True)
class Recorded:
    """A recorded reference: the file, where Keras ran, and the number of batches."""

    path: str
    environment: Environment
    batches: int

    @property
    def summary(self) -> str:
        """One sentence."""
        e = self.environment
        versions = ", ".join(f"{k} {v}" for k, v in e.versions.items())
        return f"{self.batches} batches on {e.backend} {e.device} {e.device_name}".rstrip() + f" ({versions})"

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        from kexport.evidence.plain import plain

        return {"path": self.path, "batches": self.batches, "environment": plain(self.environment)}


def record_reference(
    model: Any,
    out: str | Path,
    *,
    backend: str | None = None,
    device: str = "auto",
    samples: str | Path | None = None,
    dims: Mapping[str, int | str] | None = None,
    trust: bool = False,
    custom: Sequence[Any] = (),
    layers: bool = False,
    timeout: float = 1800.0,
    progress: Progress | None = None,
) -> Recorded:
    """Run a Keras model in float32, without TF32, and record it in a file; needs no TensorFlow on other backends.

    Args:
        model: a .keras file, or a live Keras 3 model.
        out: the file to write.
        backend: tensorflow, jax or torch; None for the first one that is installed.
        device: auto, cpu, gpu, or gpu:1.
        samples: inputs of the user, run besides generated ones.
        dims: sizes or names for dynamic dims, as for `export`.
        trust: allow code stored in the model to run.
        custom: modules that define custom objects.
        layers: record the output of every layer too.
        timeout: seconds for Keras to load and run the model, where that takes a process of its own.
        progress: told what is being done.

    Raises:
        KexportError: the model cannot be loaded or run.
    """
    from kexport.reference.run import run_reference

    check_file(Path(out))
    (progress or silent)("reference", str(model), None)
    reference = run_reference(
        model, backend, device, dims=dims, samples=samples, layers=layers, trust=trust, custom=custom, timeout=timeout
    )
    save_reference(reference, Path(out))
    return Recorded(str(out), reference.environment, len(reference.recordings))


def adopt_reference(captured: Captured, path: Path, tell: Progress = silent, clock: Clock | None = None) -> Reference:
    """Complete a reference recorded elsewhere by the captured graph's outputs on its inputs.

    Raises:
        VerifyError: it belongs to another model, or is damaged.
    """
    from kexport.capture.fingerprint import fingerprint

    reference = load_reference(path)
    recorded = reference.environment.model
    if recorded and recorded != fingerprint(captured.source):
        hint = "record it again with kexport reference, from this model"
        raise VerifyError("the reference is of another model", where=str(path), hint=hint)
    told = tell_batches(tell, captured.source.name)
    return complete(reference, captured.contract, captured.graph, told, clock)


def make_reference(
    captured: Captured,
    samples: Samples,
    tell: Progress,
    spans: Sequence[Mapping[str, Span]] = (),
    clock: Clock | None = None,
) -> Reference:
    """Run the loaded model here, on generated batches and the user's samples, also on sizes within each of `spans`.

    Where the `clock` says that the time does not suffice, the last batches are left out.

    Raises:
        ConfigError: there are to be no generated batches, and no samples either.
        VerifyError: the model runs on none of the sizes tried, or its graph gives other results.
    """
    from kexport.capture.fingerprint import fingerprint
    from kexport.capture.sources.run import run_drawing

    tell("reference", f"{captured.source.name}, sizes of batches", None)
    source = captured.source
    model = fingerprint(captured.source)
    batches = [] if samples.only else _generated(captured, spans, int(model[:8], 16))
    if samples.path is not None:
        batches += load_samples(samples.path, captured.contract)
    if not batches:
        raise ConfigError("there are no inputs to use alone", where="--only-inputs", hint="give --inputs FILE too")
    environment = Environment("tensorflow", versions=_versions(), model=model)
    told = tell_batches(tell, source.name)
    how = {"drawing": run_drawing(source), "tell": told, "clock": clock}
    reference = record(captured.contract, captured.graph, batches, source.run, environment, **how)
    return _with_layers(reference, source)


def _generated(captured: Captured, spans: Sequence[Mapping[str, Span]], draw: int) -> list[Batch]:
    """Plan batches that suit the graph, and the sizes that each artifact takes."""
    batches, _ = plan_batches(captured.contract, captured.graph, captured.source.run, draw=draw)
    batches += _within(spans, batches, captured)
    moving = moving_batch(captured.graph, batches)
    return [*batches, *([moving] if moving is not None else [])]


def _with_layers(reference: Reference, source: Source) -> Reference:
    """Add the outputs of Keras' layers on one batch to a reference whose outputs prove too little."""
    from kexport.capture.sources.run import run_eagerly
    from kexport.reference.layers import layers_while

    quiet = silence.silent([r for r in reference.recordings if not reference.random], tolerances(reference))
    chosen = choose_recording(reference.recordings)
    if not quiet or chosen is None or source.kind != "keras":
        return reference
    inputs = list(chosen.batch.inputs.values())
    found: Mapping[str, Array] = {}
    with suppress(Exception):  # a layer that does not run eagerly is not compared
        found = layers_while(source.model, lambda: run_eagerly(source, inputs))
    if sum(array.size for array in found.values()) > MOST_ELEMENTS:
        return reference
    recorded = dataclasses.replace(chosen, layers=found)
    return with_recordings(reference, [recorded if r is chosen else r for r in reference.recordings])


def _within(spans: Sequence[Mapping[str, Span]], batches: Sequence[Batch], captured: Captured) -> list[Batch]:
    """Make batches for artifacts that do not take all of the generated ones."""
    found: list[Batch] = []
    for allowed in spans:
        if not all(b.sizes[name] in span for b in (*batches, *found) for name, span in allowed.items()):
            hints = {name: sizes_within(span) for name, span in allowed.items()}
            more, _ = plan_batches(captured.contract, captured.graph, captured.source.run, hints=hints)
            found += [dataclasses.replace(b, name=f"{b.name}-{len(found)}") for b in more]
    return found


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {"kexport": __version__} | {p: version(p) for p in ("keras", "numpy", "tensorflow")}
