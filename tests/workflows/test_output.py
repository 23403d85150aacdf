"""What is on disk: whole files or none, the same bytes every time, failures out of the way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import kexport
from kexport.errors import ConfigError, EmitError
from kexport.workflows.manifest import read_manifest, sha256
from kexport.workflows.staging import PREFIX, staging

_EXPORT = """
import sys
sys.path[:0] = [".", "targets"]
import kexport
from tests.workflows.conftest import small_cnn
kexport.export(small_cnn(), to=["onnx"], out=sys.argv[1], verify=False)
"""


def test_bytes_are_the_same_in_another_process(exported: Path, root: Path, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", _EXPORT, str(tmp_path)], cwd=root, env=env, check=True)
    assert sha256(tmp_path / "small.onnx") == sha256(exported / "small.onnx")


def test_a_folder_that_cannot_be_made(model: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="file is a file, not a folder"):
        kexport.export(model, to=["onnx"], out=tmp_path / "file" / "dist", verify=False)


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write anywhere")
def test_a_folder_without_write_permission(tmp_path: Path, root: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    tmp_path.chmod(0o755)
    code = (
        "import sys; from pathlib import Path; from kexport.workflows.staging import staging\n"
        "with staging(Path(sys.argv[1])): pass"
    )
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    copy = tmp_path / "code"
    shutil.copytree(root / "kexport", copy / "kexport")
    for path in [tmp_path, *tmp_path.parents][:3]:
        path.chmod(path.stat().st_mode | 0o055)
    env = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*as_nobody, sys.executable, "-c", code, str(folder)], capture_output=True, text=True, env=env, check=False
    )
    if "Permission denied: '" in done.stderr and "python" in done.stderr.split("Permission denied: '")[1][:80]:
        pytest.skip("the interpreter itself cannot be read by another user here")
    assert done.returncode == 1
    assert "ConfigError" in done.stderr
    assert "cannot write here" in done.stderr


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    def write(stage: Path) -> None:
        (stage / "half.onnx").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(EmitError, match="No space left on device"), staging(tmp_path) as stage:
        write(stage)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_made_for_nothing_goes_again(tmp_path: Path) -> None:
    with pytest.raises(EmitError), staging(tmp_path / "a" / "b"):
        raise OSError(28, "No space left on device")
    with staging(tmp_path / "a" / "c") as stage:
        (stage.parent / "kept").write_text("x")
    assert [p.relative_to(tmp_path).as_posix() for p in sorted(tmp_path.rglob("*"))] == ["a", "a/c", "a/c/kept"]


def test_a_killed_build_leaves_no_half_file(root: Path, tmp_path: Path) -> None:
    slow = _EXPORT.replace(
        "kexport.export(",
        "import kexport_onnx.writer as w\nw.raw_chunks = lambda data: __import__('time').sleep(600)\nkexport.export(",
    )
    process = subprocess.Popen([sys.executable, "-c", slow, str(tmp_path)], cwd=root)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(f"{PREFIX}*/onnx/small.onnx")) and time.monotonic() < deadline:
        assert process.poll() is None, "the build ended before it wrote"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(PREFIX)] == []
    (leftover,) = tmp_path.iterdir()
    with staging(tmp_path):
        assert not leftover.exists()


def test_an_artifact_that_fails_goes_to_quarantine(
    model: Any, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kexport.proof import artifact

    out = tmp_path / "dist"
    shutil.copytree(exported, out)
    honest = artifact.run_artifact

    def wrong(*args: Any, **options: Any) -> Any:
        result = honest(*args, **options)
        spoilt: list[Mapping[str, Any]] = [{k: v + 1e-3 for k, v in o.items()} for o in result.outputs]
        return type(result)(result.status, result.message, tuple(spoilt), result.seconds, result.peak_bytes)

    monkeypatch.setattr(artifact, "run_artifact", wrong)
    report = kexport.export(model, to=["onnx"], out=out)
    assert not report.ok
    assert report.exit_code == 1
    assert report.artifacts[0].status == "failed"
    assert not (out / "small.onnx").exists()
    assert (out / "quarantine" / "small.onnx").exists()
    (entry,) = read_manifest(out).values()
    assert entry.artifacts["onnx"].path == "quarantine/small.onnx"
    assert entry.artifacts["onnx"].status == "failed"


def test_collection_goes_on_after_a_pause() -> None:
    import gc

    from kexport.workflows.collection import collection

    with collection(on=False):
        assert not gc.isenabled()
        with collection(on=True):
            assert gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
