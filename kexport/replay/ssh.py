"""A bundle checked on another machine: sent there, run and removed in one call of the system's ssh.

The other side needs only a POSIX shell and Python. The bundle goes through ssh's standard input, so that there
is one connection, hence one password, and nothing is left behind when it breaks.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kexport.documents.malformed import Malformed
from kexport.documents.read import parse_json, validator
from kexport.errors import ConfigError, GraphError, KexportError, VerifyError
from kexport.lifeline import leashed
from kexport.replay.pack import bundle
from kexport.temporary import temporary_folder
from kexport.workflows.bundle import is_bundle
from kexport.workflows.manifest import find_folder, read_manifest
from kexport.workflows.progress import Progress, silent
from kexport.workflows.report import ExportReport
from kexport.workflows.requirement import Required, read_requirements, with_requirements
from kexport.workflows.verifying import choose_model, kept

PYTHON = "python3"
_URL = re.compile(
    r"ssh://(?:([A-Za-z0-9_][\w.@+-]*)@)?([A-Za-z0-9][\w.-]*|\[[0-9A-Fa-f:]+(?:%\w+)?\])(?::(\d{1,5}))?/?"
)
_MARK = "kexport-replay:"
"""The prefix of progress lines from the other side, which tells them from a shell's greeting."""
_UNWRITABLE = 120
_UNREACHABLE = 255
_NOT_RUNNABLE = 126
_NOT_FOUND = 127
_SCRIPT = f"""umask 077
d=$(mktemp -d "${{TMPDIR:-/tmp}}/kexport-XXXXXX") || exit {_UNWRITABLE}
trap 'rm -rf "$d"' EXIT
trap 'exit 129' HUP INT TERM PIPE
cat > "$d/check.zip" || exit {_UNWRITABLE}
echo {_MARK} run
%s "$d/check.zip" %s < /dev/null
code=$?
echo
echo {_MARK} $code"""
_OPTIONS = ("-T", "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4")
_KINDS: Mapping[str, type[KexportError]] = {"ConfigError": ConfigError, "VerifyError": VerifyError}
"""The errors that the other side may report, by their kind in JSON; any other becomes a VerifyError."""


@dataclass(frozen=True)
class Remote:
    """Another machine: user, host and port of `ssh://user@host:port`, and the command that runs Python there."""

    host: str
    user: str | None = None
    port: int | None = None
    python: str = PYTHON
    """A command line for the shell there, such as `~/venv/bin/python`."""
    config: Path | None = None
    """A configuration file for ssh; None for the user's own."""

    @staticmethod
    def parse(url: str, python: str | None = None, config: str | Path | None = None) -> Remote:
        """Parse an address.

        Raises:
            ConfigError: the address is malformed, or the configuration file does not exist.
        """
        found = _URL.fullmatch(url)
        if found is None or not 0 < int(found[3] or 22) < 65536:
            raise ConfigError(f"{url!r} is no address of a machine", hint="for example --on ssh://pi@raspberrypi:22")
        if config is not None and not Path(config).is_file():
            raise ConfigError("there is no such file", where=str(config), hint="give an ssh_config, or leave it out")
        if python is not None and (not python.strip() or "\n" in python):
            raise ConfigError(f"{python!r} is no command", hint="for example --python '~/venv/bin/python'")
        port = int(found[3]) if found[3] else None
        return Remote(found[2].strip("[]"), found[1], port, python or PYTHON, Path(config) if config else None)

    @property
    def label(self) -> str:
        """The address as the user wrote it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ssh://{f'{self.user}@' if self.user else ''}{host}{f':{self.port}' if self.port else ''}"

    def command(self, program: str, arguments: Sequence[str]) -> list[str]:
        """The ssh command that runs a bundle from its standard input."""
        script = _SCRIPT % (self.python, shlex.join(arguments))
        config = ["-F", str(self.config)] if self.config else []
        port = ["-p", str(self.port)] if self.port else []
        user = ["-l", self.user] if self.user else []
        return [program, *config, *_OPTIONS, *port, *user, "--", self.host, f"exec sh -c {shlex.quote(script)}"]


def verify_on(
    remote: Remote,
    dist: str | Path,
    *,
    name: str | None = None,
    reference: str | Path | None = None,
    tolerance: Mapping[str, float] | None = None,
    timeout: float = 300.0,
    browser: bool = False,
    require: Required = (),
    progress: Progress | None = None,
) -> ExportReport:
    """Like `verify`, on another machine; the verdicts name that machine.

    Args:
        remote: the machine.
        dist: a folder that `export` wrote, one artifact in it, or a bundle.
        name, reference, tolerance, timeout, browser, require, progress: as for `verify`.

    Raises:
        ConfigError: the machine cannot be reached, or lacks Python, NumPy or every engine.
        VerifyError: a file is damaged, or the answer is malformed.
    """
    tell = progress or silent
    requirements = read_requirements(require)
    arguments = ["--json", "--timeout", f"{timeout:g}", *(["--browser"] if browser else [])]
    arguments += [f"--tolerance={output}={error!r}" for output, error in (tolerance or {}).items()]
    path = Path(dist)
    model = None if is_bundle(path) else choose_model(read_manifest(find_folder(path)), find_folder(path), name, path)
    with temporary_folder() as folder:
        if model is not None or name is not None or reference is not None:
            tell("bundle", path.name, None)
            path = Path(folder) / "check.zip"
            bundle(dist, path, name=name, reference=reference)
        tell("verify", remote.label, None)
        done = _call(remote, path, arguments)
    report = _ours(_read(remote, done), remote, Path(dist))
    report = kept(report, find_folder(Path(dist)), model) if model else report
    return with_requirements(report, requirements)


def _ours(report: ExportReport, remote: Remote, dist: Path) -> ExportReport:
    """Put this machine's paths and the address into a report from the other machine."""
    folder = dist if is_bundle(dist) else find_folder(dist)
    paths = [str(folder / a.path.rpartition("check.zip/")[2]) for a in report.artifacts]
    artifacts = [dataclasses.replace(a, path=path) for a, path in zip(report.artifacts, paths, strict=True)]
    notes = tuple(f"{note} ({remote.label})" for note in report.notes)
    return dataclasses.replace(report, artifacts=tuple(artifacts), notes=notes)


