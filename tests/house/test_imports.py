"""Imports run downward only, and heavy packages stay in their rooms."""

from __future__ import annotations

import sys
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.house.layers import (
    FRAMEWORKS,
    LAYERS,
    LAZY,
    PUBLIC,
    RUNTIMES,
    SERVED,
    SHARED,
    TARGET_MAY,
    THIRD_PARTY,
    TOGETHER,
)
from tests.house.modules import Import, Module, modules, room_of

MODULES = modules()
LEVELS = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
CORE = [m for m in MODULES.values() if m.name.split(".")[0] == "kexport"]
TARGETS = [m for m in MODULES.values() if m.name.split(".")[0] != "kexport"]


def is_in(name: str, packages: set[str]) -> bool:
    return any(name == p or name.startswith(p + ".") for p in packages)


def is_third_party(name: str) -> bool:
    top = name.split(".")[0]
    return top not in sys.stdlib_module_names and top != "kexport" and not top.startswith("kexport_")


def package_of(name: str) -> str:
    """The package of a module: that of a target, or one of those that targets share."""
    parts = name.split(".")
    return ".".join(parts[: 2 if parts[0] == TOGETHER else 1])


def home_of(imported: str) -> str:
    """The module that an import reaches: a module of ours, or the one that `from` names."""
    while imported not in MODULES and "." in imported:
        imported = imported.rpartition(".")[0]
    return imported


def place(module: Module, imported: Import) -> str:
    return f"{module.path.name}:{imported.line} ({module.name}) imports {imported.name}"


def upward(module: Module) -> list[str]:
    """The imports of a module from a room that is not below its own."""
    room = room_of(module.name, set(LEVELS))
    found = []
    for imported in module.imports:
        home = home_of(imported.name)
        other = room_of(home, set(LEVELS)) if home.split(".")[0] == "kexport" else ""
        allowed = (
            not other
            or other == room
            or LEVELS[other] < max(LEVELS[room], 1)
            or (module.name == "kexport" and is_in(home, PUBLIC))
        )
        if not allowed:
            found.append(place(module, imported))
    return found


@pytest.mark.parametrize("module", CORE, ids=lambda m: m.name)
def test_core_imports_downward(module: Module) -> None:
    assert room_of(module.name, set(LEVELS)), f"{module.name} has no place in tests/house/layers.py"
    assert upward(module) == []


@pytest.mark.parametrize("module", CORE, ids=lambda m: m.name)
def test_core_names_no_target(module: Module) -> None:
    assert [place(module, i) for i in module.imports if i.name.startswith("kexport_")] == []


@pytest.mark.parametrize("module", CORE, ids=lambda m: m.name)
def test_third_party_packages_stay_in_their_rooms(module: Module) -> None:
    room = room_of(module.name, set(THIRD_PARTY))
    wrong = [
        place(module, i)
        for i in module.imports
        if (is_third_party(i.name) and not is_in(i.name, THIRD_PARTY[room]))
        or (not i.lazy and not i.typing and is_in(i.name, LAZY.get(room, set())))
    ]
    assert wrong == []


@pytest.mark.parametrize("module", TARGETS, ids=lambda m: m.name)
def test_targets_keep_to_their_own(module: Module) -> None:
    own = package_of(module.name)
    ours = [i for i in module.imports if not is_third_party(i.name) and i.name.split(".")[0].startswith("kexport")]
    wrong = [
        i
        for i in ours
        if home_of(i.name) != "kexport" and not is_in(home_of(i.name), TARGET_MAY | SHARED | RUNTIMES | {own})
    ]
    served = SERVED.get(own, set())
    wrong += [i for i in module.imports if is_in(i.name, FRAMEWORKS - served)]
    heavy = [i for i in module.imports if is_in(i.name, (RUNTIMES | served) - {own})]
    wrong += [i for i in heavy if not (i.lazy and module.name.endswith(".runtime"))]
    assert [place(module, i) for i in wrong] == []


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """The groups of modules that import each other, directly or not."""
    found: list[set[str]] = []
    rest = {name: set(below) for name, below in graph.items()}
    while True:
        try:
            list(TopologicalSorter(rest).static_order())
        except CycleError as e:
            group = set(e.args[1])
            while grown := {m for m in rest if m not in group and rest[m] & group and _reaches(rest, group, m)}:
                group |= grown
            found.append(group)
            rest = {name: below - group for name, below in rest.items() if name not in group}
        else:
            return found


def _reaches(graph: dict[str, set[str]], group: set[str], module: str) -> bool:
    """Whether some module of the group imports this one, directly or not."""
    seen: set[str] = set()
    waiting = list(group)
    while waiting:
        below = graph[waiting.pop()] - seen
        if module in below:
            return True
        seen |= below
        waiting += below
    return False


def test_no_circles() -> None:
    """Imports for type annotations and imports inside functions count as well."""
    graph = {m.name: {home_of(i.name) for i in m.imports} & (MODULES.keys() - {m.name}) for m in MODULES.values()}
    assert [sorted(group) for group in circles(graph)] == []


def test_circles_are_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": {"f"}, "f": {"e"}}
    assert sorted(map(sorted, circles(graph))) == [["a", "b", "c"], ["e", "f"]]
