"""HDF5 content that reaches further than Keras' own, in .h5 files and inside .keras files of both kinds."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import numpy as np
import pytest

from kexport.capture.load import load
from kexport.capture.sources import hdf5_probe
from kexport.capture.sources.hdf5_check import check_hdf5, damaged, text_attribute
from kexport.capture.stored import stored_arrays
from kexport.errors import CaptureError, ConfigError

h5py = pytest.importorskip("h5py", reason="h5py reads .h5 files")


def soft(file: Any) -> None:
    file["odd"] = h5py.SoftLink("/vars")


def external(file: Any) -> None:
    file["odd"] = h5py.ExternalLink("other.h5", "/secret")


def outside(file: Any) -> None:
    file.create_dataset("odd", (4,), "f4", external=[("/etc/passwd", 0, 16)])


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "secret", (4,))
    file.create_virtual_dataset("odd", layout)


def bomb(file: Any) -> None:
    file.create_dataset("odd", (10_000_000_000,), "f4", compression="gzip", chunks=(1 << 20,))


def many_bombs(file: Any) -> None:
    for i in range(40):
        file.create_dataset(f"odd{i}", (1 << 25,), "u1", compression="gzip", chunks=(1 << 20,))


def twice(file: Any) -> None:
    file["one"] = np.zeros(3)
    file["two"] = file["one"]


def circle(file: Any) -> None:
    file.create_group("a")["b"] = file["/"]


def deep(file: Any) -> None:
    file.create_group("/".join("x" * 150))


def named_type(file: Any) -> None:
    file["odd"] = np.dtype("f4")


def structure(file: Any) -> None:
    file["odd"] = np.zeros(2, [("a", "f4"), ("b", "i4")])


def pointer(file: Any) -> None:
    file.create_dataset("odd", (1,), h5py.ref_dtype)


def pointer_attribute(file: Any) -> None:
    file.attrs["odd"] = file.create_group("g").ref


def structure_attribute(file: Any) -> None:
    file.attrs["odd"] = np.zeros(2, [("a", "f4")])


def lists_of_lists(file: Any) -> None:
    file.create_dataset("odd", (1,), h5py.vlen_dtype(np.int32))


REACHING: dict[str, tuple[Callable[[Any], None], str]] = {
    "soft link": (soft, "/odd is a link to somewhere else"),
    "external link": (external, "/odd is a link to somewhere else"),
    "external storage": (outside, "/odd takes its values from another file"),
    "virtual": (virtual, "/odd takes its values from another file"),
    "bomb": (bomb, "/odd unpacks from 0 to 40000000000 bytes"),
    "many bombs": (many_bombs, "and what is before it unpack to"),
    "hard links": (twice, "/two is there twice"),
    "circle": (circle, "/a/b is there twice"),
    "depth": (deep, "levels deep"),
    "named type": (named_type, "/odd is neither a group nor an array"),
    "structure": (structure, "/odd has elements of type"),
    "pointer": (pointer, "/odd has elements of type"),
    "pointer as attribute": (pointer_attribute, "attribute 'odd' of / has elements of type"),
    "structure as attribute": (structure_attribute, "attribute 'odd' of / has elements of type"),
    "lists of lists": (lists_of_lists, "/odd has elements of type"),
}


def checked(change: Callable[[Any], None]) -> None:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        change(file)
    with h5py.File(stream, "r") as file:
        check_hdf5(file, len(stream.getvalue()), "m.h5")


@pytest.mark.parametrize("case", REACHING)
def test_what_reaches_further_is_refused(case: str) -> None:
    change, message = REACHING[case]
    with pytest.raises(CaptureError) as error:
        checked(change)
    assert message in error.value.what
    assert error.value.what.endswith("Keras writes no such thing")


def test_what_keras_writes_is_not() -> None:
    def change(file: Any) -> None:
        for i, kind in enumerate(("f2", "f4", "f8", "i8", "u1", "?", "S3")):
            file.create_dataset(f"layer/vars/{i}", data=np.zeros((2, 3), kind))
        file["scalar"] = np.float32(1)
        file["bfloat16"] = np.zeros(2, "V2")
        file["words"] = np.array(["a", "b"], h5py.string_dtype())
        file["packed"] = np.zeros(3)
        file.create_dataset("zeros", (1000,), "f4", compression="gzip", shuffle=True)
        file.attrs["text"], file.attrs["names"], file.attrs["none"] = "x", np.array(["a"], "S1"), np.array([], "S1")
        file.attrs["version"], file.attrs["flag"] = 3, True

    checked(change)


def test_a_claim_to_more_than_the_file_is_refused() -> None:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["array"] = np.zeros(100)
    with h5py.File(stream, "r") as file, pytest.raises(CaptureError, match="claims 800 bytes of a file of 500"):
        check_hdf5(file, 500, "m.h5")


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("case", ["external storage", "external link", "virtual", "bomb", "circle"])
def test_weights_inside_keras_files_are_checked(
    case: str, version: int, keras: Any, tf_keras: Any, tmp_path: Path
) -> None:
    package = tf_keras if version == 2 else keras
    package.Sequential([package.Input((3,)), package.layers.Dense(2)]).save(tmp_path / "m.keras")
    change, message = REACHING[case]
    with zipfile.ZipFile(tmp_path / "m.keras") as old, zipfile.ZipFile(tmp_path / "odd.keras", "w") as new:
        for name in old.namelist():
            data = io.BytesIO(old.read(name))
            if name.endswith(".h5"):
                with h5py.File(data, "r+") as file:
                    change(file)
            new.writestr(name, data.getvalue())
    with pytest.raises(CaptureError) as error:
        load(tmp_path / "odd.keras")
    assert message in error.value.what
    assert error.value.where == f"{tmp_path / 'odd.keras'}: model.weights.h5"


@pytest.mark.parametrize(
    "error", [KeyError("x"), RuntimeError("x"), UnicodeDecodeError("utf-8", b"x", 0, 1, "x"), MemoryError()]
)
def test_what_h5py_raises_is_one_clear_error(error: Exception) -> None:
    with pytest.raises(CaptureError, match=f"damaged or no HDF5 file at all: {type(error).__name__}"), damaged("m.h5"):
        raise error


def test_errors_for_the_user_stay_what_they_are() -> None:
    with pytest.raises(ConfigError, match="mine"), damaged("m.h5"):
        raise ConfigError("mine")


def test_an_attribute_that_is_no_text() -> None:
    with h5py.File(io.BytesIO(), "w") as file:
        file.attrs["a"], file.attrs["b"] = np.bytes_(b"x\xff"), 3
        assert (text_attribute(file, "a", "m.h5"), text_attribute(file, "c", "m.h5")) == ("x\ufffd", None)
        with pytest.raises(CaptureError, match="its attribute 'b' is no text but '3'"):
            text_attribute(file, "b", "m.h5")


def endless(path: Path) -> Path:
    """A file whose heap of texts says that an object goes beyond it: HDF5 looks for the next one for ever."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"], file.attrs["keras_version"] = "x" * 680, "2.0.0"
    data = bytearray(path.read_bytes())
    first = data.index(b"GCOL") + 16
    (size,) = struct.unpack_from("<Q", data, first + 8)
    second = first + 16 + (size + 7) // 8 * 8
    data[second + 8] = 213
    path.write_bytes(data)
    return path


