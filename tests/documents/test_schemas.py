"""The schemas, and the validators made of them."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from kexport.documents.malformed import Malformed
from kexport.documents.read import validator
from tests.documents.generate import PLACE, code_of, place_of, schemas

SCHEMAS = dict(schemas())
CONTRACT = {
    "inputs": [{"name": "x", "type": "f32[batch,3]"}],
    "outputs": [{"name": "y", "type": "f32[batch]"}],
    "input_structure": {"x": 0, "more": [1, None]},
    "output_structure": 0,
}
LAYER = {
    "layer": "a/b",
    "op": "conv+add",
    "verdict": "ok",
    "error": 1e-7,
    "budget": "inf",
    "ratio": None,
    "batch": "b",
    "reason": "",
    "tensor": "t",
    "computed": ["a/b"],
    "sources": [],
}
LOCATION = {
    "target": "onnx",
    "artifact": "m.onnx",
    "runtime": "r",
    "status": "failed",
    "reason": "",
    "layers": [LAYER],
    "note": "",
    "first": None,
}
TIMING = {"status": "ok", "message": "", "runs": 5, "median": 0.1, "load": None, "layers": {"": 0.1, "a": 2}}
ROW = {
    "target": "onnx",
    "path": "m.onnx",
    "sha256": "0",
    "size": 1,
    "runtime": "r",
    "version": "1",
    "device": "cpu",
    "threads": 1,
    "timing": TIMING,
}
METRICS = {
    "expected_shape": [2, 3], "actual_shape": [2], "expected_dtype": "float32", "actual_dtype": "missing",
    "elements": 6, "excluded": 0, "finite": 6, "nonfinite_mismatches": 0, "mismatches": 1, "max_abs": 1e-7,
    "max_relative": 1e-8, "rms": 1e-8, "snr_db": "inf", "cosine": 1.0, "quantiles": {"0.5": "nan"}, "argmax_judged": 2,
    "argmax_agreement": 0.5, "worst": [0, 1], "permutation": None,
}  # fmt: skip
TOLERANCE = {
    "output": "y",
    "batch": "b",
    "atol": 1e-6,
    "conditioning": 1e-7,
    "reference": 1e-7,
    "magnitude": 1,
    "precision_budget": 0.0,
    "runtime_budget": 0.0,
    "overridden": False,
    "judges": True,
    "reason": "",
}
CHECK = {"output": "y", "batch": "b", "passed": None, "reason": "", "metrics": METRICS, "tolerance": TOLERANCE}
VERDICT = {
    "artifact": "m.onnx",
    "target": "onnx",
    "runtime": "r",
    "version": None,
    "host": "Linux",
    "device": "cpu",
    "status": "verified",
    "reason": "",
    "outputs": [CHECK],
    "sha256": "0",
    "batches": [{"name": "b", "kind": "random", "sizes": {"batch": 2}, "seed": 0}],
}
FILE = {"path": "m.onnx", "size": 1, "sha256": "0"}
ARTIFACT = {
    "target": "onnx",
    "path": "m.onnx",
    "files": [FILE],
    "status": "verified",
    "options": {"opset": 21, "sizes": [1]},
    "verdicts": [VERDICT],
    "fingerprint": "",
    "kept": False,
    "facts": {"runs_in": "r 1", "opset": 18},
}
RUN = {
    "target": "onnx",
    "sha256": "0",
    "runtime": "r",
    "host": "Linux",
    "device": "cpu",
    "seconds": {"load": 0.1},
    "peak_bytes": 1,
}
EXAMPLES: dict[str, Any] = {
    "kexport": {
        "schema": 2,
        "models": {
            "m": {
                "name": "m", "fingerprint": "0", "kexport": "0.1.0", "contract": CONTRACT, "reference": FILE,
                "artifacts": {"onnx": ARTIFACT}, "graph": FILE, "captured": None,
            }
        },
    },
    "runs": {"schema": 1, "models": {"m": {"name": "m", "rows": [RUN, RUN]}}},
    "report": {
        "name": "m", "ok": False, "contract": CONTRACT, "notes": ["a"], "shortfalls": ["b"],
        "artifacts": [
            {
                "target": "onnx", "path": "m.onnx", "size": 1, "status": "verified", "runtime": "r", "version": "1",
                "reason": "", "seconds": 0.5, "facts": {"runs_in": "r 1"}, "max_error": 1e-7, "snr": None, "argmax": 1,
                "verdicts": [
                    {k: v for k, v in VERDICT.items() if k != "sha256"} | {"seconds": {"load": 0.1}, "peak_bytes": 1}
                ],
            }
        ],
    },
    "reference": {
        "format": 1, "contract": CONTRACT, "compute": "f32",
        "environment": {"backend": "jax", "versions": {"jax": "1"}},
        "batches": [{"name": "b", "kind": "random", "sizes": {"batch": 2}, "seed": None, "layers": ["a/b"]}],
        "random": ["y"],
    },
    "ranges": {"format": 1, "graph": "0" * 64, "data": ["", "1"], "samples": 200, "names": ["image", "0"]},
    "tensors": {"dtypes": {"x": "bf16"}, "sha256": "0" * 64, "metadata": {"any": [1]}, "shapes": {"x": [1, 0]}},
    "bench": {"schema": 1, "models": {"m": {"name": "m", "host": {"cores": "2"}, "sizes": {"n": 3}, "rows": [ROW]}}},
    "layers": {
        "schema": 1,
        "models": {
            "m": {"name": "m", "batches": ["b"], "capture": {"a": "why"}, "locations": [LOCATION], "sha256": {"o": "0"}}
        },
    },
}  # fmt: skip
"""A right document for every schema, with as much in it as there may be."""
OTHERS = (None, True, -1, 1.0, 1.5, 2**63, "", "x", "a/b", [], [1], {}, {"x": 1})


def test_every_schema_has_an_example_and_its_validator() -> None:
    assert EXAMPLES.keys() == SCHEMAS.keys()
    made = {p.stem for p in PLACE.glob("*.py")} - {"__init__"}
    assert made == SCHEMAS.keys()


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_validator_is_the_one_that_the_schema_makes(name: str) -> None:
    """If not, run `python -m tests.documents`."""
    assert place_of(name).read_text(encoding="utf-8") == code_of(name, SCHEMAS[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schema_is_one(name: str) -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_example_keeps_to_it(name: str) -> None:
    validator(name)(EXAMPLES[name])
    jsonschema.validate(EXAMPLES[name], SCHEMAS[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_decides_as_the_library_of_the_standard_does(name: str) -> None:
    judge = jsonschema.Draft7Validator(SCHEMAS[name])
    bad = 0
    for document in changed(EXAMPLES[name], 2000):
        expected = judge.is_valid(document)
        bad += not expected
        if "1.0" not in repr(document):  # a whole number in the standard, and not for us
            assert accepts(name, document) == expected, document
    assert bad > 1000


def accepts(name: str, document: Any) -> bool:
    try:
        validator(name)(document)
    except Malformed:
        return False
    return True


def changed(document: Any, count: int) -> Iterator[Any]:
    """Copies of a document with one or two changes each, the same every time."""
    draw = random.Random(0)
    for _ in range(count):
        copied = copy.deepcopy(document)
        for _ in range(draw.choice((1, 1, 2))):
            places = list(holders(copied))
            holder, key = draw.choice(places)
            change = draw.choice(("drop", "replace", "replace", "add"))
            if change == "drop":
                del holder[key]
            elif change == "replace":
                holder[key] = copy.deepcopy(draw.choice(OTHERS))
            elif isinstance(holder, dict):
                holder["another"] = draw.choice(OTHERS)
            if not copied:
                break
        yield copied


def holders(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every list or object with each of its keys."""
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key
        yield from holders(node[key])


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("reference", {"batches": 1}, r"data\.batches must be array"),
        ("reference", {"batches": [{"name": "b", "kind": "x"}]}, r"data\.batches\[0\] must contain \['layers', "),
        ("reference", {"more": 1, "and": 2}, r"data must not contain \['and', 'more'\]"),
        ("tensors", {"dtypes": {"x": "f7"}}, r"data\.dtypes\.x must be one of"),
        ("bench", {"schema": 2}, r"data\.schema must be same as const definition: 1"),
        ("layers", {"models": {"{x}": 1}}, r"data\.models\.\{x\} must be object"),
    ],
)
def test_messages_say_where(name: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(Malformed, match=message):
        validator(name)(EXAMPLES[name] | change)


def test_verdicts_in_the_manifest_are_those_of_reports() -> None:
    """What changes in one of the two schemas changes in the other."""
    text = (files("kexport.verify") / "report.schema.json").read_text(encoding="utf-8")
    report = json.loads(text.replace("#/$defs/", "#/definitions/"))["$defs"]
    manifest = SCHEMAS["kexport"]["definitions"]
    for name in ("status", "number", "count", "ports", "batch", "check", "metrics", "indices", "tolerance"):
        assert manifest[name] == report[name], name
    ours = manifest["verdict"]
    theirs = report["verdict"]
    assert set(theirs["required"]) - set(ours["required"]) == {"seconds", "peak_bytes"}
    assert all(ours["properties"][key] == theirs["properties"][key] for key in ours["required"] if key != "sha256")
