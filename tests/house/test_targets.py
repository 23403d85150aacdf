"""All targets follow one plan: the same files, with the same names in them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from kexport.target import Target, targets

PLAN = {
    "": ("TARGET",),
    "target": (),
    "options": (),
    "legalize": ("DECOMPOSED", "RULES", "legalize"),
    "rules": (),
    "context": ("Context",),
    "emit": ("EMIT",),
    "emit.table": ("EMIT",),
    "emission": ("emit",),
    "writer": (),
    "reader": ("read_contract",),
    "lint": ("validate",),
    "runtime": (),
}
"""The modules of every target, and what each has besides its own."""
TARGETS = sorted(targets().values(), key=lambda t: t.name)


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_every_target_follows_the_plan(target: Target) -> None:
    package = type(target).__module__.split(".")[0]
    assert package == f"kexport_{target.name}"
    for module, names in PLAN.items():
        found = import_module(f"{package}.{module}" if module else package)
        assert [name for name in names if not hasattr(found, name)] == [], f"{package}.{module}"
    assert import_module(f"{package}.emit").EMIT is target.emitters
    assert import_module(f"{package}.legalize").RULES is target.rules


def test_rules_lie_in_the_folder_of_rules(root: Path) -> None:
    stray = [
        str(path.relative_to(root))
        for path in sorted((root / "targets").rglob("*.py"))
        if "\n@rule(" in path.read_text(encoding="utf-8") and path.parent.name != "rules"
    ]
    assert stray == []
