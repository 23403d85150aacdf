"""Reads from package metadata which of the packages that kexport can use are installed, without importing them."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution, version
from typing import Any, NamedTuple

_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[^]]*\])?([^;]*)(?:;.*\bextra\s*==\s*['\"]([\w-]+)['\"])?")
_EXTRAS = re.compile(r"pip install 'kexport\[([\w,-]+)\]'")
COMMANDS = ("pip ", "kexport ")
"""The prefixes that tell an installation command from a remark."""
BASE = "base"
"""Stands for no extra: the packages that are always required."""
NOT_FOR_USERS = {"all", "dev", "peers"}
"""Extras that repeat others, or that serve only the development of kexport."""


class Package(NamedTuple):
    """A package that kexport can use: the extras that bring it, the versions wanted, the installed one or None."""

    name: str
    extras: tuple[str, ...]
    wanted: str
    found: str | None


def packages() -> list[Package]:
    """Every package that kexport or one of its extras requires, the base first."""
    extras: dict[tuple[str, str], list[str]] = {}
    for requirement in distribution("kexport").requires or []:
        match = _REQUIREMENT.match(requirement)
        if match and match[1] != "kexport" and match[3] not in NOT_FOR_USERS:
            extras.setdefault((match[1], match[2].strip()), []).append(match[3] or BASE)
    found = [Package(name, tuple(e), wanted, installed_version(name)) for (name, wanted), e in extras.items()]
    return sorted(found, key=lambda p: (BASE not in p.extras, p.name))


def installed_version(name: str) -> str | None:
    """The version of an installed package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def target_state(target: Any) -> dict[str, Any]:
    """What a target can do here: whether it can emit, and the version of each of its runtimes."""
    return {
        "name": target.name,
        "extra": target.extra,
        "missing": target.missing(),
        "runtimes": [
            {"name": r.name, "version": r.version(), "install": r.how_to_install, "simulated": r.simulated}
            for r in target.runtimes()
        ],
    }


def ways_to_install(states: list[dict[str, Any]], extras: list[str]) -> list[str]:
    """Return commands that install `extras` and enough for every target to emit and be checked in a runtime.

    The first command installs all that pip can. Whatever no command installs, such as a part of macOS, is left out.
    """
    from kexport.target import pip_install

    wanted = list(extras)
    commands = []
    for state in states:
        if state["missing"]:
            wanted.append(state["extra"])
        if any(r["version"] for r in state["runtimes"]):
            continue
        way = next((r["install"] for r in state["runtimes"] if r["install"].startswith(COMMANDS)), "")
        wanted += sorted(extras_of(way))
        commands += [way] if way and not extras_of(way) else []
    packages = [pip_install(*dict.fromkeys(wanted))] if wanted else []
    return list(dict.fromkeys(packages + commands))


def extras_of(command: str) -> set[str]:
    """Return the extras of kexport that a command installs."""
    found = _EXTRAS.fullmatch(command)
    return set(found[1].split(",")) if found else set()
