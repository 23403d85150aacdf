"""`targets` and `doctor`: what is installed, and the line that installs the rest."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest

import kexport.target
from kexport.capture import versions
from kexport.cli import doctor
from kexport.cli.installed import Package, packages, target_state, ways_to_install
from tests.cli.conftest import Run
from tests.cli.fakes import FakeRuntime, FakeTarget

READY = FakeTarget("ready", engines=(FakeRuntime("engine-cpu", "ready", "1.2"), FakeRuntime("engine-gpu", "gpu", None)))
BLIND = FakeTarget("blind", engines=(FakeRuntime("eye", "eyes", None),))
BROKEN = FakeTarget("broken", lacking=("schema",))


@pytest.fixture(autouse=True)
def fake_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kexport.target, "targets", lambda: {t.name: t for t in (BLIND, BROKEN, READY)})


def test_targets_are_listed(run: Run) -> None:
    lines = run("targets").stdout.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["blind", "broken", "ready"]
    assert "engine-cpu, engine-gpu" in lines[-1]


def test_target_options_are_listed(run: Run) -> None:
    stdout = run("targets", "--options").stdout
    assert "ready.layout" in stdout
    assert "nhwc|nchw" in stdout
    assert "operator set version" in stdout


def test_targets_in_json(run: Run) -> None:
    found = json.loads(run("targets", "--json").stdout)["targets"]
    assert [t["name"] for t in found] == ["blind", "broken", "ready"]
    assert found[2]["runtimes"] == ["engine-cpu", "engine-gpu"]
    assert found[2]["options"][0] == {
        "name": "opset",
        "values": "INTEGER",
        "default": "24",
        "help": "operator set version",
    }


def test_commands_that_would_help() -> None:
    states = [target_state(t) for t in (READY, BLIND, BROKEN, BROKEN)]
    assert ways_to_install(states, []) == ["pip install 'kexport[eyes,broken]'"]
    assert ways_to_install(states[:1], []) == []


def test_packages_are_read_from_the_metadata() -> None:
    found = packages()
    assert Package("numpy", ("base",), "<3,>=1.26", version("numpy")) in found
    assert {p.name: p.extras for p in found}["keras"] == ("jax", "tensorflow", "torch")
    assert not {"kexport", "pytest", "tf2onnx"} & {p.name for p in found}
    assert found[0].extras == ("base",)


def test_doctor_says_what_can_be_done_and_how_to_get_the_rest(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"keras": "3.15.1", "jax": "0.10.2"}
    monkeypatch.setattr(doctor, "installed_version", found.get)
    result = run("doctor")
    assert result.exit_code == 0
    table = [line.split() for line in result.stdout.splitlines()]
    for row in (
        ["capture", "missing", "needs", "tensorflow"],
        ["reference", "jax", "run", "models", "0.10.2"],
        ["reference", "torch", "missing"],
        ["ready", "emit"],
        ["verify", "engine-cpu", "1.2"],
        ["missing", "engine-gpu"],
        ["broken", "missing", "needs", "schema"],
    ):
        assert row in table
    assert result.stdout.splitlines()[-5:] == [
        "Engines that are not needed:",
        "  pip install 'kexport[gpu]'",
        "    for engine-gpu",
        "To install the rest:",
        "  pip install 'kexport[tensorflow,eyes,broken]'",
    ]


def test_what_no_command_brings_is_not_called_one() -> None:
    part = {"name": "mac", "version": None, "install": "a part of macOS", "simulated": False}
    script = {"name": "node", "version": None, "install": "kexport doctor --install web", "simulated": False}
    states = [{"missing": [], "extra": "x", "runtimes": [part]}, {"missing": [], "extra": "y", "runtimes": [script]}]
    assert ways_to_install(states, ["tensorflow"]) == [
        "pip install 'kexport[tensorflow]'",
        "kexport doctor --install web",
    ]


def test_doctor_with_nothing_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "installed_version", lambda name: "99.0")
    monkeypatch.setattr(kexport.target, "targets", lambda: {"ready": READY})
    lines = run("doctor").stdout.splitlines()
    assert "Every target can be made and verified here." in lines
    assert "To install the rest:" not in lines


@pytest.mark.parametrize(
    ("keras", "tensorflow", "row", "last"),
    [
        ("3.15.1", "2.21.0", "capture read models keras 3.15.1 (tested), tensorflow 2.21.0 (tested)", "Every target"),
        ("3.3.3", "2.99.0", "read models keras 3.3.3 (tested), tensorflow 2.99.0 (newer than tested)", "Every target"),
        ("3.2.1", "2.16.2", "capture nothing keras 3.2.1 (too old), tensorflow 2.16.2 (tested)", versions.UPGRADE),
    ],
)
def test_doctor_says_which_versions_were_tested(
    keras: str, tensorflow: str, row: str, last: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"keras": keras, "tensorflow": tensorflow}
    monkeypatch.setattr(doctor, "installed_version", lambda name: found.get(name, "1"))
    monkeypatch.setattr(kexport.target, "targets", lambda: {"ready": READY})
    lines = [" ".join(line.split()) for line in run("doctor").stdout.splitlines()]
    assert any(row in line for line in lines)
    assert last in lines[-1]


def test_doctor_does_not_call_a_simulation_verified(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    ghost = FakeTarget(
        "ghost", engines=(FakeRuntime("machine", "", None), FakeRuntime("mirror", "", "1", simulated=True))
    )
    monkeypatch.setattr(kexport.target, "targets", lambda: {"ready": READY, "ghost": ghost})
    found = run("doctor").stdout.splitlines()
    assert ["simulate", "mirror", "1"] in [line.split() for line in found]
    assert "Every target can be made and verified here, but ghost only simulated." in found


def test_doctor_in_json(run: Run) -> None:
    found = json.loads(run("doctor", "--json").stdout)
    assert [t["name"] for t in found["targets"]] == ["blind", "broken", "ready"]
    assert found["targets"][1]["missing"] == ["schema"]
    assert found["kexport"] == kexport.__version__
    assert found["install"] == ["pip install 'kexport[eyes,broken]'"]


@pytest.mark.parametrize("command", ["targets", "doctor"])
def test_quiet(run: Run, command: str) -> None:
    assert run(command, "-q").output == ""


def test_doctor_installs_what_targets_ask_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeTarget, "install", lambda self: f"share/{self.name}", raising=False)
    result = run("doctor", "--install", "ready", "--install", "blind")
    assert result.stdout.splitlines() == ["installed for ready: share/ready", "installed for blind: share/blind"]
    assert json.loads(run("doctor", "--install", "ready", "--json").stdout) == {"installed": {"ready": "share/ready"}}


def test_doctor_installs_nothing_for_a_target_that_is_not_there(run: Run) -> None:
    result = run("doctor", "--install", "nonsense")
    assert result.exit_code == 3
    assert "there is no target 'nonsense'" in result.stderr
