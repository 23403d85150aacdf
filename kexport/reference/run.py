"""run_reference: records the outputs of a Keras model on a chosen backend and device."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kexport import errors
from kexport.engines.process import last_words, run_module, signal_name
from kexport.errors import ConfigError, KexportError, VerifyError
from kexport.evidence.batches import SEEDS, Batch
from kexport.evidence.reference_file import Reference, load_reference
from kexport.evidence.sizes import Hint
from kexport.ir.contract import Contract
from kexport.names import each_name
from kexport.reference.backends import check_device, child_environment, choose_backend
from kexport.reference.here import Request, record_here
from kexport.reference.worker import ERROR, RESULT, write_job
from kexport.temporary import temporary_folder

TIMEOUT = 1800.0
"""Seconds allowed for loading the model and running all batches."""


def run_reference(
    model: Any,
    backend: str | None = None,
    device: str = "auto",
    batches: Sequence[Batch] | None = None,
    *,
    contract: Contract | None = None,
    dims: Mapping[str, int | str] | None = None,
    hints: Mapping[str, Hint] | None = None,
    seeds: Sequence[int] = SEEDS,
    samples: str | Path | None = None,
    layers: bool = False,
    trust: bool = False,
    custom: Sequence[Any] = (),
    timeout: float = TIMEOUT,
) -> Reference:
    """Record a reference without oracle: in float32, with TF32 and similar modes switched off.

    A file is run in a process of its own, so that this process keeps its Keras or needs none. A live model is run here
    if it is on the requested backend and no device is requested; otherwise it is saved and run as a file.

    Args:
        model: a .keras file, or a live Keras 3 model.
        backend: tensorflow, jax or torch; None for the live model's, or the first one that is installed.
        device: auto (a GPU if the backend sees one), cpu, gpu or gpu:1.
        batches: the inputs, in the order of the contract; None to make some.
        contract: of the batches; None to read it off the Keras model.
        dims: sizes or names for open sizes.
        hints: sizes to run open sizes at.
        seeds: of the batches made.
        samples: the user's own inputs, run besides the batches made.
        layers: record the output of every layer too.
        trust: let code stored in the file run.
        custom: modules or files that define custom objects; for a live model that runs here, nothing is needed.
        timeout: seconds for a process.

    Raises:
        ConfigError: no such file, backend, device, sizes or samples.
        CaptureError: the file cannot be loaded.
        VerifyError: Keras fails, or does not finish in time.
    """
    request = Request(
        check_device(device),
        batches,
        contract,
        dims,
        hints,
        tuple(seeds),
        str(Path(samples).absolute()) if samples else None,
        layers,
        trust,
        each_name(custom, split=False) or (),
    )
    if isinstance(model, str | Path):
        return _run_file(Path(model), choose_backend(backend), request, timeout)
    current = sys.modules["keras"].backend.backend()
    if backend in (None, current) and device == "auto":
        return record_here(model, request)
    with temporary_folder() as folder:
        path = folder / "model.keras"
        model.save(path)
        return _run_file(path, choose_backend(backend or current), request, timeout)


def rerun(
    reference: Reference, model: Any, backend: str | None = None, device: str = "auto", **options: Any
) -> Reference:
    """Record the same batches on another backend or device; the oracle is kept, as the inputs are the same.

    Raises:
        VerifyError: the model is not the one of the reference.
        KexportError: see `run_reference`, whose options these are.
    """
    batches = [r.batch for r in reference.recordings]
    fresh = run_reference(model, backend, device, batches, contract=reference.contract, **options)
    ours = reference.environment.model
    theirs = fresh.environment.model
    if ours and ours != theirs:
        raise VerifyError("the reference is of another model", hint="record it again from this one")
    pairs = zip(reference.recordings, fresh.recordings, strict=True)
    recordings = tuple(
        dataclasses.replace(old, batch=new.batch, outputs=new.outputs, layers=new.layers) for old, new in pairs
    )
    return dataclasses.replace(fresh, recordings=recordings, compute=reference.compute)


def _run_file(path: Path, backend: str, request: Request, timeout: float) -> Reference:
    foreign = [c for c in request.custom if not isinstance(c, str | Path)]
    if foreign:
        hint = "give the name of the module, or its file"
        raise ConfigError(f"{foreign[0]!r} cannot be handed to another process", where="custom", hint=hint)
    request = dataclasses.replace(request, custom=tuple(map(_place_free, request.custom)))
    with temporary_folder() as folder:
        write_job(folder, path.absolute(), request)
        environment = child_environment(backend, request.device)
        code = run_module("kexport.reference.worker", folder, timeout, environment, [Path.cwd()])
        if code is None:
            raise VerifyError(f"Keras on {backend} gave no result after {timeout:g} s", where=str(path))
        if code == 0:
            return load_reference(folder / RESULT)
        raise _error(folder, backend, code).located(str(path))


def _place_free(module: str | Path) -> str:
    """A module's name, or the absolute path of its file."""
    return str(Path(module).absolute()) if str(module).endswith(".py") else str(module)


def _error(folder: Path, backend: str, code: int) -> KexportError:
    """Turn the worker's report into an exception of the same kind; without a report, say how the process ended."""
    if (folder / ERROR).exists():
        data = json.loads((folder / ERROR).read_text())
        kind = getattr(errors, data["kind"], VerifyError)
        return kind(data["what"], where=data["where"], hint=data["hint"])
    how = f"was ended by {signal_name(code)}" if code < 0 else f"ended with exit code {code}"
    return VerifyError(f"Keras on {backend} {how}{last_words(folder)}")
