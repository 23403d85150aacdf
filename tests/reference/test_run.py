"""References recorded in other processes and on other backends."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kexport.errors import CaptureError, ConfigError, VerifyError
from kexport.evidence.batches import Batch
from kexport.evidence.reference_file import Reference, load_reference, save_reference, with_recordings
from kexport.reference import run as run_module
from kexport.reference.here import Request, record_here
from kexport.reference.run import rerun, run_reference
from kexport.verify.tolerance import ULPS

EPS = float(np.finfo(np.float32).eps)

SPY = """
import atexit, pathlib, sys
atexit.register(lambda: pathlib.Path({path!r}).write_text(" ".join({{m.split(".")[0] for m in sys.modules}})))
"""


def modules_spy(folder: Path) -> tuple[Path, Path]:
    """A module that writes down, at the end of the process that imports it, what was imported."""
    module = folder / "spy.py"
    found = folder / "modules"
    module.write_text(SPY.format(path=str(found)))
    return module, found


def assert_near(a: Reference, b: Reference) -> None:
    for x, y in zip(a.recordings, b.recordings, strict=True):
        for name, array in x.outputs.items():
            error = np.abs(array - y.outputs[name]).max()
            assert error <= ULPS * EPS * np.abs(array).max(), (x.batch.name, name)


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "others"), [("jax", "tensorflow torch"), ("torch", "tensorflow jax")])
def test_backends_agree_and_load_no_other(
    backend: str, others: str, cnn_file: Path, batches: list[Batch], recorded: Reference, tmp_path: Path
) -> None:
    pytest.importorskip(backend, reason=f"{backend} is an extra of its own")
    spy, found = modules_spy(tmp_path)
    other = run_reference(cnn_file, backend, "cpu", batches, custom=[spy], layers=True)
    assert_near(recorded, other)
    loaded = set(found.read_text().split())
    assert backend in loaded
    assert not loaded & set(others.split())
    assert other.environment.backend == backend
    assert other.environment.versions[backend]
    assert other.environment.flags
    assert other.environment.model == recorded.environment.model, "the fingerprint is of the model, not of the backend"
    assert other.contract == recorded.contract
    assert list(other.recordings[0].layers) == list(recorded.recordings[0].layers)


def test_a_file_runs_in_a_process_of_its_own_with_batches_of_its_own(
    cnn_file: Path, recorded: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dict(os.environ)
    reference = run_reference(cnn_file, device="cpu", hints={"height": [4, 6], "width": [5]}, seeds=[7])
    assert dict(os.environ) == before
    assert reference.environment.backend == "tensorflow"
    assert reference.environment.device == "cpu"
    assert reference.environment.model == recorded.environment.model
    assert reference.contract == recorded.contract
    assert {r.batch.kind for r in reference.recordings} == {"random", "extreme"}
    assert {r.batch.sizes["height"] for r in reference.recordings} == {4, 6}
    rerecorded = record_here(
        sys.modules["keras"].saving.load_model(cnn_file), Request(batches=[r.batch for r in reference.recordings])
    )
    assert_near(reference, rerecorded)


def test_the_worker_tells_what_is_wrong(cnn_file: Path, batches: list[Batch]) -> None:
    """The error comes back as the same kind, with its hint, from the other process."""
    with pytest.raises(ConfigError, match="no input has an open size 'depth'") as caught:
        run_reference(cnn_file, "tensorflow", "cpu", dims={"depth": 3})
    assert "open sizes: " in str(caught.value.hint)


def test_a_worker_that_dies_or_hangs(cnn_file: Path, tmp_path: Path, batches: list[Batch]) -> None:
    killer = tmp_path / "killer.py"
    killer.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGABRT)\n")
    with pytest.raises(VerifyError, match="Keras on tensorflow was ended by SIGABRT"):
        run_reference(cnn_file, "tensorflow", "cpu", batches, custom=[killer])
    with pytest.raises(VerifyError, match=r"Keras on tensorflow gave no result after 0\.05 s"):
        run_reference(cnn_file, "tensorflow", "cpu", batches, timeout=0.05)


def test_a_live_model_runs_here(cnn: Any, batches: list[Batch], recorded: Reference) -> None:
    reference = run_reference(cnn, batches=batches)
    assert_near(reference, recorded)
    assert reference.recordings[0].layers == {}


def test_a_live_model_on_another_backend_is_saved_first(
    cnn: Any, batches: list[Batch], recorded: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_file(path: Path, backend: str, request: Request, timeout: float) -> Reference:
        assert path.is_file()
        assert (backend, request.device) == ("tensorflow", "cpu")
        return recorded

    monkeypatch.setattr(run_module, "_run_file", run_file)
    assert run_reference(cnn, device="cpu", batches=batches) is recorded


def test_rerun_keeps_batches_and_oracle(cnn: Any, recorded: Reference) -> None:
    from dataclasses import replace

    with_oracle = with_recordings(
        recorded, [replace(r, oracle=dict(r.outputs), eval32=dict(r.outputs)) for r in recorded.recordings]
    )
    again = rerun(with_oracle, cnn)
    assert again.has_oracle
    assert again.contract == recorded.contract
    assert_near(again, recorded)
    other = replace(recorded, environment=replace(recorded.environment, model="other"))
    with pytest.raises(VerifyError, match="of another model"):
        rerun(other, cnn)


def test_a_recorded_reference_can_be_saved(recorded: Reference, tmp_path: Path) -> None:
    save_reference(recorded, tmp_path / "r")
    loaded = load_reference(tmp_path / "r")
    assert loaded.environment == recorded.environment
    assert list(loaded.recordings[0].layers) == list(recorded.recordings[0].layers), "layers keep the order of calls"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "theano"}, "Keras has no backend 'theano'"),
        ({"device": "tpu"}, "there is no device 'tpu'"),
        ({"custom": [print]}, "cannot be handed to another process"),
    ],
)
def test_wrong_options(cnn_file: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run_reference(cnn_file, **options)


def test_a_backend_that_is_not_installed(cnn_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kexport.reference.backends.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="jax is not installed") as caught:
        run_reference(cnn_file, "jax")
    assert caught.value.hint == "pip install 'kexport[jax]'"
    with pytest.raises(ConfigError, match="no backend for Keras is installed"):
        run_reference(cnn_file)


@pytest.mark.parametrize(("name", "message"), [("gone.keras", "does not exist"), ("model.h5", "is no .keras file")])
def test_other_files_are_refused(tmp_path: Path, name: str, message: str, keras: Any) -> None:
    if name.endswith(".h5"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ConfigError, match=message):
        record_here(tmp_path / name, Request())


def test_a_damaged_file_is_refused(cnn_file: Path, tmp_path: Path, keras: Any) -> None:
    (tmp_path / "half.keras").write_bytes(cnn_file.read_bytes()[:1000])
    with pytest.raises(CaptureError, match="damaged"):
        record_here(tmp_path / "half.keras", Request())


def test_code_in_a_file_is_refused_unless_trusted(tmp_path: Path, keras: Any) -> None:
    x = keras.Input((3,), name="x")
    keras.Model(x, keras.layers.Lambda(lambda t: t * 2, name="twice")(x)).save(tmp_path / "lambda.keras")
    batch = Batch("random-0", "random", {"batch": 1}, {"x": np.ones((1, 3), np.float32)}, 0)
    with pytest.raises(CaptureError, match="carries code"):
        record_here(tmp_path / "lambda.keras", Request(batches=[batch]))
    reference = record_here(tmp_path / "lambda.keras", Request(batches=[batch], trust=True))
    assert reference.recordings[0].outputs["twice"].tolist() == [[2, 2, 2]]
