"""Runs the cases of a folder in the ONNX Runtime of this Python, which has numpy beside it and nothing else."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort


def main(folder):
    """Print a JSON list: for each case its name and what is wrong, or an empty string."""
    ort.set_default_logger_severity(4)
    found = []
    for entry in json.loads((folder / "index.json").read_text(encoding="utf-8")):
        if "refused" not in entry:
            found.append({"name": entry["name"], "wrong": judge(folder, entry)})
    json.dump({"version": ort.__version__, "found": found}, sys.stdout)


def judge(folder, entry):
    """What is wrong with a case."""
    path = folder / entry["path"]
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    arrays = dict(np.load(path.with_suffix(".npz")))
    inputs = {k[3:]: text(v) for k, v in arrays.items() if k.startswith("in/")}
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = [o.name for o in session.get_outputs()]
        results = dict(zip(names, session.run(names, inputs), strict=True))
    except Exception as e:  # noqa: BLE001  its errors share no base class
        return "refused: {}".format(" ".join(str(e).split())[:300])
    wrong = (differs(results[k[4:]], v, entry["rounding"][k[4:]]) for k, v in arrays.items() if k.startswith("out/"))
    return next(filter(None, wrong), "")


def text(array):
    """Text as ONNX Runtime takes it."""
    return array.astype(object) if array.dtype.kind == "U" else array


def differs(got, want, rounding):
    """How a result is not what is expected."""
    if got.shape != want.shape:
        return f"shape {got.shape}, not {want.shape}"
    if got.dtype.kind != "f":
        return "" if np.array_equal(got, text(want)) else "other values"
    got = got.astype(np.float64)
    want = want.astype(np.float64)
    finite = np.isfinite(want)
    if not np.array_equal(got[~finite], want[~finite], equal_nan=True):
        return "other infinities or NaN"
    size = max(1.0, np.abs(want[finite]).max(initial=0))
    error = np.abs(got[finite] - want[finite]).max(initial=0)
    return "" if error <= rounding * size else f"off by {error:.2g}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