def test_a_file_that_hdf5_reads_for_ever_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_probe, "SECONDS", 2)
    with pytest.raises(CaptureError, match="reading it does not come to an end"):
        load(endless(tmp_path / "m.h5"))
    with h5py.File(tmp_path / "good.h5", "w") as file:
        file["array"] = np.zeros(3)
    hdf5_probe.probe(tmp_path / "good.h5")  # by a new process


def test_without_processes_the_file_is_checked_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_probe, "_PROBER", hdf5_probe._Prober())
    monkeypatch.setattr(hdf5_probe.sys, "executable", "/nowhere/python")
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        external(file)
    with pytest.raises(CaptureError, match="is a link to somewhere else"):
        load(tmp_path / "odd.h5")


def test_an_answer_that_was_not_waited_for_is_not_taken_for_another(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("text")
    prober = hdf5_probe._Prober()
    job = {"path": str(tmp_path / "text.h5"), "member": None, "seconds": 9}
    assert "no HDF5 file at all" in prober.ask(job)["wrong"]
    first = prober.process
    assert first is not None
    with (
        patch.object(first, "stdout", Mock(readline=Mock(side_effect=KeyboardInterrupt))),
        pytest.raises(KeyboardInterrupt),
    ):
        prober.ask(job)
    assert first.poll() is not None
    assert "no HDF5 file at all" in prober.ask(job)["wrong"]
    prober.end()


def test_arrays_for_a_kept_graph_are_read_from_checked_files_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hdf5_probe, "SECONDS", 2)
    with pytest.raises(CaptureError, match="reading it does not come to an end"):
        stored_arrays(endless(tmp_path / "m.h5"), {"0" * 16})
    with h5py.File(tmp_path / "circle.h5", "w") as file:
        circle(file)
    with pytest.raises(CaptureError, match="is there twice"):
        stored_arrays(tmp_path / "circle.h5", {"0" * 16})


def test_a_system_without_limits_of_memory_checks_files_too(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="this system has no limits")
    with h5py.File(tmp_path / "good.h5", "w") as file:
        file["array"] = np.zeros(3)
    with patch.object(resource, "setrlimit", side_effect=ValueError), patch.object(hdf5_probe.signal, "alarm") as alarm:
        hdf5_probe._limit(tmp_path / "good.h5", 9)
    alarm.assert_called_once_with(9)
    assert hdf5_probe.examine(tmp_path / "good.h5", None) is None