def _call(remote: Remote, path: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh")
    if program is None:
        raise ConfigError("there is no ssh here", hint="install OpenSSH's client, on Debian: apt-get install ssh")
    try:
        with path.open("rb") as file:
            command = remote.command(program, arguments)
            return subprocess.run(leashed(command), stdin=file, capture_output=True, check=False)
    except FileNotFoundError:
        raise ConfigError("there is no such file", where=str(path)) from None


def _read(remote: Remote, done: subprocess.CompletedProcess[bytes]) -> ExportReport:
    """Read the report from the answer, or return the error that explains why there is none."""
    text = done.stdout.decode(errors="replace")
    said = _last_words(done.stderr)
    _, started, rest = text.rpartition(f"{_MARK} run\n")
    if not started:
        raise _not_started(remote, done.returncode, said)
    document, ended, code = rest.rpartition(f"\n{_MARK} ")
    if not ended:
        raise VerifyError(f"the connection broke while it ran{said}", where=remote.label)
    try:
        data = parse_json(document[document.index("{") :])
        error = data.get("error")
        theirs = _theirs(remote, error) if error is not None else None
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise _without_report(remote, code.strip(), said) from e
    if theirs:
        raise theirs
    return _report_of(data, remote)


def _report_of(data: Any, remote: Remote) -> ExportReport:
    try:
        validator("report")(data)
        return ExportReport.from_json(data)
    except (Malformed, GraphError) as e:
        what = f"what comes back makes no sense: {getattr(e, 'what', e)}"
        raise VerifyError(what, where=remote.label, hint="make the bundle again with this kexport") from e


def _not_started(remote: Remote, code: int, said: str) -> KexportError:
    if code == _UNWRITABLE:
        return ConfigError(f"the bundle cannot be written there{said}", where=remote.label, hint="is its disk full?")
    if code == _UNREACHABLE:
        hint = f"try: ssh {remote.label}"
        return ConfigError(f"it cannot be reached{said}", where=remote.label, hint=hint)
    return ConfigError(f"its shell ended with exit code {code}{said}", where=remote.label, hint="it has to be POSIX")


def _without_report(remote: Remote, code: str, said: str) -> KexportError:
    if code in (str(_NOT_FOUND), str(_NOT_RUNNABLE)):
        hint = "install Python 3.11, or say where it is with --python"
        return ConfigError(f"{remote.python!r} cannot be run there{said}", where=remote.label, hint=hint)
    return VerifyError(f"the check ended with exit code {code} and without a report{said}", where=remote.label)


def _theirs(remote: Remote, error: Mapping[str, Any]) -> KexportError:
    """Return the error that the program of the bundle reported."""
    kind = _KINDS.get(str(error["kind"]), VerifyError)
    where = error.get("where")
    hint = error.get("hint")
    what = f"{where}: {error['what']}" if where else str(error["what"])
    return kind(what, where=remote.label, hint=str(hint) if hint else None)


def _last_words(stderr: bytes) -> str:
    """Return the last line of stderr, after a colon."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    words = "".join(c for c in lines[-1] if c.isprintable())[-300:] if lines else ""
    return f": {words}" if words else ""
