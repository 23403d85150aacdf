"""`kexport doctor`: lists what is installed, what each target can do here, and the command that installs the rest."""

from __future__ import annotations

import platform
from typing import Any

import click

import kexport
from kexport.capture.versions import UPGRADE, standing
from kexport.cli.command import State, print_json, subcommand
from kexport.cli.installed import extras_of, installed_version, packages, target_state, ways_to_install
from kexport.names import each_name

CAPTURE = ("keras", "tensorflow")
"""The packages needed to read a Keras model, which the extra `tensorflow` brings."""
BACKENDS = ("tensorflow", "jax", "torch")


@subcommand(
    "doctor",
    "Say what is installed and what is missing.",
    ("look at this environment", "kexport doctor"),
    ("attach it to a bug report", "kexport doctor --json > doctor.json"),
    ("what TensorFlow.js artifacts are verified with", "kexport doctor --install tfjs"),
)
@click.option(
    "--install", multiple=True, metavar="TARGET,...", help="Install what a target's runtimes need and pip cannot bring."
)
def command(state: State, install: tuple[str, ...]) -> None:
    """Say what is installed, what each target could do here, and how to install the rest."""
    from kexport.target import find_target, targets

    if install:
        _say_installed(state, {name: find_target(name).install() for name in each_name(install) or ()})
        return
    found = examine([target_state(t) for t in targets().values()])
    if state.data:
        print_json(found)
    elif not state.quiet:
        _print(found)


def _say_installed(state: State, places: dict[str, str]) -> None:
    if state.data:
        print_json({"installed": places})
    elif not state.quiet:
        from kexport.cli.render import stdout

        for target, place in places.items():
            stdout().print(f"installed for {target}: {place}", markup=False, soft_wrap=True)


def examine(targets: list[dict[str, Any]]) -> dict[str, Any]:
    """Collect all findings into the document of --json."""
    capture = capture_state()
    return {
        "kexport": kexport.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": [p._asdict() for p in packages()],
        "capture": capture,
        "backends": {b: None if installed_version("keras") is None else installed_version(b) for b in BACKENDS},
        "targets": targets,
        "install": ways_to_install(targets, ["tensorflow"] if capture["missing"] else [])
        + ([UPGRADE] if _too_old(capture) else []),
    }


def capture_state() -> dict[str, Any]:
    """Report which packages are missing for reading models, and remarks on the installed versions."""
    found = {name: installed_version(name) for name in CAPTURE}
    return {
        "missing": [name for name, version in found.items() if version is None],
        "versions": {n: {"version": v, "standing": standing(n, v)} for n, v in found.items() if v is not None},
    }


def _too_old(capture: dict[str, Any]) -> list[str]:
    return [name for name, found in capture["versions"].items() if found["standing"] == "too old"]


def _print(found: dict[str, Any]) -> None:
    from kexport.cli.render import print_fitting_table, print_table, stdout

    console = stdout()
    console.print(f"kexport {found['kexport']}, Python {found['python']}, {found['system']}", markup=False)
    rows = [[p["name"], p["found"] or "missing", p["wanted"], ", ".join(p["extras"])] for p in found["packages"]]
    print_fitting_table(("package", "installed", "wanted", "extras"), rows, drop=("extras", "wanted"))
    console.print()
    print_table(("part", "can", "with"), _abilities(found))
    console.print()
    install = found["install"]
    others = [
        f"  {way}\n    for {', '.join(names)}" for way, names in _other_engines(found["targets"], install).items()
    ]
    rest = ["To install the rest:", *(f"  {c}" for c in install)] if install else [_summary(found["targets"])]
    lines = ["Engines that are not needed:", *others, *rest] if others else rest
    console.print("\n".join(lines), markup=False, soft_wrap=True)


def _summary(targets: list[dict[str, Any]]) -> str:
    simulated = [t["name"] for t in targets if all(r["simulated"] for r in t["runtimes"] if r["version"])]
    rest = f", but {', '.join(simulated)} only simulated" if simulated else ""
    return f"Every target can be made and verified here{rest}."


def _abilities(found: dict[str, Any]) -> list[list[str]]:
    capture = found["capture"]
    parts = ", ".join(f"{name} {v['version']} ({v['standing']})" for name, v in capture["versions"].items())
    can = "nothing" if _too_old(capture) else "read models"
    rows = [["capture", *_can(can, capture["missing"], parts)]]
    for backend, version in found["backends"].items():
        rows.append([f"reference {backend}", "run models" if version else "missing", version or ""])
    for target in found["targets"]:
        rows.append([target["name"], *_can("emit", target["missing"], "")])
        engines: dict[str, list[str]] = {}
        for runtime in target["runtimes"]:
            version = runtime["version"]
            can = ("simulate" if runtime["simulated"] else "verify") if version else "missing"
            engines.setdefault(can, []).append(f"{runtime['name']} {version or ''}".rstrip())
        rows += [["", "" if i else can, name] for can, names in engines.items() for i, name in enumerate(names)]
    return rows


def _other_engines(targets: list[dict[str, Any]], install: list[str]) -> dict[str, list[str]]:
    """Group the missing engines that no command brings by what would bring them."""
    brought = {extra for command in install for extra in extras_of(command)} | set(install)
    ways: dict[str, list[str]] = {}
    for runtime in (r for t in targets for r in t["runtimes"] if not r["version"]):
        way = runtime["install"]
        if way not in brought and not extras_of(way) & brought:
            ways.setdefault(way, []).append(runtime["name"])
    return ways


def _can(ability: str, missing: list[str], parts: str) -> list[str]:
    return ["missing", f"needs {', '.join(missing)}"] if missing else [ability, parts]
