"""The schema of --json holds for real documents, and for nothing else."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from kexport.evidence.reference_file import Reference
from kexport.proof.artifact import Check, check_artifact
from kexport.workflows.report import ArtifactReport, ExportReport
from tests import toy

SCHEMA: dict[str, Any] = json.loads((files("kexport.verify") / "report.schema.json").read_text(encoding="utf-8"))


def document(artifact: Path, reference: Reference, *runtimes: str) -> Any:
    check = Check(runtimes=runtimes, target=toy.SPEC, timeout=30, tolerances={"hidden": 1e-3})
    verdicts = tuple(check_artifact(artifact, toy.TARGET, reference, check))
    report = ArtifactReport("toy", "dist/m.json", 5, "failed", 0.1, verdicts)
    data = ExportReport("toy", toy.CONTRACT, (report,), ("a note",)).to_json()
    return json.loads(json.dumps(data, allow_nan=False))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_real_documents_have_it(artifact: Path, reference: Reference) -> None:
    runtimes = ("good", "swap", "nan", "partial", "transposed", "raise", "absent", "simulator")
    data = document(artifact, reference, *runtimes)
    jsonschema.validate(data, SCHEMA)
    assert len(data["artifacts"][0]["verdicts"]) == len(runtimes)
    assert "inf" in json.dumps(data), "infinite ratios are among them"


def test_every_object_is_described_in_full(artifact: Path, reference: Reference) -> None:
    """Each key is required: one that is left out, and one too many, are both noticed."""
    good = document(artifact, reference, "good")
    verdict = good["artifacts"][0]["verdicts"][0]
    check = verdict["outputs"][0]
    for part in (good, good["artifacts"][0], verdict, check, check["metrics"], check["tolerance"]):
        for key in list(part):
            value = part.pop(key)
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(good, SCHEMA)
            part[key] = value
        part["another"] = 1
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(good, SCHEMA)
        del part["another"]
    jsonschema.validate(good, SCHEMA)


def test_numbers_that_json_lacks_are_strings() -> None:
    from kexport.verify.compare import compare

    metrics = compare(np.zeros(2, np.float32), np.ones(2, np.float32)).to_json()
    assert metrics["snr_db"] == "-inf"
    jsonschema.validate(metrics, SCHEMA["$defs"]["metrics"] | {"$defs": SCHEMA["$defs"]})
