"""Vela as a check by option: what it says of integers and of floats, and what happens without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kexport.errors import ConfigError
from kexport.lowered import contract_of
from kexport_tflite.micro import vela
from kexport_tflite.micro.finishing import finish
from kexport_tflite.micro.vela import ACCELERATORS, VelaReport, compile_for
from kexport_tflite.options import TfliteOptions
from tests.onnx.nets import NETS
from tests.tflite.helper import export
from tests.tflite.integers import dense

pytest.importorskip("ethosu.vela", reason="the extra mcu is not installed")

PLAIN = next(f for f in NETS if f.__name__ == "plain")


@pytest.mark.parametrize("accelerator", ["ethos-u55-128", "ethos-u65-512", "ethos-u85-256"])
def test_integers_run_on_the_npu(accelerator: str, tmp_path: Path) -> None:
    report = compile_for(dense(tmp_path / "net.tflite"), accelerator)
    assert report.problem == ""
    assert report.share == 1
    assert report.operators == 2
    assert report.on_cpu == ()
    assert report.cycles > 0
    assert report.sram > 0
    assert report.seconds > 0
    assert report.sentence.startswith(f"100% of 2 operators run on {accelerator} (Vela ")


def test_floats_are_left_to_the_processor(tmp_path: Path) -> None:
    path = export(PLAIN(), tmp_path / "net.tflite")
    report = compile_for(path, "ethos-u55-128")
    assert report.share == 0
    assert len(report.on_cpu) == report.operators > 2
    assert "left to the processor: " in report.sentence
    assert "CONV_2D" in report.sentence


def test_what_it_refuses_is_told(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(dense(path).read_bytes()[:200])
    report = compile_for(path, "ethos-u55-128")
    assert report.problem
    assert report.share == 0
    assert "compiles nothing of it for ethos-u55-128" in report.sentence


def test_one_that_does_not_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vela, "TIMEOUT", 0.01)
    assert compile_for(dense(tmp_path / "net.tflite"), "ethos-u55-128").problem == "it does not end in 0.01 s"


def test_without_the_package_there_is_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vela, "installed", lambda: None)
    with pytest.raises(ConfigError, match="Vela is not installed") as caught:
        compile_for(dense(tmp_path / "net.tflite"), "ethos-u55-128")
    assert caught.value.hint == "pip install 'kexport[mcu]'"


def test_an_unknown_accelerator_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="does not compile for 'ethos-u55'") as caught:
        TfliteOptions(vela="ethos-u55")
    assert "ethos-u55-32" in str(caught.value.hint)


def test_the_accelerators_are_those_of_vela() -> None:
    from ethosu.vela.architecture_features import Accelerator

    assert set(ACCELERATORS) == set(Accelerator.member_list())


def test_its_report_becomes_facts(tmp_path: Path) -> None:
    graph = PLAIN()
    path = export(graph, tmp_path / "net.tflite")
    assert finish(path, contract_of(graph), TfliteOptions()) == {}
    found = finish(path, contract_of(graph), TfliteOptions(vela="ethos-u55-128"))
    assert found["vela"]["share"] == 0
    assert found["vela"]["accelerator"] == "ethos-u55-128"
    assert len(found["notes"]) == 1


def test_operators_are_counted_in_its_sentence() -> None:
    report = VelaReport("ethos-u55-128", "5", operators=5, on_cpu=("MEAN", "MEAN", "SOFTMAX"), cycles=1200, sram=2048)
    assert report.sentence == (
        "40% of 5 operators run on ethos-u55-128 (Vela 5), 1,200 cycles, 2 KiB of SRAM; "
        "left to the processor: 2×MEAN, SOFTMAX"
    )
