"""coremltools' own loader, which infers every type anew, accepts what is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from kexport.errors import VerifyError
from kexport_coreml.runtime import load_with_coremltools
from tests.coreml.helper import UNSUPPORTED, export, operations
from tests.onnx.nets import NETS
from tests.ops.case import Case
from tests.ops.cases import CASES

SUPPORTED = [case for case in CASES if case.id not in UNSUPPORTED]


@pytest.mark.parametrize("case", SUPPORTED, ids=lambda c: c.id)
def test_ops_load(case: Case, tmp_path: Path) -> None:
    program = load_with_coremltools(export(case.graph(), tmp_path / "model.mlpackage"))
    assert len(program.functions["main"].outputs) == len(case.results())


@pytest.mark.parametrize("deployment", ["ios15", "ios17", "ios18"])
@pytest.mark.parametrize("case", SUPPORTED[::7], ids=lambda c: c.id)
def test_ops_load_for_other_systems(case: Case, deployment: str, tmp_path: Path) -> None:
    path = export(case.graph(), tmp_path / "model.mlpackage", deployment=deployment, precision="float16")
    assert len(load_with_coremltools(path).functions["main"].outputs) == len(case.results())


@pytest.mark.parametrize("net", NETS)
def test_nets_load(net: object, tmp_path: Path) -> None:
    path = export(net(), tmp_path / "net.mlpackage", precision="float16")  # type: ignore[operator]
    program = load_with_coremltools(path)
    assert len(program.functions["main"].operations) >= len(operations(path))


def test_a_package_that_it_refuses(tmp_path: Path) -> None:
    path = export(NETS[0](), tmp_path / "net.mlpackage")
    model = path / "Data" / "com.apple.CoreML" / "model.mlmodel"
    model.write_bytes(model.read_bytes().replace(b"reduce_mean", b"reduce_meen"))
    with pytest.raises(VerifyError, match="coremltools refuses the package"):
        load_with_coremltools(path)
