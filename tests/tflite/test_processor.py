"""CompiledModel is left out where its library would end the process for want of an instruction."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from kexport.errors import NotApplicable
from kexport_tflite import TARGET, processor

OLDER = "processor\t: 0\nFeatures\t: fp asimd evtstrm crc32 cpuid\n\nprocessor\t: 1\nFeatures\t: fp asimd crc32\n"
NEWER = "processor\t: 0\nFeatures\t: fp asimd crc32 atomics fphp\n"


@pytest.mark.parametrize(
    ("system", "machine", "cpuinfo", "lacking"),
    [
        ("Linux", "aarch64", OLDER, True),
        ("Linux", "aarch64", NEWER, False),
        ("Linux", "aarch64", OLDER + NEWER, True),
        ("Linux", "aarch64", "", False),
        ("Linux", "aarch64", None, False),
        ("Linux", "x86_64", OLDER, False),
        ("Darwin", "aarch64", OLDER, False),
    ],
)
def test_atomics_are_read_from_the_kernels_table(
    system: str, machine: str, cpuinfo: str | None, lacking: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if cpuinfo is not None:
        (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert processor.lacks_atomics() is lacking


def test_compiled_model_says_why_it_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kexport_tflite.runtime.lacks_atomics", lambda: True)
    (compiled,) = (r for r in TARGET.runtimes() if r.name == "litert-compiled")
    with pytest.raises(NotApplicable, match=r"CompiledModel needs Armv8\.1's atomic instructions"):
        compiled.load(tmp_path / "missing.tflite")
