"""Records a reference in a process of its own: `python -m kexport.reference.worker JOB_FOLDER`.

The folder holds `job.json` and, if batches are given, `in-N.safetensors`; the worker adds `reference.safetensors`, or
`error.json`. The parent chose the backend by the variable KERAS_BACKEND of this process.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from kexport.errors import KexportError, VerifyError
from kexport.evidence.batches import Batch
from kexport.evidence.plain import plain
from kexport.evidence.reference_file import save_reference
from kexport.evidence.tensors import load_tensors, save_tensors
from kexport.ir.contract import Contract
from kexport.lifeline import follow_parent
from kexport.reference.backends import BACKENDS, Without
from kexport.reference.here import Request, record_here

JOB = "job.json"
ERROR = "error.json"
RESULT = "reference.safetensors"


def write_job(folder: Path, model: Path, request: Request) -> None:
    """Write a job to a folder."""
    plainly = {k: getattr(request, k) for k in _PLAIN}
    batches = None if request.batches is None else len(request.batches)
    contract = request.contract and request.contract.to_json()
    job = {"model": str(model), "request": plain(plainly), "batches": batches, "contract": contract}
    (folder / JOB).write_text(json.dumps(job))
    for i, batch in enumerate(request.batches or ()):
        facts = {"name": batch.name, "kind": batch.kind, "sizes": batch.sizes, "seed": batch.seed}
        save_tensors(folder / f"in-{i}.safetensors", batch.inputs, {"batch": facts, "order": list(batch.inputs)})


def main(folder: Path) -> int:
    """Do the job in `folder`; 0 if the reference was written."""
    others = BACKENDS.keys() - {os.environ["KERAS_BACKEND"]}
    sys.meta_path[:] = [Without(finder, others) for finder in sys.meta_path]
    try:
        model, request = _read_job(folder)
        save_reference(record_here(model, request), folder / RESULT)
    except KexportError as e:
        return _fail(folder, type(e).__name__, e.what, e.where, e.hint)
    except Exception as e:  # noqa: BLE001  whatever a framework raises is told to the parent
        return _fail(folder, VerifyError.__name__, f"Keras fails: {type(e).__name__}: {e}", None, None)
    return 0


_PLAIN = ("device", "dims", "hints", "seeds", "samples", "layers", "trust", "custom")


def _read_job(folder: Path) -> tuple[str, Request]:
    job = json.loads((folder / JOB).read_text())
    batches = None if job["batches"] is None else [_read_batch(folder, i) for i in range(job["batches"])]
    contract = job["contract"] and Contract.from_json(job["contract"])
    return job["model"], Request(**job["request"], batches=batches, contract=contract)


def _read_batch(folder: Path, index: int) -> Batch:
    arrays, facts = load_tensors(folder / f"in-{index}.safetensors")
    return Batch(**facts["batch"], inputs={name: arrays[name] for name in facts["order"]})


def _fail(folder: Path, kind: str, what: Any, where: str | None, hint: str | None) -> int:
    (folder / ERROR).write_text(json.dumps({"kind": kind, "what": str(what), "where": where, "hint": hint}))
    return 1


if __name__ == "__main__":
    follow_parent()
    raise SystemExit(main(Path(sys.argv[1])))
