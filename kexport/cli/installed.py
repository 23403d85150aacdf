"""What is installed of what kexport can use, read from package metadata; imports none of it."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution, version
from typing import Any, NamedTuple

_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[^]]*\])?([^;]*)(?:;.*\bextra\s*==\s*['\"]([\w-]+)['\"])?")


class Package(NamedTuple):
    """A package that an extra brings (`""` for the base): the versions wanted, the one found or None."""

    extra: str
    name: str
    wanted: str
    found: str | None


def packages(distribution_name: str = "kexport") -> list[Package]:
    """Every requirement of a distribution and its extras, those on itself left out."""
    requirements = distribution(distribution_name).requires or []
    found = [_REQUIREMENT.match(r) for r in requirements]
    return [
        Package(m[3] or "", m[1], m[2].strip(), installed_version(m[1]))
        for m in found
        if m and m[1].lower() != distribution_name
    ]


def installed_version(name: str) -> str | None:
    """The version of an installed package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def target_state(target: Any) -> dict[str, Any]:
    """What a target could do here: whether it can emit, and the version of each of its runtimes."""
    return {
        "name": target.name,
        "extra": target.extra,
        "missing": target.missing(),
        "runtimes": [{"name": r.name, "extra": r.extra, "version": r.version()} for r in target.runtimes()],
    }


def missing_extras(states: list[dict[str, Any]]) -> list[str]:
    """The extras that would let every target emit and be verified in at least one runtime."""
    extras: list[str] = []
    for state in states:
        if state["missing"]:
            extras.append(state["extra"])
        if state["runtimes"] and not any(r["version"] for r in state["runtimes"]):
            extras.append(state["runtimes"][0]["extra"])
    return list(dict.fromkeys(extras))
