"""A check on another machine: there and back through a real sshd, and every way in which that fails."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kexport.cli.main import cli
from kexport.errors import ConfigError, KexportError, VerifyError
from kexport.replay.pack import bundle
from kexport.replay.ssh import Remote, verify_on
from tests.replay import sshd
from tests.replay.bare import bare_python
from tests.replay.sshd import Sshd


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if reason := sshd.missing():
        pytest.skip(reason)
    with sshd.running(tmp_path_factory.mktemp("sshd")) as found:
        yield found


@pytest.fixture(scope="module")
def small(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with one artifact, for speed."""
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    path = tmp_path_factory.mktemp("small") / "check.zip"
    bundle(dist, path, to=["onnx"])
    return path


def remote(server: Sshd, python: str = sys.executable) -> Remote:
    return Remote.parse(server.url, python, server.config)


def test_the_verdict_comes_back_and_nothing_stays(server: Sshd, small: Path) -> None:
    report = verify_on(remote(server), small)
    (artifact,) = report.artifacts
    assert (artifact.status, artifact.runtime, artifact.path) == ("verified", "onnxruntime-cpu", f"{small}/net.onnx")
    assert artifact.verdicts[0].outputs
    assert report.notes[0].startswith("checked on ")
    assert report.notes[0].endswith(f"({server.url})")
    assert list(server.temporary.glob("kexport-*")) == []


def test_a_folder_is_packed_on_the_way(server: Sshd, dist: Path) -> None:
    report = verify_on(remote(server), dist / "net.onnx", tolerance={"class": 0.1, "features": 1e-3}, timeout=60)
    (artifact,) = report.artifacts
    assert artifact.status == "verified"
    assert {c.tolerance.atol for c in artifact.verdicts[0].outputs} == {0.1, 1e-3}


def test_a_wrong_artifact_fails_there(server: Sshd, small: Path) -> None:
    report = verify_on(remote(server), small, tolerance={"*": 0.0})
    assert report.exit_code == 1
    assert "output " in report.artifacts[0].reason


def on(server: Sshd, *args: str | Path) -> Result:
    where = ["--on", server.url, "--ssh-config", str(server.config)]
    return CliRunner().invoke(cli, ["verify", *map(str, args), *where])


def test_the_command_prints_the_table_or_the_document(server: Sshd, small: Path) -> None:
    shown = on(server, small, "--python", sys.executable)
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.splitlines()[-1] == "net: 1 verified"
    assert f"({server.url})" in shown.stdout
    data = on(server, small, "--python", sys.executable, "--json")
    assert json.loads(data.stdout)["artifacts"][0]["status"] == "verified"


def test_an_error_there_is_an_error_here(server: Sshd, small: Path) -> None:
    failed = on(server, small, "--python", sys.executable, "--tolerance", "wrong=1")
    assert failed.exit_code == 3
    assert f"error: {server.url}: a tolerance is given for 'wrong'" in failed.stderr


@pytest.mark.parametrize(
    ("python", "kind", "message"),
    [
        ("no-python", ConfigError, "'no-python' cannot be run there: .*not found"),
        ("/dev/null", ConfigError, "'/dev/null' cannot be run there"),
        ("false", VerifyError, "ended with exit code 1 and without a report"),
        ("echo nonsense; true", VerifyError, "ended with exit code 0 and without a report"),
        ("echo '{\"name\": 3}'; true", VerifyError, "ended with exit code 0 and without a report"),
        ("echo '{\"error\": 3}'; true", VerifyError, "ended with exit code 0 and without a report"),
        ("sleep 0.5; kill -9 $PPID; true", VerifyError, "the connection broke while it ran"),
    ],
)
def test_what_does_not_run_there(server: Sshd, small: Path, python: str, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        verify_on(remote(server, python), small)
    assert caught.value.where == server.url


@pytest.mark.parametrize(
    ("packages", "kind", "message", "hint"),
    [
        ((), ConfigError, "NumPy cannot be imported", "-m pip install numpy"),
        (
            ("numpy",),
            VerifyError,
            "nothing was run: net.onnx: not run: onnxruntime-cpu is not",
            "pip install onnxruntime",
        ),
    ],
)
def test_what_is_not_installed_there(
    server: Sshd,
    small: Path,
    tmp_path: Path,
    packages: tuple[str, ...],
    kind: type[KexportError],
    message: str,
    hint: str,
) -> None:
    python = bare_python(tmp_path / "env", packages)
    with pytest.raises(kind, match=message) as caught:
        verify_on(remote(server, str(python)), small)
    assert hint in str(caught.value.hint)


def test_no_place_to_write_to(server: Sshd, small: Path, tmp_path: Path) -> None:
    kept = shutil.move(server.temporary, tmp_path / "kept")
    try:
        with pytest.raises(ConfigError, match="the bundle cannot be written there"):
            verify_on(remote(server), small)
    finally:
        shutil.move(kept, server.temporary)


def test_nobody_answers(server: Sshd, small: Path) -> None:
    with pytest.raises(ConfigError, match=r"it cannot be reached: .*refused") as caught:
        verify_on(Remote.parse("ssh://127.0.0.1:1", config=server.config), small)
    assert caught.value.hint == "try: ssh ssh://127.0.0.1:1"


def test_nobody_lets_us_in(server: Sshd, small: Path, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(server.config.read_text().replace("/id\n", "/host\n"))
    with pytest.raises(ConfigError, match=r"it cannot be reached: .*Permission denied"):
        verify_on(Remote.parse(server.url, config=tmp_path / "config"), small)


def test_there_is_no_ssh(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ConfigError, match="there is no ssh here"):
        verify_on(Remote.parse("ssh://pi"), small)


def test_there_is_no_bundle(server: Sshd) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        verify_on(remote(server), "missing.zip")


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("ssh://raspberrypi", ("raspberrypi", None, None)),
        ("ssh://pi@raspberrypi.local/", ("raspberrypi.local", "pi", None)),
        ("ssh://pi@10.0.0.7:2222", ("10.0.0.7", "pi", 2222)),
        ("ssh://pi@[fe80::1%eth0]:22", ("fe80::1%eth0", "pi", 22)),
    ],
)
def test_addresses(url: str, parts: tuple[str, str | None, int | None]) -> None:
    found = Remote.parse(url)
    assert (found.host, found.user, found.port) == parts
    assert found.label == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "pi@host",
        "http://host",
        "ssh://",
        "ssh://-oProxyCommand=evil",
        "ssh://-l@host",
        "ssh://pi:word@host",
        "ssh://host:0",
        "ssh://host:99999",
        "ssh://host/path",
        "ssh://ho st",
        "ssh://host;reboot",
        "ssh://$(reboot)",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ConfigError, match="is no address of a machine"):
        Remote.parse(url)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--python", "python3"), "--python and --ssh-config are for another machine"),
        (("--on", "ssh://pi", "--ssh-config", "missing"), "missing: there is no such file"),
        (("--on", "ssh://pi", "--python", " "), "' ' is no command"),
    ],
)
def test_wrong_options(args: tuple[str, ...], message: str) -> None:
    done = CliRunner().invoke(cli, ["verify", "check.zip", *args])
    assert done.exit_code == 3
    assert message in done.stderr
